"""What the audit log hears of one session: who came in, and what was refused, each before it is answered.

What is changed the store has written down itself (store/trail.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any, Awaitable, Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.accounts.throttle import Throttle
from homeftp.audit import Audit
from homeftp.endpoint import Endpoint, parse
from homeftp.errors import INTERNAL_ERROR, Busy, Internal, Refusal
from homeftp.interfaces import IPayload, IResolution, IWorkers
from homeftp.model import Actor
from homeftp.status import Status
from homeftp.wire.codec import decode_body
from homeftp.wire.messages import Request as Envelope

_NAMED = {"rel_endpoint": "endpoint", "to": "to", "hash": "hash", "if_hash": "old_hash"}
"""What a refused request said, and what the log calls it."""


REFUSALS = 200
"""Of one account, or of one device that is not paired any more, that the log is told within ten minutes."""


class AuditRateLimit:
    """Leaves refusals out where there are too many: whoever has no right to anything could fill the log with them."""

    def __init__(self, clock: IReactorTime, *, most: int = REFUSALS, seconds: float = 600.0) -> None:
        self._throttle = Throttle(clock, most=most, seconds=seconds)
        self._left_out: set[str] = set()

    def take(self, who: str) -> bool | None:
        """Whether the next is to be written down; None: not, and that is to be said."""
        try:
            self._throttle.take(who)
        except Busy:
            first = who not in self._left_out
            self._left_out.add(who)
            return None if first else False
        self._left_out.discard(who)
        return True


class SessionAudit:
    """One session's way to the log."""

    _log = Logger()

    def __init__(self, audit: Audit, workers: IWorkers, sparing: AuditRateLimit) -> None:
        self._audit = audit
        self._workers = workers
        self._sparing = sparing

    def note(self, event: str, actor: Actor, status: int = Status.OK, **fields: Any) -> Deferred[None]:
        """Write a line about who comes in; fails with `Internal` (50) when that cannot be done."""
        noted = self._workers.finish(partial(self._audit.note, event, actor, status, **fields))
        return noted.addErrback(_nobody_comes_in)

    def refused_login(self, who: str, actor: Actor, **fields: Any) -> Deferred[None]:
        """The same, for somebody that anybody can be: not without end."""
        write = self._sparing.take(who)
        if write:
            return self.note("login", actor, Status.LOGIN_FAILED, **fields)
        return succeed(None) if write is False else self._say_that_more(actor)

    def _say_that_more(self, actor: Actor) -> Deferred[None]:
        return self.note("unrecorded", actor, Status.FORBIDDEN)

    def refused(self, envelope: Envelope, actor: Actor, home: Endpoint, resolution: IResolution) -> IResolution:
        """The same resolution, whose refusals are written down first. `home` is where the account's endpoints begin."""

        def record(status: int) -> Deferred[None]:
            write = self._sparing.take(f"account {actor.account}")
            if write is False:
                return succeed(None)
            noted = (
                self._workers.finish(self._refusal, envelope, actor, home, status)
                if write
                else self._say_that_more(actor)
            )
            return noted.addErrback(self._not_written)

        return _Recorded(resolution, record)

    def _refusal(self, envelope: Envelope, actor: Actor, home: Endpoint, status: int) -> None:
        """In a worker."""
        try:
            said: dict[str, Any] = decode_body(envelope.request_type, envelope.body, dict)
        except Refusal:
            said = {}
        fields = {ours: said[theirs] for theirs, ours in _NAMED.items() if isinstance(said.get(theirs), str)}
        for name in ("endpoint", "to"):
            if name in fields:
                fields[name] = _whole(fields[name], home)
        self._audit.note("refused", actor, status, size=envelope.content_length, **fields)

    def _not_written(self, failure: Failure) -> None:
        """Nothing was changed: the client may have its answer."""
        self._log.failure("a refused request could not be written to the audit log", failure)


def _nobody_comes_in(failure: Failure) -> None:
    """Raise what the client is to know of a log that cannot be written; the rest is this server's own log's."""
    failure.trap(OSError)
    why = failure.value.strerror  # type: ignore[union-attr]
    raise Internal(f"the server's audit log cannot be written ({why}): nobody comes in before it can")


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
        self._resolution.resolve(Status.INTERNAL, INTERNAL_ERROR)
