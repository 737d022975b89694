"""Audit records of refused requests: each is written before its refusal is answered.

Changes are recorded by the store (store/policy/changelog.py), logins by the
login service (accounts/login.py).
"""

from __future__ import annotations

from typing import Any, Awaitable, Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.accounts.loginaudit import AuditRateLimit
from homeftp.audit import Audit
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import INTERNAL_ERROR, Refusal
from homeftp.interfaces import IPayload, IResolution, IWorkers
from homeftp.model import Actor
from homeftp.status import Status
from homeftp.wire.codec import decode_body
from homeftp.wire.messages import Request as Envelope

_RECORDED = {"rel_endpoint": "endpoint", "to": "to", "hash": "hash", "if_hash": "old_hash"}
"""The parameters of a refused request that are recorded, with their names in the audit log."""


class RefusalAudit:
    """Records the refused requests of one connection, within `limit`."""

    _log = Logger()

    def __init__(self, audit: Audit, workers: IWorkers, limit: AuditRateLimit) -> None:
        self._audit = audit
        self._workers = workers
        self._limit = limit

    def recorded(self, envelope: Envelope, actor: Actor, home: Endpoint, resolution: IResolution) -> IResolution:
        """The same resolution, which records a refusal before it is sent. The actor's endpoints begin at `home`."""

        def record(status: int) -> Deferred[None]:
            write = self._limit.take(f"account {actor.account}")
            if write is False:
                return succeed(None)
            noted = (
                self._workers.run_unbounded(self._note_refusal, envelope, actor, home, status)
                if write
                else self._workers.run_unbounded(self._audit.note, "unrecorded", actor, Status.FORBIDDEN)
            )
            return noted.addErrback(self._not_written)

        return _Recorded(resolution, record)

    def _note_refusal(self, envelope: Envelope, actor: Actor, home: Endpoint, status: int) -> None:
        """In a worker."""
        try:
            body: dict[str, Any] = decode_body(envelope.request_type, envelope.body, dict)
        except Refusal:
            body = {}
        fields = {ours: body[theirs] for theirs, ours in _RECORDED.items() if isinstance(body.get(theirs), str)}
        for name in ("endpoint", "to"):
            if name in fields:
                fields[name] = _whole(fields[name], home)
        self._audit.note("refused", actor, status, size=envelope.content_length, **fields)

    def _not_written(self, failure: Failure) -> None:
        """Nothing was changed: the refusal may be answered without its record."""
        self._log.failure("a refused request could not be recorded in the audit log", failure)


def _whole(text: str, home: Endpoint) -> str:
    """The endpoint in the whole store; a text that is not a legal endpoint is recorded as it is."""
    try:
        return Endpoint((*home.parts, *parse(text).parts)).whole
    except Refusal:
        return text


@implementer(IResolution)
class _Recorded:
    """A resolution that lets `record` record the status of a refusal before it sends it. `record` never fails."""

    _log = Logger()

    def __init__(self, resolution: IResolution, record: Callable[[int], Deferred[None]]) -> None:
        self._resolution = resolution
        self._record = record
        self.resolved = False
        """Whether the request has been answered."""

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
        recorded.addErrback(self._cannot_send)

    def _cannot_send(self, failure: Failure) -> None:
        """The refusal of a dispatcher cannot be sent: it may be too long."""
        self._log.failure("a dispatcher's refusal cannot be sent", failure)
        self._resolution.resolve(Status.INTERNAL, INTERNAL_ERROR)
