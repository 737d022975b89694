"""Requests that are worked on for suspiciously long: the log names them, and nothing else is done to them.

A dispatcher may never answer, and to its client that looks like a server that
is busy. A request that waits for the client, or for the answers before its
own, is not late; nor is one whose payload moves.
"""

from __future__ import annotations

from typing import Callable, Iterable

import attrs
from twisted.internet.interfaces import IReactorTime

from homeftp.server.deadlines import Deadline

LOOKS = 4
"""How often within the time that work may take it is looked at."""


@attrs.define(eq=False)
class Work:
    """One request that is being worked on."""

    request_type: str
    progress: Callable[[], object]
    """A value that is another one when the request has got on; None while it is not the server's turn."""
    began: float = 0.0
    seen: object = None
    """The progress at the last look."""
    since: float = 0.0
    """When the progress was another one."""
    told: bool = False
    ends: int = 2
    """It ends twice: its dispatcher does, and its answer is out; in either order."""


class Overdue:
    """Calls `late`, once for each, with the work of one connection that gets nowhere for `seconds`.

    Most work ends long before, so the timer is none of its own: it goes on
    while there is any.
    """

    def __init__(self, clock: IReactorTime, seconds: float, late: Callable[[Work], None]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._late = late
        self._under_way: dict[Work, None] = {}
        self._timer: Deadline | None = None

    def begin(self, work: Work) -> None:
        """This is being worked on from now on."""
        work.began = self._clock.seconds()
        self._under_way[work] = None
        if self._timer is None:
            self._arm()

    def end(self, work: Work) -> None:
        """One of its two ends. What ends both ways at once need never have begun."""
        work.ends -= 1
        if not work.ends:
            self._under_way.pop(work, None)

    def under_way(self) -> Iterable[tuple[Work, float]]:
        """What is being worked on, and for how many seconds."""
        now = self._clock.seconds()
        return [(work, now - work.began) for work in self._under_way]

    def stop(self) -> None:
        """Watch no more."""
        self._under_way.clear()
        if self._timer is not None:
            self._timer.met()
            self._timer = None

    def _arm(self) -> None:
        self._timer = Deadline(self._clock, self._seconds / LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        for work in self._under_way:
            progress = work.progress()
            if progress is None or progress != work.seen:
                work.seen, work.since = progress, now
            elif now - work.since >= self._seconds and not work.told:
                work.told = True
                self._late(work)
        if self._under_way:
            self._arm()
