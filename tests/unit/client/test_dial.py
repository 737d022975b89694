"""A server that may be at several addresses, tried together: who answers decides, not where."""

from __future__ import annotations

import time
from typing import Any, Coroutine
from unittest import mock

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IHostnameResolver, IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import directlyProvides

from homeftp.client import Address, AllAddressesFailed, ConnectionFailed, NoTrustedServer
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.client.dial import ServerAddress, connect_first
from homeftp.client.transfer.retry import is_temporary
from homeftp.config import ClientTimeouts
from homeftp.crypto import tls
from homeftp.errors import UntrustedServer
from tests.support.fakeserver import identity

LOOP: Any = reactor

NEVER = 60.0
"""Seconds between two attempts, where waiting for the next one would be noticed."""


def resolve(receiver: Any, name: str, portNumber: int) -> None:
    """Every name has three addresses, of which the last is ours."""
    receiver.resolutionBegan(None)
    for kind, host in ((IPv6Address, "::1"), (IPv4Address, "127.0.0.2"), (IPv4Address, "127.0.0.1")):
        receiver.addressResolved(kind("TCP", host, portNumber))
    receiver.resolutionComplete()


class Answering(Protocol):
    """Answers STARTTLS as the home that `which` names, and notes all that it is sent; None: never answers."""

    transport: Any

    def __init__(self, place: Place) -> None:
        self.place = place
        self.secret = False

    def connectionMade(self) -> None:
        self.place.open.add(self)
        self.place.met += 1

    def dataReceived(self, data: bytes) -> None:
        if self.secret:
            self.place.heard += data
            return
        self.place.plain += data
        if data.endswith(b"\n") and self.place.answer:
            self.transport.write(self.place.answer)
        elif data.endswith(b"\n") and self.place.which is not None:
            self.secret = True
            self.transport.write(b'{"status": 0, "message": "go ahead"}\n')
            self.transport.startTLS(tls.server_options(identity(self.place.which)))

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.place.open.discard(self)
        if not self.place.open and self.place.empty is not None:
            self.place.empty.callback(None)


class Place(Factory):
    """A port on loopback."""

    noisy = False

    def __init__(self, which: str | None, answer: bytes = b"") -> None:
        self.which = which
        self.answer = answer
        self.plain = self.heard = b""
        self.met = 0
        self.open: set[Answering] = set()
        self.empty: Deferred[None] | None = None
        self.port: IListeningPort = LOOP.listenTCP(0, self, interface="127.0.0.1")
        self.address = Address("127.0.0.1", self.port.getHost().port)

    def buildProtocol(self, addr: object) -> Answering:
        return Answering(self)

    async def close(self) -> None:
        """Listen no more; everybody has to have hung up, or the test waits in vain."""
        await self.stop()
        if self.open:
            self.empty = Deferred().addTimeout(5, LOOP)
            await self.empty

    async def stop(self) -> None:
        """Listen no more."""
        stopping = self.port.stopListening()
        if stopping is not None:
            await stopping


class ReachTests(TestCase):
    """The real thing, on loopback. That all others are closed is looked at after each test."""

    def place(self, which: str | None, answer: bytes = b"") -> Place:
        place = Place(which, answer)
        self.addCleanup(lambda: Deferred.fromCoroutine(place.close()))
        return place

    def nowhere(self) -> Address:
        """A port at which nothing listens."""
        place = Place(None)
        self.addCleanup(lambda: None)
        Deferred.fromCoroutine(place.stop())
        return place.address

    def connect(
        self, *addresses: ServerAddress, seconds: float = 0.05, **timeouts: float
    ) -> Coroutine[Any, Any, Address]:
        async def reached() -> Address:
            options = tls.client_options(identity("home").ca_pem)
            where, protocol = await connect_first(
                LOOP, addresses, options, ClientTimeouts(attempt_seconds=seconds, **timeouts)
            )
            self.assertIsInstance(protocol, ClientProtocol)
            await protocol.close()
            assert isinstance(where, Address)
            return where

        return reached()

    async def test_silent(self) -> None:
        """One that takes the connection and never answers, or never begins TLS, puts off the next one, no more."""
        silent, home = self.place(None), self.place("home")
        self.assertEqual(await self.connect(silent.address, home.address), home.address)
        self.assertEqual((silent.met, silent.plain), (1, b'{"request_type":"STARTTLS"}\n'))

    async def test_stranger(self) -> None:
        """Another home at a remembered address is told nothing, and the server is found at the next at once."""
        other, home = self.place("other"), self.place("home")
        self.assertEqual(await self.connect(other.address, home.address, seconds=NEVER), home.address)
        self.assertEqual((other.met, other.plain, other.heard), (1, b'{"request_type":"STARTTLS"}\n', b""))

    async def test_no_server(self) -> None:
        """A captive portal, or nothing at all, at an address is no hindrance either; nor is an impossible name."""
        portal, home = self.place(None, b"HTTP/1.1 302 Found\r\n\r\n"), self.place("home")
        places = [portal.address, self.nowhere(), Address("x" * 300), home.address]
        self.assertEqual(await self.connect(*places, seconds=NEVER), home.address)

    async def test_first_suffices(self) -> None:
        """ServerAddress the first address is right nobody else is called."""
        home, second = self.place("home"), self.place("home")
        self.assertEqual(await self.connect(home.address, second.address, seconds=NEVER), home.address)
        self.assertEqual(second.met, 0)

    async def test_together(self) -> None:
        """Of many that are right one is taken, and all others are closed."""
        homes = [self.place("home") for _ in range(8)]
        await self.connect(*(each.address for each in homes), seconds=0)
        self.assertGreater(sum(each.met for each in homes), 1, "the control")

    async def test_name(self) -> None:
        """Of a name with several addresses any may be the right one."""
        home = self.place("home")

        resolver = mock.Mock()
        directlyProvides(resolver, IHostnameResolver)
        resolver.resolveHostName = resolve
        before = LOOP.installNameResolver(resolver)
        self.addCleanup(LOOP.installNameResolver, before)
        there = Address("nas.example.org", home.address.port)
        self.assertEqual(await self.connect(there, self.place(None).address, seconds=NEVER), there)

    async def test_one(self) -> None:
        """Of a single address it is said what is the matter there, as ever."""
        with self.assertRaisesRegex(ConnectionFailed, "nothing listens at 127.0.0.1:[0-9]+: is the server running"):
            await self.connect(self.nowhere())
        with self.assertRaisesRegex(UntrustedServer, "does not prove to be the one"):
            await self.connect(self.place("other").address)

    async def test_none(self) -> None:
        """ServerAddress all fail each is named with what happened, in one line; that may pass."""
        places = [self.nowhere(), self.place(None).address]
        with self.assertRaises(AllAddressesFailed) as caught:
            await self.connect(*places, tls_seconds=0.2)
        said = str(caught.exception)
        self.assertIn(f"{places[0]}: nothing listens there; {places[1]}: the server does not begin TLS", said)
        self.assertNotIsInstance(caught.exception, UntrustedServer)
        self.assertTrue(is_temporary(caught.exception))

    async def test_none_trusted(self) -> None:
        """ServerAddress all fail and somebody else answered, that comes first, and is what the failure is."""
        places = [self.nowhere(), self.place("other").address]
        with self.assertRaises(NoTrustedServer) as caught:
            await self.connect(*places)
        self.assertIsInstance(caught.exception, UntrustedServer)
        self.assertRegex(str(caught.exception), f"its addresses: {places[1]}: another server.*; {places[0]}: nothing")
        self.assertTrue(is_temporary(caught.exception), "the server may come back at the other one")
        with self.assertRaises(NoTrustedServer) as caught:
            await self.connect(places[1], self.place("third").address)
        self.assertFalse(is_temporary(caught.exception))

    async def test_cancelled(self) -> None:
        """Ctrl-C in the middle leaves no connection behind."""
        silent = [self.place(None) for _ in range(3)]
        reaching = Deferred.fromCoroutine(self.connect(*(each.address for each in silent), seconds=0.01))
        deadline = time.monotonic() + 10
        while sum(each.met for each in silent) < 3:
            self.assertLess(time.monotonic(), deadline)
            await deferLater(LOOP, 0.01)
        reaching.cancel()
        with self.assertRaises(CancelledError):
            await reaching
