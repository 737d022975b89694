"""Requests that are worked on for suspiciously long: the log names them, and nothing else is done to them.

A dispatcher may never answer, and to its client that looks like a server that
is busy. A request that waits for the client, or for the answers before its
own, is not late; nor is one whose payload moves.
"""

from __future__ import annotations

from typing import Protocol

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from homeftp.server.gate.timeouts import Deadline

LOOKS = 4
"""How often within the time that work may take it is looked at."""


class IWork(Protocol):
    """A request that is being worked on."""

    request_type: str

    def progress(self) -> tuple[int, int] | None:
        """What is another value when it has got on; None while it waits for something else."""


@attrs.define
class _Seen:
    """What is known of one request."""

    began: float
    progress: tuple[int, int] | None = None
    """At the last look."""
    since: float = 0.0
    """When the progress was another one."""
    told: bool = False


class StuckRequestLog:
    """Names, once for each, the work for `peer` that gets nowhere for `seconds`.

    Most work ends long before, so the timer is none of its own: it goes on
    while there is any.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, seconds: float, peer: str) -> None:
        self._clock = clock
        self._seconds = seconds
        self._peer = peer
        self._under_way: dict[IWork, _Seen] = {}
        self._timer: Deadline | None = None

    def begin(self, work: IWork) -> None:
        """This is being worked on from now on."""
        self._under_way[work] = _Seen(self._clock.seconds())
        if self._timer is None:
            self._arm()

    def end(self, work: IWork) -> None:
        """It is over. What ended at once need never have begun."""
        self._under_way.pop(work, None)

    def log_aborted(self) -> None:
        """The server cannot wait for any of it: name it all."""
        for work, seen in self._under_way.items():
            self._log.warn(
                "{type} of {peer} was cut off after {seconds:.0f} seconds: the server is stopping",
                type=work.request_type,
                peer=self._peer,
                seconds=self._clock.seconds() - seen.began,
            )

    def stop(self) -> None:
        """Watch no more."""
        self._under_way.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = Deadline(self._clock, self._seconds / LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        for work, seen in self._under_way.items():
            progress = work.progress()
            if progress is None or progress != seen.progress:
                seen.progress, seen.since = progress, now
            elif now - seen.since >= self._seconds and not seen.told:
                seen.told = True
                self._log.warn(
                    "{type} of {peer} is being worked on and has got nowhere for {seconds:.0f} seconds",
                    type=work.request_type,
                    peer=self._peer,
                    seconds=self._seconds,
                )
        if self._under_way:
            self._arm()
