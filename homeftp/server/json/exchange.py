"""One request from its arrival until its answer is sent: its route, its payload and its resolution."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred

from homeftp.interfaces import IPayload
from homeftp.model import PathLock
from homeftp.server.json.payload import StreamPayload
from homeftp.server.json.resolution import Resolution
from homeftp.server.json.router import Route
from homeftp.server.json.stuckrequests import StuckRequestLog


@attrs.define(eq=False)
class Exchange:
    """A request with its answer; the pipeline starts it, and closes it when its answer is sent."""

    request_type: str
    _route: Route
    _payload: IPayload
    resolution: Resolution
    _stuck_requests: StuckRequestLog
    weight: int = 0
    """Bytes of a payload that arrived with the request, and is kept in memory with it."""
    _finished: bool = attrs.field(default=False, init=False)
    _closed: bool = attrs.field(default=False, init=False)

    @property
    def path_lock(self) -> PathLock:
        """The paths that it reads or changes."""
        return self._route.path_lock

    def start(self) -> Deferred[None] | None:
        """Run the request. The Deferred fires, never with a failure, when its path lock can be released; None: now."""
        running = self._route.begin(self._payload, self.resolution)
        if running is None:
            self._finish(None)
            return None
        self._stuck_requests.begin(self)
        return running.addCallback(self._finish)

    def _finish(self, _: None) -> None:
        self._finished = True
        if self._closed or not self.resolution.streams:
            self._discard_payload()
        self._stop_watching()

    def close(self) -> None:
        """Its answer has been sent, or there will be none."""
        self._closed = True
        self._discard_payload()
        self._stop_watching()

    def disconnect(self) -> None:
        """The client is gone; a request that is still running may need what has arrived of its payload."""
        self._closed = True
        if self._finished:
            self._discard_payload()

    def _discard_payload(self) -> None:
        """Nothing reads the rest of the payload: discard it as it arrives."""
        if isinstance(self._payload, StreamPayload):
            self._payload.discard()

    def _stop_watching(self) -> None:
        if self._finished and self._closed:
            self._stuck_requests.end(self)

    def progress(self) -> tuple[int, int] | None:
        """A value that changes when the request makes progress; None while it waits for the client or earlier answers.

        It consists of the missing bytes of the payload and the sent bytes of the answer.
        """
        missing, full = 0, True
        if isinstance(self._payload, StreamPayload):
            missing, full = self._payload.missing, self._payload.full
        return None if self.resolution.is_waiting or (missing and not full) else (missing, self.resolution.written)
