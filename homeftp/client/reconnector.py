"""Reconnecting when a connection is lost, with growing pauses, until the time for it is over.

Only failures that may be temporary are retried: a network that is down, a
server that restarts or is busy. A server that is not trusted or refuses the
login ends the transfer at once.
"""

from __future__ import annotations

from typing import Awaitable, Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import Attribute, Interface, implementer

from homeftp.client.api import Client
from homeftp.client.errors import AllAddressesFailed, ConnectionFailed, ProtocolViolation, UploadAbandoned
from homeftp.config import ClientTimeouts
from homeftp.errors import Busy, InUse, ShuttingDown

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds; each pause is twice the one before. A server restarts in about a second, a router in half a minute."""

TEMPORARY = (ConnectionFailed, ShuttingDown, Busy)
"""Why a connection is made again."""


def is_temporary(reason: Exception) -> bool:
    """Whether a later try may succeed; with several addresses, at one of them."""
    if isinstance(reason, AllAddressesFailed):
        return any(is_temporary(each) for _, each in reason.failures)
    return isinstance(reason, (*TEMPORARY, InUse)) and not isinstance(reason, ProtocolViolation)


class IReconnector(Interface):
    """Makes a lost connection again."""

    notify: Callable[[str], None] = Attribute("Called with a message for people before a pause and after it.")
    client: Client | None = Attribute("The newest connection; None before the first one.")

    def record_progress() -> None:
        """The transfer got on: count the time and the pauses anew when the connection is lost."""

    def reconnect(reason: Exception) -> Awaitable[Client]:
        """Wait and connect again after `reason`; the Awaitable fails with the last reason when that is given up."""


@implementer(IReconnector)
class Reconnector:
    """Connections to one server, one after the other.

    `make` makes a connection; `notify` is called with a message for people
    before each pause, and after each new connection.
    """

    def __init__(
        self,
        clock: IReactorTime,
        make: Callable[[], Awaitable[Client]],
        *,
        notify: Callable[[str], None] = lambda message: None,
        timeouts: ClientTimeouts | None = None,
    ) -> None:
        self.notify = notify
        self.client: Client | None = None
        """The newest connection."""
        self._clock = clock
        self._make = make
        self._seconds = (timeouts or ClientTimeouts()).reconnect_seconds
        self._pause = _FIRST_PAUSE
        self._progress_at = 0.0

    async def connect(self) -> Client:
        """Make the first connection; raises what `make` raises."""
        self.client = await self._connect()
        self.record_progress()
        return self.client

    async def _connect(self) -> Client:
        client = await self._make()
        client.protocol.on_silence(lambda message: self.notify(message))
        return client

    def record_progress(self) -> None:
        """The transfer got on: count the time and the pauses anew when the connection is lost."""
        self._progress_at = self._clock.seconds()
        self._pause = _FIRST_PAUSE

    async def reconnect(self, reason: Exception) -> Client:
        """Abandon the connection, which failed for `reason`, and make another; raises the last reason to give up.

        That is at once, and without a word, where the transfer itself has ended the connection.
        """
        if self.client is not None:
            self.client.protocol.abort(reason)
        if isinstance(reason, UploadAbandoned):
            try:
                self.client = await self._connect()
            except TEMPORARY as failed:
                reason = failed
            else:
                return self.client
        while is_temporary(reason) and self._clock.seconds() - self._progress_at + self._pause <= self._seconds:
            self.notify(f"{reason}: trying again in {self._pause:.0f} s")
            await deferLater(self._clock, self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            try:
                self.client = await self._connect()
            except TEMPORARY as failed:
                reason = failed
            else:
                self.notify("connected again")
                return self.client
        raise reason

    async def close(self) -> None:
        """Close the newest connection."""
        if self.client is not None:
            await self.client.close()
