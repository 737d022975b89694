"""Requests that are worked on for suspiciously long: the log names them, and nothing else is done to them.

A dispatcher may never answer, and to its client that looks like a server that
is busy. A request that waits for the client, or for the answers before its
own, is not late; nor is one whose payload moves.
"""

from __future__ import annotations

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from homeftp.server.deadlines import Deadline
from homeftp.server.payload import StreamPayload
from homeftp.server.resolution import Resolution

LOOKS = 4
"""How often within the time that work may take it is looked at."""


@attrs.define(eq=False)
class Work:
    """One request that is being worked on."""

    request_type: str
    resolution: Resolution
    payload: StreamPayload | None
    """What still arrives."""
    began: float = 0.0
    seen: tuple[int, int] | None = None
    """The progress at the last look."""
    since: float = 0.0
    """When the progress was another one."""
    told: bool = False
    ends: int = 2
    """It ends twice: its dispatcher does, and its answer is out; in either order."""

    def progress(self) -> tuple[int, int] | None:
        """What is another value when the request has got on; None while it waits for the client or its turn."""
        missing, full = (0, True) if self.payload is None else (self.payload.missing, self.payload.full)
        return None if self.resolution.waits or (missing and not full) else (missing, self.resolution.written)


class Overdue:
    """Names, once for each, the work for `peer` that gets nowhere for `seconds`.

    Most work ends long before, so the timer is none of its own: it goes on
    while there is any.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, seconds: float, peer: str) -> None:
        self._clock = clock
        self._seconds = seconds
        self._peer = peer
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

    def cut_off(self) -> None:
        """The server cannot wait for any of it: name it all."""
        for work in self._under_way:
            self._log.warn(
                "{type} of {peer} was cut off after {seconds:.0f} seconds: the server is stopping",
                type=work.request_type,
                peer=self._peer,
                seconds=self._clock.seconds() - work.began,
            )

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
                self._log.warn(
                    "{type} of {peer} is being worked on and has got nowhere for {seconds:.0f} seconds",
                    type=work.request_type,
                    peer=self._peer,
                    seconds=self._seconds,
                )
        if self._under_way:
            self._arm()
