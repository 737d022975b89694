"""What the audit log hears of one session: who came in, and what was refused, each before it is answered.

What is changed the store has written down itself (store/trail.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any, Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.audit import Audit
from homeftp.errors import Refusal
from homeftp.interfaces import IPayload, IResolution, IWorkers
from homeftp.status import Status
from homeftp.values import By
from homeftp.wire.codec import decode_body
from homeftp.wire.endpoint import Endpoint, parse
from homeftp.wire.messages import Request as Envelope

_NAMED = {"rel_endpoint": "endpoint", "to": "to", "hash": "hash", "if_hash": "old_hash"}
"""What a refused request said, and what the log calls it."""


class Auditing:
    """One session's way to the log."""

    _log = Logger()

    def __init__(self, audit: Audit, workers: IWorkers) -> None:
        self._audit = audit
        self._workers = workers

    def note(self, event: str, by: By, status: int = Status.OK, **fields: Any) -> Deferred[None]:
        """Write a line; fails with OSError when that cannot be done."""
        return self._workers.finish(partial(self._audit.note, event, by, status, **fields))

    def refused(self, envelope: Envelope, by: By, home: Endpoint, resolution: IResolution) -> IResolution:
        """The same resolution, whose refusals are written down first. `home` is where the account's endpoints begin."""

        def record(status: int) -> Deferred[None]:
            noted = self._workers.finish(self._refusal, envelope, by, home, status)
            return noted.addErrback(self._not_written)

        return _Recorded(resolution, record)

    def _refusal(self, envelope: Envelope, by: By, home: Endpoint, status: int) -> None:
        """In a worker."""
        try:
            said: dict[str, Any] = decode_body(envelope.request_type, envelope.body, dict)
        except Refusal:
            said = {}
        fields = {ours: said[theirs] for theirs, ours in _NAMED.items() if isinstance(said.get(theirs), str)}
        for name in ("endpoint", "to"):
            if name in fields:
                fields[name] = _whole(fields[name], home)
        self._audit.note("refused", by, status, size=envelope.content_length, **fields)

    def _not_written(self, failure: Failure) -> None:
        """Nothing was changed: the client may have its answer."""
        self._log.failure("a refused request could not be written to the audit log", failure)


def _whole(text: str, home: Endpoint) -> str:
    """An endpoint as the share has it, if it can be one; else as it was said."""
    try:
        return Endpoint((*home.parts, *parse(text).parts)).whole
    except Refusal:
        return text


@implementer(IResolution)
class _Recorded:
    """A resolution that waits, for a refusal, until `record` has written down its status; that never fails."""

    _log = Logger()

    def __init__(self, resolution: IResolution, record: Callable[[int], Deferred[None]]) -> None:
        self._resolution = resolution
        self._record = record
        self.resolved = False
        """Whether there is an answer."""

    def send(self, body: dict[str, Any], message: str = "", payload: IPayload | bytes | None = None) -> Awaitable[None]:
        """One interim answer."""
        return self._resolution.send(body, message, payload)

    def resolve(
        self, status: int, message: str, body: dict[str, Any] | None = None, payload: IPayload | bytes | None = None
    ) -> None:
        """The answer."""
        if self.resolved:
            raise RuntimeError("the request has been answered already")
        if not Status(status).refused:
            self._resolution.resolve(status, message, body, payload)
            self.resolved = True
            return
        self.resolved = True
        recorded = self._record(status)
        recorded.addCallback(lambda _: self._resolution.resolve(status, message, body, payload))
        recorded.addErrback(self._unfit)

    def _unfit(self, failure: Failure) -> None:
        """A dispatcher's refusal that is none, being too long perhaps."""
        self._log.failure("a dispatcher's refusal cannot be sent", failure)
        self._resolution.resolve(Status.INTERNAL, "the server failed at this; its log says more")
