"""How long a client may take: absolute deadlines, and a least rate for what it has begun; all of one connection's.

Every time is by the clock that is passed in, which is monotonic: a step of
the wall clock neither drops a client nor spares one.
"""

from __future__ import annotations

from typing import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from homeftp.config import Limits

LEAST_RATE = 1024
"""Bytes a second below which a stream counts as stalled."""


class Deadline:
    """Calls `expired` once, `seconds` after it began, unless it is met before."""

    def __init__(self, clock: IReactorTime, seconds: float, expired: Callable[[], None]) -> None:
        self._call: IDelayedCall | None = clock.callLater(seconds, self._expire, expired)

    def _expire(self, expired: Callable[[], None]) -> None:
        self._call = None
        expired()

    def cancel(self) -> None:
        """It is met. May be called twice."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()


class StallTimer:
    """Watches one stream of bytes: less than `LEAST_RATE` over `seconds`, and `expired` is called.

    `total` is the count of bytes so far. A stream begins and ends with every
    payload, so its timer stays: it looks at the state only when it is due.
    """

    def __init__(
        self, clock: IReactorTime, seconds: float, total: Callable[[], int], expired: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._total = total
        self._expired = expired
        self._timer: Deadline | None = None
        self._owed = False
        self._since = 0.0
        self._before = 0

    def begin(self) -> None:
        """The peer owes bytes from now on. Saying so again changes nothing."""
        if not self._owed:
            self._owed = True
            self._since = self._clock.seconds()
            self._before = self._total()
            if self._timer is None:
                self._timer = Deadline(self._clock, self._seconds, self._judge)

    def end(self) -> None:
        """The peer owes nothing."""
        self._owed = False

    def stop(self) -> None:
        """Watch no more."""
        self._owed = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _judge(self) -> None:
        self._timer = None
        if not self._owed:
            return
        left = self._since + self._seconds - self._clock.seconds()
        if left > 0:
            self._timer = Deadline(self._clock, left, self._judge)
        elif self._total() - self._before < LEAST_RATE * self._seconds:
            self._owed = False
            self._expired()
        else:
            self._owed = False
            self.begin()


LINGER_SECONDS = 10.0
"""How long a closed connection may take to hear of it."""


class Deadlines:
    """Every time limit of one connection.

    `expired` is called with the reason when the connection must end at once;
    `stalled` when what the client has begun to send does not come.
    `received` and `written` count the bytes so far.
    """

    def __init__(
        self,
        clock: IReactorTime,
        limits: Limits,
        *,
        received: Callable[[], int],
        written: Callable[[], int],
        stalled: Callable[[], None],
        expired: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._expired = expired
        self._linger: Deadline | None = None
        self.tls = Deadline(clock, limits.tls_seconds, lambda: expired("no TLS in time"))
        self.login = Deadline(clock, limits.login_seconds, lambda: expired("no login in time"))
        self.input = StallTimer(clock, limits.stall_seconds, received, stalled)
        self.output = StallTimer(clock, limits.stall_seconds, written, lambda: expired("answers are not read"))

    @property
    def lingering(self) -> bool:
        """Whether the connection has been closed and waits for the client to close its end."""
        return self._linger is not None

    def linger(self) -> None:
        """The connection has been closed; a client that does not hear of it is cut off."""
        self._linger = Deadline(self._clock, LINGER_SECONDS, lambda: self._expired("goodbye is not answered"))

    def stop(self) -> None:
        """The connection has ended."""
        for deadline in (self.tls, self.login, self._linger):
            if deadline is not None:
                deadline.cancel()
        self.input.stop()
        self.output.stop()
