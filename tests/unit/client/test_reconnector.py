"""What a lost connection is made again for; test_retry.py has the transfers that go on."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from homeftp.client import Client
from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.client.reconnector import IReconnector, Reconnector
from homeftp.errors import Busy, LoginFailed, ShuttingDown, UntrustedServer
from tests.support.transfers import TransferCase


class ReconnectorTests(TransferCase):
    """A reconnector whose connections are those of the test."""

    def test_interface(self) -> None:
        """A Reconnector is an IReconnector."""
        self.assertTrue(verifyObject(IReconnector, Reconnector(self.server.clock, self.client.hello)))  # type: ignore[arg-type]

    def test_reasons(self) -> None:
        """A network failure and a server that stops or is busy are temporary; trust and logins are not."""

        async def good() -> Client:
            return self.client

        for reason, waits in (
            (ConnectionFailed("x"), True),
            (ShuttingDown("x"), True),
            (Busy("x"), True),
            (ProtocolViolation("x"), False),
            (UntrustedServer("x"), False),
            (LoginFailed("x"), False),
        ):
            reconnector = Reconnector(self.server.clock, good)
            reconnector.record_progress()
            working = Deferred.fromCoroutine(reconnector.reconnect(reason))
            self.server.clock.advance(1)
            if waits:
                self.assertIs(self.successResultOf(working), self.client)
            else:
                self.failureResultOf(working).trap(type(reason))

    def test_login_refused(self) -> None:
        """A login that is refused when the connection is made again ends the transfer."""

        async def refused() -> Client:
            raise LoginFailed("no more")

        reconnector = Reconnector(self.server.clock, refused)
        reconnector.record_progress()
        working = Deferred.fromCoroutine(reconnector.reconnect(ConnectionFailed("x")))
        self.server.clock.advance(1)
        self.failureResultOf(working).trap(LoginFailed)
