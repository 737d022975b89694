"""One request from its arrival until its answer is sent: its route, its payload and its resolution."""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred

from homeftp.config import KIB, SMALL_FILE
from homeftp.endpoint import Endpoint
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IPayload
from homeftp.interfaces.traffic import ITraffic
from homeftp.model import PathLock
from homeftp.server.gate.requestmemory import Weight
from homeftp.server.gate.stuckrequests import StuckRequestLog
from homeftp.server.json.payload import WholePayload
from homeftp.server.json.resolution import Resolution
from homeftp.server.json.router import Route

REQUEST_BYTES = 8 * KIB
"""Bytes that a request takes up until its answer is in memory, besides its line and its payload: 3 to 8 KiB with
CPython 3.11, by the depth of its path."""

ANSWER_BYTES = 1 * KIB
"""Bytes that a request takes up whose answer is in memory, besides that answer."""

REFUSED = ""
"""The type of a request of which nothing is kept but its id."""


@attrs.define(eq=False)
class Exchange:
    """A request with its answer; the pipeline starts it, and closes it when its answer is sent."""

    request_type: str
    _route: Route | None
    _payload: IPayload
    resolution: Resolution
    _stuck_requests: StuckRequestLog
    _traffic: ITraffic
    _line: int = 0
    """Bytes of the request's line; of its id, if the type is `REFUSED`."""
    _began: float = attrs.field(default=0.0, init=False)
    _started: bool = attrs.field(default=False, init=False)
    _finished: bool = attrs.field(default=False, init=False)
    _closed: bool = attrs.field(default=False, init=False)

    @property
    def path_lock(self) -> PathLock:
        """The paths that it reads or changes, until it has finished."""
        assert self._route is not None
        return self._route.path_lock

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint that it reads or changes; None once nothing is left of it but an answer in memory."""
        return None if self._route is None else self._route.path_lock.endpoint

    @property
    def is_running(self) -> bool:
        """Whether it has been started, and has not finished."""
        return self._started and not self._finished

    @property
    def expected(self) -> int:
        """Bytes that its answer may have: a small file, where it only reads, but is no watch, which runs alone."""
        lock = self.path_lock
        return 0 if self._finished or lock.changes or lock.alone else SMALL_FILE

    def weigh(self) -> Weight:
        """The memory that it takes up now."""
        if self.request_type == REFUSED:
            return Weight(0, ANSWER_BYTES + self._line, 0, self._line)
        if self._route is None:
            return Weight(0, ANSWER_BYTES + self.resolution.held)
        payload = self._payload.size if isinstance(self._payload, WholePayload) else 0
        return Weight(payload, REQUEST_BYTES + self._line + payload, self.expected if self._started else 0)

    def start(self) -> Deferred[None] | None:
        """Run the request. The Deferred fires, never with a failure, when its path lock can be released; None: now."""
        assert self._route is not None
        self._started = True
        self._began = self._traffic.now()
        running = self._route.begin(self._payload, self.resolution)
        if running is None:
            self._finish(None)
            return None
        self._stuck_requests.begin(self)
        return running.addCallback(self._finish)

    def _finish(self, _: None) -> None:
        self._finished = True
        if self._closed or not self.resolution.streams:
            self._route = None  # with the request, which nothing needs any more
            self._discard_payload()
        self._stop_watching()

    def close(self) -> None:
        """End the exchange: its answer has been sent, or there will be none."""
        self._closed = True
        if self._started and self.resolution.status is not None:
            self._traffic.answered(self.request_type, self.resolution.status, self._began)
        self._discard_payload()
        self._stop_watching()

    def disconnect(self) -> None:
        """The client is gone; a request that is still running may need what has arrived of its payload."""
        self._closed = True
        if self._finished:
            self._discard_payload()

    def _discard_payload(self) -> None:
        """Nothing reads the rest of the payload: discard it as it arrives."""
        if isinstance(self._payload, IncomingPayload):
            self._payload.discard()
        else:
            self._payload = WholePayload()

    def _stop_watching(self) -> None:
        if self._finished and self._closed:
            self._stuck_requests.end(self)

    def progress(self) -> tuple[int, int] | None:
        """A value that changes when the request makes progress; None while it waits for the client or earlier answers.

        It consists of the missing bytes of the payload and the sent bytes of the answer.
        """
        missing, full = 0, True
        if isinstance(self._payload, IncomingPayload):
            missing, full = self._payload.missing, self._payload.full
        return None if self.resolution.is_waiting or (missing and not full) else (missing, self.resolution.written)
