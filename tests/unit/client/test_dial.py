"""Connecting to a server: its login and identity, and several addresses that are tried together."""

from __future__ import annotations

import errno
import time
from typing import Any, Coroutine
from unittest import mock

from twisted.internet import error, reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IHostnameResolver, IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import directlyProvides

from homeftp.client import Address, AllAddressesFailed, Client, ConnectionFailed, NoTrustedServer
from homeftp.client.connection.protocol import ClientProtocol
from homeftp.client.dial import ServerAddress, connect, connect_first, fetch_server_identity
from homeftp.client.reconnector import is_temporary
from homeftp.config import ClientTimeouts
from homeftp.crypto import tls
from homeftp.errors import LoginFailed, UntrustedServer
from tests.support.endpoints import FakeEndpoint
from tests.support.fakeserver import identity
from tests.support.inmemory import PASSWORD, Server
from tests.support.ports import reserved_port
from tests.support.waiting import WITHIN

LOOP: Any = reactor

NEVER = 60.0
"""Seconds between two attempts, where waiting for the next one would be noticed."""


def resolve(receiver: Any, name: str, portNumber: int) -> None:
    """Every name has three addresses; only the last has a server."""
    receiver.resolutionBegan(None)
    for kind, host in ((IPv6Address, "::1"), (IPv4Address, "127.0.0.2"), (IPv4Address, "127.0.0.1")):
        receiver.addressResolved(kind("TCP", host, portNumber))
    receiver.resolutionComplete()


class Answering(Protocol):
    """Answers STARTTLS as the server that `which` names, and records what it is sent; None: never answers."""

    transport: Any

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.secret = False

    def connectionMade(self) -> None:
        self.listener.open.add(self)
        self.listener.met += 1

    def dataReceived(self, data: bytes) -> None:
        if self.secret:
            self.listener.heard += data
            return
        self.listener.plain += data
        if data.endswith(b"\n") and self.listener.answer:
            self.transport.write(self.listener.answer)
        elif data.endswith(b"\n") and self.listener.which is not None:
            self.secret = True
            self.transport.write(b'{"status": 0, "message": "go ahead"}\n')
            self.transport.startTLS(tls.server_options(identity(self.listener.which)))

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.listener.open.discard(self)
        if not self.listener.open and self.listener.empty is not None:
            self.listener.empty.callback(None)


class Listener(Factory):
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
        stopping = self.port.stopListening()
        if stopping is not None:
            await stopping
        if self.open:
            self.empty = Deferred().addTimeout(WITHIN, LOOP)
            await self.empty


class SeveralAddressesTests(TestCase):
    """Several addresses, on loopback. After each test all other connections must be closed."""

    def listener(self, which: str | None, answer: bytes = b"") -> Listener:
        listener = Listener(which, answer)
        self.addCleanup(lambda: Deferred.fromCoroutine(listener.close()))
        return listener

    def nowhere(self) -> Address:
        """A port at which nothing listens."""
        return Address("127.0.0.1", reserved_port())

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
        """A server that never answers, or never starts TLS, delays the next address, and no more."""
        silent, home = self.listener(None), self.listener("home")
        self.assertEqual(await self.connect(silent.address, home.address), home.address)
        self.assertEqual((silent.met, silent.plain), (1, b'{"request_type":"STARTTLS"}\n'))

    async def test_other_server(self) -> None:
        """Another server at an address gets nothing, and the next address is tried at once."""
        other, home = self.listener("other"), self.listener("home")
        self.assertEqual(await self.connect(other.address, home.address, seconds=NEVER), home.address)
        self.assertEqual((other.met, other.plain, other.heard), (1, b'{"request_type":"STARTTLS"}\n', b""))

    async def test_no_server(self) -> None:
        """A captive portal, a closed port and an impossible name are skipped in the same way."""
        portal, home = self.listener(None, b"HTTP/1.1 302 Found\r\n\r\n"), self.listener("home")
        places = [portal.address, self.nowhere(), Address("x" * 300), home.address]
        self.assertEqual(await self.connect(*places, seconds=NEVER), home.address)

    async def test_first_suffices(self) -> None:
        """No other address is tried while the first one works."""
        home, second = self.listener("home"), self.listener("home")
        self.assertEqual(await self.connect(home.address, second.address, seconds=NEVER), home.address)
        self.assertEqual(second.met, 0)

    async def test_together(self) -> None:
        """Of many addresses that work one connection is kept, and all others are closed."""
        homes = [self.listener("home") for _ in range(8)]
        await self.connect(*(each.address for each in homes), seconds=0)
        self.assertGreater(sum(each.met for each in homes), 1, "the control")

    async def test_name(self) -> None:
        """A host name with several IP addresses works if one of them does."""
        home = self.listener("home")

        resolver = mock.Mock()
        directlyProvides(resolver, IHostnameResolver)
        resolver.resolveHostName = resolve
        before = LOOP.installNameResolver(resolver)
        self.addCleanup(LOOP.installNameResolver, before)
        there = Address("nas.example.org", home.address.port)
        self.assertEqual(await self.connect(there, self.listener(None).address, seconds=NEVER), there)

    async def test_single(self) -> None:
        """For a single address the error says what happened there."""
        with self.assertRaisesRegex(ConnectionFailed, "nothing listens at 127.0.0.1:[0-9]+: is the server running"):
            await self.connect(self.nowhere())
        with self.assertRaisesRegex(UntrustedServer, "does not prove to be the one"):
            await self.connect(self.listener("other").address)

    async def test_all_failed(self) -> None:
        """The error of several addresses names each with its failure, and is temporary."""
        places = [self.nowhere(), self.listener(None).address]
        with self.assertRaises(AllAddressesFailed) as caught:
            await self.connect(*places, tls_seconds=0.2)
        said = str(caught.exception)
        self.assertIn(f"{places[0]}: nothing listens there; {places[1]}: the server does not begin TLS", said)
        self.assertNotIsInstance(caught.exception, UntrustedServer)
        self.assertTrue(is_temporary(caught.exception))

    async def test_none_trusted(self) -> None:
        """Another server at one of the addresses comes first in the error, which is an UntrustedServer."""
        places = [self.nowhere(), self.listener("other").address]
        with self.assertRaises(NoTrustedServer) as caught:
            await self.connect(*places)
        self.assertIsInstance(caught.exception, UntrustedServer)
        self.assertRegex(str(caught.exception), f"its addresses: {places[1]}: another server.*; {places[0]}: nothing")
        self.assertTrue(is_temporary(caught.exception), "the server may come back at the other one")
        with self.assertRaises(NoTrustedServer) as caught:
            await self.connect(places[1], self.listener("third").address)
        self.assertFalse(is_temporary(caught.exception))

    async def test_cancelled(self) -> None:
        """Cancelling closes all connections."""
        silent = [self.listener(None) for _ in range(3)]
        reaching = Deferred.fromCoroutine(self.connect(*(each.address for each in silent), seconds=0.01))
        deadline = time.monotonic() + WITHIN
        while sum(each.met for each in silent) < 3:
            self.assertLess(time.monotonic(), deadline)
            await deferLater(LOOP, 0.01)
        reaching.cancel()
        with self.assertRaises(CancelledError):
            await reaching


class ConnectTests(SynchronousTestCase):
    """One server, in memory, with real TLS."""

    def setUp(self) -> None:
        self.server = Server.make()
        self.addCleanup(self.server.close)
        self.endpoint = FakeEndpoint(self.server, identity("home"))

    def run_work(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        """Deliver everything that both sides send."""
        running = Deferred.fromCoroutine(work)
        assert self.endpoint.wire is not None
        self.endpoint.wire.pump()
        return running

    def connect(self, password: str = PASSWORD, ca: str = "home") -> Deferred[Client]:
        """Connect with a password."""
        ca_pem = identity(ca).ca_pem
        return self.run_work(connect(self.server.clock, self.endpoint, ca=ca_pem, username="ann", password=password))

    def test_login(self) -> None:
        """The client is logged in, and knows the address and the server's HELLO."""
        client = self.successResultOf(self.connect())
        self.assertIs(client.address, self.endpoint)
        self.assertEqual(client.server_info.account, "ann")

    def test_wrong_password(self) -> None:
        """A refused login closes the connection."""
        self.failureResultOf(self.connect("wrong"), LoginFailed)
        assert self.endpoint.wire is not None
        self.endpoint.wire.pump()
        self.assertTrue(self.endpoint.wire.near.lost)

    def test_other_ca(self) -> None:
        """A server of another CA gets no login."""
        with mock.patch.object(Client, "login") as login:
            self.failureResultOf(self.connect(ca="other"), UntrustedServer)
        login.assert_not_called()

    def test_identity(self) -> None:
        """The CA and its fingerprint, from a server that is not known."""
        found = self.successResultOf(self.run_work(fetch_server_identity(self.server.clock, self.endpoint)))
        self.assertEqual((found.ca, found.fingerprint), (identity("home").ca_pem, identity("home").fingerprint))

    def test_errors(self) -> None:
        """Errors of the connection say what to check."""
        for failure, expected in (
            (error.DNSLookupError(), "cannot find the server"),
            (ValueError("x"), "cannot find the server"),
            (error.TimeoutError(), "the server does not answer: is the computer on"),
            (error.ConnectionRefusedError(), "nothing listens at the server: is the server running, and is the port"),
            (error.ConnectError(errno.ENOENT), "nothing listens at the server"),
            (error.ConnectError(errno.ENETUNREACH), "cannot reach the server: Network is unreachable"),
        ):
            endpoint = FakeEndpoint(self.server, failure=failure)
            running = Deferred.fromCoroutine(fetch_server_identity(self.server.clock, endpoint))
            self.assertIn(expected, str(self.failureResultOf(running, ConnectionFailed).value))
