"""Whether a connection has waited too long for its server, by the monotonic clock."""

from __future__ import annotations

from typing import Callable, NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from homeftp.config import ClientTimeouts

_CHECKS = 4
"""How often within the stall time progress is checked: a stall is noticed at most a quarter too late."""


class PendingWait(NamedTuple):
    """How many seconds without progress are allowed, and the complaint when there were more."""

    seconds: float
    complaint: str


class Watchdog:
    """Calls `expired` with a complaint, once, when the server has been silent for too long."""

    def __init__(self, clock: IReactorTime, timeouts: ClientTimeouts, expired: Callable[[str], None]) -> None:
        self._clock = clock
        self._timeouts = timeouts
        self._expired = expired
        self._call: IDelayedCall | None = None
        self._progressed_at = 0.0
        self.notify: Callable[[str], None] = lambda message: None
        """Called with a message for people while the server is silent."""

    def call_later(self, seconds: float, act: Callable[[], object]) -> None:
        """Call `act` after so many seconds, whatever progresses; replaces what was scheduled before."""
        self.stop()
        self._call = self._clock.callLater(seconds, act)

    def await_tls(self) -> None:
        """TLS must be established within `tls_seconds`."""
        self.call_later(self._timeouts.tls_seconds, lambda: self._expired("the server does not begin TLS"))

    def progress(self) -> None:
        """There was progress."""
        self._progressed_at = self._clock.seconds()

    def watch(self, waits: Callable[[], PendingWait | None]) -> None:
        """Check regularly from now on: `waits` returns what is waited for now, None where nothing is."""
        wait = waits()
        silent = self._clock.seconds() - self._progressed_at
        if wait is None:
            self.progress()
        elif silent >= wait.seconds:
            return self._expired(wait.complaint)
        elif silent >= self._timeouts.notice_seconds:
            self.notify(f"no answer from the server for {silent:.0f} s")
        self.call_later(self._timeouts.stall_seconds / _CHECKS, lambda: self.watch(waits))

    def stop(self) -> None:
        """Check no more. May be called twice."""
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()
