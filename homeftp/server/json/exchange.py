"""One request, from its arrival until its answer is out: what is done with it, and with what it brought."""

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
    """A request with its answer; the pipeline says when it begins and when it is over."""

    request_type: str
    _route: Route
    _payload: IPayload
    resolution: Resolution
    _stuck_requests: StuckRequestLog
    weight: int = 0
    """Bytes that the request keeps in memory."""
    _worked: bool = attrs.field(default=False, init=False)
    _over: bool = attrs.field(default=False, init=False)

    @property
    def claim(self) -> PathLock:
        """What it touches."""
        return self._route.claim

    def work(self) -> Deferred[None] | None:
        """Begin; the claim is held until the Deferred fires, which it does without a failure. None: it is done."""
        working = self._route.begin(self._payload, self.resolution)
        if working is None:
            self._end_work(None)
            return None
        self._stuck_requests.begin(self)
        return working.addCallback(self._end_work)

    def _end_work(self, _: None) -> None:
        self._worked = True
        if not self.resolution.streams:
            self._discard()
        self._end_watch()

    def over(self) -> None:
        """Its answer is out, or there will be none: it is cut off behind the end of the session."""
        self._over = True
        self._discard()
        self._end_watch()

    def _discard(self) -> None:
        """Nobody reads what is left of the payload: it is thrown away as it comes."""
        if isinstance(self._payload, StreamPayload):
            self._payload.discard()

    def _end_watch(self) -> None:
        if self._worked and self._over:
            self._stuck_requests.end(self)

    def progress(self) -> tuple[int, int] | None:
        """What is another value when the request has got on; None while it waits for the client or its turn."""
        missing, full = 0, True
        if isinstance(self._payload, StreamPayload):
            missing, full = self._payload.missing, self._payload.full
        return None if self.resolution.waits or (missing and not full) else (missing, self.resolution.written)
