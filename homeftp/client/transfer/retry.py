"""A connection that is made again when it breaks, with growing pauses, until it has to be given up.

Only what may pass by itself is waited for: a network that is down, a server
that is being started anew or has too much to do. A server that is not trusted
any more, or refuses the login, ends it at once.
"""

from __future__ import annotations

from typing import Awaitable, Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from homeftp.client.api import Client
from homeftp.client.connection.errors import ConnectionFailed, NotReached, ProtocolViolation
from homeftp.client.transfer.model import TransferContext, TransferObserver
from homeftp.config import ClientTimeouts
from homeftp.errors import Busy, ShuttingDown

_FIRST, _LONGEST = 1.0, 30.0
"""Seconds of the first pause, and of the longest; each is twice the one before."""

_PASSING = (ConnectionFailed, ShuttingDown, Busy)


def passes(reason: Exception) -> bool:
    """Whether it may be otherwise in a while; of a server with several addresses, at one of them."""
    if isinstance(reason, NotReached):
        return any(passes(each) for _, each in reason.failures)
    return isinstance(reason, _PASSING) and not isinstance(reason, ProtocolViolation)


class Reconnector:
    """Connections to one server, one after the other; `make` makes one, `say` is told what is waited for."""

    def __init__(
        self,
        clock: IReactorTime,
        make: Callable[[], Awaitable[Client]],
        *,
        say: Callable[[str], None] = lambda words: None,
        patience: ClientTimeouts | None = None,
    ) -> None:
        self.say = say
        self.client: Client | None = None
        """The newest connection."""
        self._clock = clock
        self._make = make
        self._seconds = (patience or ClientTimeouts()).reconnect_seconds
        self._pause = _FIRST
        self._got_on_at = 0.0

    async def connect(self) -> Client:
        """The first connection; raises what `make` does."""
        self.client = await self._make()
        self.got_on()
        return self.client

    def got_on(self) -> None:
        """What is done over the connection gets on: when it breaks again, that is another matter."""
        self._got_on_at = self._clock.seconds()
        self._pause = _FIRST

    async def again(self, reason: Exception) -> Client:
        """A new connection, the old one being of no use for `reason`; raises that, or a later one, when it gives up."""
        if self.client is not None:
            self.client.protocol.abandon(reason)
        while passes(reason) and self._clock.seconds() - self._got_on_at + self._pause <= self._seconds:
            self.say(f"{reason}: trying again in {self._pause:.0f} s")
            await deferLater(self._clock, self._pause)
            self._pause = min(2 * self._pause, _LONGEST)
            try:
                self.client = await self._make()
            except _PASSING as failed:
                reason = failed
            else:
                self.say("connected again")
                return self.client
        raise reason

    async def close(self) -> None:
        """End the newest connection."""
        if self.client is not None:
            await self.client.close()


async def persist_transfer(
    client: Client, tools: TransferContext, watch: TransferObserver, work: Callable[[Client], Awaitable[None]]
) -> None:
    """Do `work` over `client`, and anew over the next connection whenever one breaks, where `tools.line` makes one.

    Work that is done anew finds out by itself what of it is done already.
    """
    if tools.line is not None:
        watch.on_alive = tools.line.got_on
    while True:
        try:
            return await work(client)
        except _PASSING as reason:  # noqa: PERF203 (that is what the loop is for)
            if tools.line is None:
                raise
            client = await tools.line.again(reason)
            watch.again()
