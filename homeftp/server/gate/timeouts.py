"""The time limits of one connection: deadlines, and a minimum rate for what the client has begun.

All times are by the clock that is passed in, which is monotonic: a step of
the wall clock neither disconnects a client nor spares one.
"""

from __future__ import annotations

from typing import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from homeftp.config import Limits

MIN_RATE = 1024
"""Bytes a second below which a stream counts as stalled."""


class Deadline:
    """Calls `expired` once, `seconds` from now, unless it is cancelled before."""

    def __init__(self, clock: IReactorTime, seconds: float, expired: Callable[[], None]) -> None:
        self._call: IDelayedCall | None = clock.callLater(seconds, self._expire, expired)

    def _expire(self, expired: Callable[[], None]) -> None:
        self._call = None
        expired()

    def cancel(self) -> None:
        """Cancel the deadline, which was met. May be called twice."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()


class StallTimer:
    """Watches one stream of bytes: `expired` is called when it is slower than `MIN_RATE` over `seconds`.

    `total` gives the count of bytes so far. A stream begins and ends with every
    payload, so the timer is kept running, and checks the state only when it fires.
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
        """Note that the peer owes bytes from now on. May be called again, without effect."""
        if not self._owed:
            self._owed = True
            self._since = self._clock.seconds()
            self._before = self._total()
            if self._timer is None:
                self._timer = Deadline(self._clock, self._seconds, self._check)

    def end(self) -> None:
        """Note that the peer owes nothing."""
        self._owed = False

    def stop(self) -> None:
        """Stop the timer."""
        self._owed = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        self._timer = None
        if not self._owed:
            return
        left = self._since + self._seconds - self._clock.seconds()
        if left > 0:
            self._timer = Deadline(self._clock, left, self._check)
        elif self._total() - self._before < MIN_RATE * self._seconds:
            self._owed = False
            self._expired()
        else:
            self._owed = False
            self.begin()


class _RepeatedCheck:
    """Calls `_check` so many seconds after `start`, which may be called again there."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._timer: Deadline | None = None

    def start(self) -> None:
        """Begin. May be called twice."""
        if self._timer is None:
            self._timer = Deadline(self._clock, self._seconds, self._fire)

    def stop(self) -> None:
        """Stop the timer."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _fire(self) -> None:
        self._timer = None
        self._check()

    def _check(self) -> None:
        raise NotImplementedError


class KeepAlive(_RepeatedCheck):
    """Calls `send` after each `seconds` in which `total`, the count of bytes that were sent, did not grow."""

    def __init__(self, clock: IReactorTime, seconds: float, total: Callable[[], int], send: Callable[[], None]) -> None:
        super().__init__(clock, seconds)
        self._total = total
        self._send = send
        self._before = -1

    def _check(self) -> None:
        if self._total() == self._before:
            self._send()
        self._before = self._total()
        self.start()


HANGUP_SECONDS = 1.0
"""How often to look whether the client of a connection that is not read is still there."""


class HangupCheck(_RepeatedCheck):
    """Looks from time to time whether the client of a connection that is not read has closed it: `hung_up` is called.

    `waits` tells whether the connection is still not read, and `closed` whether the client has closed it. Connections
    are paused and read again all the time, so the timer is kept running, and checks the state only when it fires.
    """

    def __init__(
        self, clock: IReactorTime, waits: Callable[[], bool], closed: Callable[[], bool], hung_up: Callable[[], None]
    ) -> None:
        super().__init__(clock, HANGUP_SECONDS)
        self._waits = waits
        self._closed = closed
        self._hung_up = hung_up

    def _check(self) -> None:
        if not self._waits():
            return
        if self._closed():
            self._hung_up()
        else:
            self.start()


class IdleTimer(_RepeatedCheck):
    """Calls `expired` once a connection has been idle for `seconds`, or up to twice as long.

    `idle_seconds` tells for how long it has been. A connection becomes busy and idle again all the time, so the timer
    is kept running, and checks the state only when it fires.
    """

    def __init__(
        self, clock: IReactorTime, seconds: float, idle_seconds: Callable[[], float], expired: Callable[[], None]
    ) -> None:
        super().__init__(clock, seconds)
        self._idle_seconds = idle_seconds
        self._least = seconds
        self._expired = expired

    def _check(self) -> None:
        if self._idle_seconds() >= self._least:
            self._expired()
        else:
            self.start()


LINGER_SECONDS = 10.0
"""How long the client may take to close its end of a connection that the server has closed."""


class Deadlines:
    """Every time limit of one connection, but for that of its login, which `Connections` keeps.

    `expired` is called with the reason when the connection must be aborted;
    `stalled` when a line or a payload that the client has begun does not arrive.
    `received` and `written` give the counts of bytes so far.
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
        self.tls = Deadline(clock, limits.tls_seconds, lambda: expired("the TLS handshake took too long"))
        self.input = StallTimer(clock, limits.stall_seconds, received, stalled)
        self.output = StallTimer(clock, limits.stall_seconds, written, lambda: expired("it does not read its answers"))

    @property
    def lingering(self) -> bool:
        """Whether the server has closed the connection and waits for the client to do the same."""
        return self._linger is not None

    def linger(self) -> None:
        """The server has closed the connection; a client that does not do so is disconnected after a while."""
        self._linger = Deadline(self._clock, LINGER_SECONDS, lambda: self._expired("it does not close its end"))

    def stop(self) -> None:
        """The connection has ended."""
        for deadline in (self.tls, self._linger):
            if deadline is not None:
                deadline.cancel()
        self.input.stop()
        self.output.stop()
