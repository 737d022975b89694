"""When a connection has waited for its server for too long, by the monotonic clock."""

from __future__ import annotations

from typing import Callable, NamedTuple

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from homeftp.config import ClientTimeouts


class PendingWait(NamedTuple):
    """What is waited for: for so many seconds without any progress, or else."""

    seconds: float
    complaint: str


class Watchdog:
    """Calls `expired` with a complaint, once, when the server has been silent for too long."""

    def __init__(self, clock: IReactorTime, patience: ClientTimeouts, expired: Callable[[str], None]) -> None:
        self._clock = clock
        self._patience = patience
        self._expired = expired
        self._call: IDelayedCall | None = None
        self._moved = 0.0

    def once(self, seconds: float, act: Callable[[], object]) -> None:
        """Call `act` after so many seconds, whatever moves; instead of what was set before."""
        self.stop()
        self._call = self._clock.callLater(seconds, act)

    def await_tls(self) -> None:
        """TLS must be up within the time that is set for that."""
        self.once(self._patience.tls_seconds, lambda: self._expired("the server does not begin TLS"))

    def progress(self) -> None:
        """Something has moved."""
        self._moved = self._clock.seconds()

    def watch(self, waits: Callable[[], PendingWait | None]) -> None:
        """From now on look again and again: `waits` tells what is waited for, None while nothing is."""
        wait = waits()
        if wait is None:
            self.progress()
        elif self._clock.seconds() - self._moved >= wait.seconds:
            return self._expired(wait.complaint)
        self.once(self._patience.stall_seconds / 4, lambda: self.watch(waits))

    def stop(self) -> None:
        """Watch no more. May be called twice."""
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()
