"""Keeping one direction of a connection below a number of bytes a second, with a token bucket.

The bucket holds the bytes that may pass at once, and fills at the rate. What passes may take more than it holds: then
nothing may pass until it is filled up to zero again.
"""

from __future__ import annotations

from typing import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

_STEPS = 8
"""The steps in which the bytes of a second pass: few enough to cost little, and others can use the line meanwhile."""

_LEAST = 1024
"""Bytes of the smallest step."""


class Pacer:
    """One direction. `resume` is called when something may pass again after `is_waiting`."""

    def __init__(self, clock: IReactorTime, rate: float, resume: Callable[[], object]) -> None:
        """`rate` is in bytes a second, more than 0."""
        self._clock = clock
        self._rate = rate
        self._resume = resume
        self.step = max(_LEAST, int(rate / _STEPS))
        """How many bytes should pass at once, at most."""
        self._level = float(self.step)
        self._filled_at = clock.seconds()
        self._call: IDelayedCall | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether nothing may pass for now."""
        return self._call is not None

    def spend(self, size: int) -> None:
        """Count bytes that have passed."""
        now = self._clock.seconds()
        self._level = min(self.step, self._level + (now - self._filled_at) * self._rate) - size
        self._filled_at = now
        if self._level <= -1 and self._call is None:  # a part of a byte would be waited for in ever smaller steps
            self._call = self._clock.callLater(-self._level / self._rate, self._filled)

    def _filled(self) -> None:
        self._call = None
        self.spend(0)
        if self._call is None:
            self._resume()

    def stop(self) -> None:
        """Wait no more; `resume` is not called any more. May be called twice."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
