"""How long a client may take: absolute deadlines, and a least rate for what it has begun.

Every time is by the clock that is passed in, which is monotonic: a step of
the wall clock neither drops a client nor spares one.
"""

from __future__ import annotations

from typing import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

LEAST_RATE = 1024
"""Bytes a second below which a stream counts as stalled."""


class Deadline:
    """Calls `expired` once, `seconds` after it began, unless it is met before."""

    def __init__(self, clock: IReactorTime, seconds: float, expired: Callable[[], None]) -> None:
        self._call: IDelayedCall | None = clock.callLater(seconds, self._expire, expired)

    def _expire(self, expired: Callable[[], None]) -> None:
        self._call = None
        expired()

    def met(self) -> None:
        """What was waited for has happened. May be said twice."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()


class Stall:
    """Watches one stream of bytes: less than `LEAST_RATE` over `seconds`, and `expired` is called.

    `total` is the count of bytes so far; it is asked only when the time is up.
    """

    def __init__(
        self, clock: IReactorTime, seconds: float, total: Callable[[], int], expired: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._total = total
        self._expired = expired
        self._deadline: Deadline | None = None
        self._before = 0

    def begin(self) -> None:
        """The peer owes bytes from now on. Saying so again changes nothing."""
        if self._deadline is None:
            self._before = self._total()
            self._deadline = Deadline(self._clock, self._seconds, self._judge)

    def end(self) -> None:
        """The peer owes nothing."""
        if self._deadline is not None:
            self._deadline.met()
            self._deadline = None

    def _judge(self) -> None:
        self._deadline = None
        if self._total() - self._before < LEAST_RATE * self._seconds:
            self._expired()
        else:
            self.begin()
