"""Requests that make no progress for too long: the log names them, and nothing else is done to them.

A dispatcher may never answer, which a client cannot tell from a busy server. A
request that waits for the client, or for earlier answers, does not count, nor
does one whose payload moves.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from homeftp.endpoint import Endpoint
from homeftp.interfaces.usage import Activity
from homeftp.server.gate.timeouts import Deadline

CHECKS = 4
"""How often a request is checked within `seconds`."""


class IRunningRequest(Protocol):
    """A request that is running."""

    request_type: str

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint that it reads or changes; None once nothing is left of it but an answer in memory."""

    def progress(self) -> tuple[int, int] | None:
        """A value that changes when it makes progress; None while it waits for the client or earlier answers."""


class _Observation(msgspec.Struct):
    """One request under observation."""

    began: float
    progress: tuple[int, int] | None = None
    """At the last check."""
    since: float = 0.0
    """When the progress changed last."""
    logged: bool = False


class StuckRequestLog:
    """Logs, once each, the requests of `peer` that make no progress for `seconds`.

    Most requests finish long before, so there is one timer, which runs while
    there are any requests.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, seconds: float, peer: str) -> None:
        self._clock = clock
        self._seconds = seconds
        self._peer = peer
        self._running: dict[IRunningRequest, _Observation] = {}
        self._timer: Deadline | None = None

    def begin(self, request: IRunningRequest) -> None:
        """The request is running."""
        self._running[request] = _Observation(self._clock.seconds())
        if self._timer is None:
            self._arm()

    def end(self, request: IRunningRequest) -> None:
        """The request has finished; it need not have been added."""
        self._running.pop(request, None)

    def activities(self) -> list[Activity]:
        """The requests that are running or read what they answer, the oldest first."""
        now = self._clock.seconds()
        return [
            Activity(request=request.request_type, endpoint=endpoint, seconds=now - seen.began)
            for request, seen in self._running.items()
            if (endpoint := request.endpoint) is not None
        ]

    def log_aborted(self) -> None:
        """The server stops and waits no longer: log all requests that are not finished."""
        for request, seen in self._running.items():
            self._log.warn(
                "{type} of {peer} was aborted after {seconds:.0f} seconds: the server is stopping",
                type=request.request_type,
                peer=self._peer,
                seconds=self._clock.seconds() - seen.began,
            )

    def stop(self) -> None:
        """Stop checking the requests."""
        self._running.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = Deadline(self._clock, self._seconds / CHECKS, self._check)

    def _check(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        for request, seen in self._running.items():
            progress = request.progress()
            if progress is None or progress != seen.progress:
                seen.progress, seen.since = progress, now
            elif now - seen.since >= self._seconds and not seen.logged:
                seen.logged = True
                self._log.warn(
                    "{type} of {peer} has made no progress for {seconds:.0f} seconds",
                    type=request.request_type,
                    peer=self._peer,
                    seconds=self._seconds,
                )
        if self._running:
            self._arm()
