"""Audit records of refused requests: each says what was asked for, also where that cannot be understood.

`IFiles` records the changes that it refuses. This front end does so itself: it
also refuses requests that never get as far as that.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Awaitable, Callable, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.accounts.loginaudit import RefusalAudit
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import INTERNAL_ERROR, Refusal
from homeftp.interfaces import ILogin, IPayload, IResolution
from homeftp.status import Status
from homeftp.wire.codec import decode_body
from homeftp.wire.messages import Request as Envelope

T = TypeVar("T")

_RECORDED = {"rel_endpoint": "endpoint", "to": "to", "hash": "hash", "if_hash": "old_hash"}
"""The parameters of a refused request that are recorded, with their names in the audit log."""


def recorded(resolution: IResolution, envelope: Envelope, login: ILogin, refusals: RefusalAudit) -> IResolution:
    """The same resolution, which records a refusal of the request before it is sent."""
    return _Recorded(resolution, partial(record_refusal, envelope, login, refusals))


def record_refusal(envelope: Envelope, login: ILogin, refusals: RefusalAudit, status: int) -> Deferred[None]:
    """Record that a request was refused. The Deferred never fails."""
    return refusals.note(login.actor(envelope.request_type), status, lambda: _fields(envelope, login.home))


def _fields(envelope: Envelope, home: Endpoint) -> dict[str, Any]:
    """In a worker: what the request asked for. The account's endpoints begin at `home`."""
    try:
        body: dict[str, Any] = decode_body(envelope.request_type, envelope.body, dict)
    except Refusal:
        body = {}
    fields = {ours: body[theirs] for theirs, ours in _RECORDED.items() if isinstance(body.get(theirs), str)}
    for name in ("endpoint", "to"):
        if name in fields:
            fields[name] = _whole(fields[name], home)
    return {"size": envelope.content_length, **fields}


def _whole(text: str, home: Endpoint) -> str:
    """The endpoint in the whole store; a text that is not a legal endpoint is recorded as it is."""
    try:
        return home.beneath(*parse(text).parts).whole
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

    def turn(self) -> Awaitable[None]:
        """The request's turn to answer."""
        return self._resolution.turn()

    def wait_idle(self, event: Awaitable[T]) -> Awaitable[T]:
        """The result of `event`, which may never come."""
        return self._resolution.wait_idle(event)

    def send(self, body: dict[str, Any], message: str = "", payload: IPayload | bytes | None = None) -> Awaitable[None]:
        """One interim answer."""
        return self._resolution.send(body, message, payload)

    def resolve(
        self, status: int, message: str, body: dict[str, Any] | None = None, payload: IPayload | bytes | None = None
    ) -> None:
        """The answer."""
        if self.resolved:
            raise RuntimeError("the request has been answered already")
        if status < Status.BAD_REQUEST:
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
