"""The seam between the server and its front ends: a third, short one, gets everything from it."""

from __future__ import annotations

import time
from typing import Any
from unittest import mock

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from homeftp.config import Limits
from homeftp.interfaces import ILogin
from homeftp.status import Status
from tests.support import replay
from tests.support.embedded import PASSWORD, EmbeddedServer
from tests.support.linefrontend import line_front_end
from tests.support.smallfrontend import SmallFrontEnd
from tests.support.waiting import WITHIN


class LineClient(LineReceiver):
    """Sends a line and waits for one."""

    delimiter = b"\n"

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self._answer: Deferred[bytes] | None = None

    def ask(self, line: str) -> Deferred[bytes]:
        self._answer = Deferred()
        self.sendLine(line.encode("utf-8", "surrogateescape"))
        return self._answer

    def lineReceived(self, line: bytes) -> None:
        assert self._answer is not None
        self._answer.callback(line)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.ended.callback(None)


class FrontEndTests(TestCase):
    """A server with the JSON front end and a line-based one."""

    def make(self, limits: Limits | None = None, front_end: Any = None) -> None:
        self.front_end = front_end or line_front_end()
        self.served = self.front_end.service = mock.Mock(wraps=self.front_end.service)
        self.server = server = EmbeddedServer([self.front_end], limits=limits)
        self.server.lay("notes/a.txt", b"hello")
        self.server.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))

    async def connect(self) -> LineClient:
        address = self.front_end.listener.address
        endpoint = TCP4ClientEndpoint(_reactor, "127.0.0.1", getattr(address, "port", 0))
        client: LineClient = await connectProtocol(endpoint, LineClient())

        async def end() -> None:
            client.transport.loseConnection()  # type: ignore[union-attr]
            await client.ended

        self.addCleanup(lambda: Deferred.fromCoroutine(end()))
        return client

    async def member(self) -> LineClient:
        client = await self.connect()
        self.assertEqual(await client.ask(f"LOGIN ann {PASSWORD}"), b"hello ann")
        return client

    async def timely_member(self) -> LineClient:
        """A member of a server that has a short limit for logins: as short as this machine is quick enough for."""
        seconds = 1
        while True:
            self.make(Limits(login_seconds=seconds))
            client = await self.connect()
            answer = client.ask(f"LOGIN ann {PASSWORD}")
            either: list[Deferred[Any]] = [answer, client.ended]
            await DeferredList(either, fireOnOneCallback=True)
            if answer.called:
                return client
            seconds *= 3

    def logins(self) -> list[ILogin]:
        found: list[ILogin] = self.served.call_args.args[0].logins.logins()
        return found

    async def test_smallest(self) -> None:
        """The smallest front end logs in, lists and gets, and its connection ends when its account is removed."""
        self.make(front_end=SmallFrontEnd())
        client, other = await self.member(), await self.connect()
        self.assertEqual(await client.ask("LIST notes"), b"a.txt")
        self.assertEqual(await client.ask("GET notes/a.txt"), b"hello")
        self.assertEqual(await other.ask("GET notes/a.txt"), b"31 log in first")
        self.server.state.remove_account("ann")
        await client.ended
        self.assertFalse(other.ended.called, "the control")

    async def test_serves(self) -> None:
        """Login, list, get; wrong passwords and early commands are refused; the audit log names the front end."""
        self.make()
        client = await self.connect()
        self.assertEqual(await client.ask("LIST notes"), b"31 log in first: LOGIN name password")
        self.assertIn(b"32 ", await client.ask("LOGIN ann wrong"))
        self.assertEqual(await client.ask(f"LOGIN ann {PASSWORD}"), b"hello ann")
        self.assertEqual(await client.ask("LIST notes"), b"a.txt")
        self.assertEqual(await client.ask("GET notes/a.txt"), b"hello")
        self.assertIn(b"40 ", await client.ask("GET notes/b.txt"))
        lines = [line for line in replay.lines(self.server.state_dir) if line["event"] == "login"]
        self.assertEqual([line["status"] for line in lines], [Status.LOGIN_FAILED, Status.OK])
        self.assertEqual({line["front_end"] for line in lines}, {"line"})

    async def test_answers(self) -> None:
        """Each line gets its answer, in order: bytes that are no text, and a second login, which is refused."""
        self.make()
        client = await self.member()
        self.assertIn(b"20 ", await client.ask("LIST a\udcff"))
        self.assertIn(b"20 ", await client.ask(f"LOGIN ann {PASSWORD}"))
        self.assertEqual(len(self.logins()), 1)
        self.assertEqual(await client.ask("LIST notes"), b"a.txt")

    async def test_hangs_up(self) -> None:
        """A client that hangs up, while it logs in or later, leaves no login."""
        self.make()
        for early in (True, False):
            client = await self.connect()
            answer = client.ask(f"LOGIN ann {PASSWORD}")
            if not early:
                await answer
                self.assertEqual(len(self.logins()), 1, "the control")
            client.transport.abortConnection()  # type: ignore[union-attr]
            await client.ended
            deadline = time.monotonic() + WITHIN
            while self.logins() and time.monotonic() < deadline:
                await deferLater(_reactor, 0.01, lambda: None)
            self.assertEqual(self.logins(), [])

    async def test_no_login(self) -> None:
        """A connection that does not log in in time is aborted; one that did stays."""
        member, idle = await self.timely_member(), await self.connect()
        await idle.ended
        self.assertEqual(await member.ask("LIST notes"), b"a.txt")

    async def test_caps(self) -> None:
        """Its connections count against the caps of the server: of three that may be two, one is closed."""
        self.make(Limits(unauthenticated=2))
        member = await self.member()
        clients = [await self.connect() for _ in range(3)]
        await DeferredList([each.ended for each in clients], fireOnOneCallback=True)
        self.assertEqual(len([each for each in clients if each.ended.called]), 1)
        self.assertFalse(member.ended.called, "the control")

    async def test_throttled(self) -> None:
        """Wrong passwords are limited as everywhere."""
        self.make(Limits(guesses=3))
        client = await self.connect()
        answers = [await client.ask("LOGIN ann wrong") for _ in range(4)]
        self.assertEqual([answer[:2] for answer in answers], [b"32", b"32", b"32", b"51"])

    async def test_revoked(self) -> None:
        """Its connections end within five seconds after the account was removed; others' do not."""
        self.make()
        client, other = await self.member(), await self.connect()
        self.server.state.remove_account("ann")
        began = time.monotonic()
        await client.ended
        self.assertLess(time.monotonic() - began, 5)
        self.assertFalse(other.ended.called, "the control")

    async def test_stopped(self) -> None:
        """When the server stops it closes their connections."""
        self.make()
        client = await self.member()
        await self.server.stop()
        await client.ended
