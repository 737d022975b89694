"""How often a device may ask for its next certificate: each renewal costs a signature and an audit record."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from homeftp.config import MINUTE
from homeftp.errors import Busy

PAUSE_SECONDS = 1 * MINUTE
"""From one request of a device to the next: a certificate is valid for long, and a client needs no second one soon."""


class Renewals:
    """Lets each device ask for its next certificate once in a pause, by the clock that is passed in."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}  # the newest last

    def count(self, id: str) -> None:
        """The device of that id asks for its next certificate. Raises `Busy` (51) within a pause after its last one."""
        now = self._clock.seconds()
        while self._last and not 0 <= now - next(iter(self._last.values())) < PAUSE_SECONDS:
            del self._last[next(iter(self._last))]
        if id in self._last:
            raise Busy("this device has just asked for a certificate: use that one, or try again in a minute")
        self._last[id] = now
