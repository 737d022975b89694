"""Audit records of logins, pairings and refusals: written before the client is answered, and limited in number.

Changes of files are recorded by the store (store/policy/changelog.py).
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Mapping

from twisted.cred.credentials import ICredentials
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.accounts.throttle import Throttle
from homeftp.audit.log import Audit
from homeftp.errors import Busy, Internal, Refusal
from homeftp.interfaces import IWorkers
from homeftp.model import Actor
from homeftp.status import Status

REFUSALS = 200
"""Refusals of one account, or of one unpaired device, that are recorded within `REFUSAL_SECONDS`."""

REFUSAL_SECONDS = 600.0

_AUDITED_NAME = 64
"""Characters of a wrong user name that are kept: account names have no more."""


class AuditRateLimit:
    """Limits how many refusals of one client are recorded: a client without any rights could fill the log with them."""

    def __init__(self, clock: IReactorTime, *, most: int = REFUSALS, seconds: float = REFUSAL_SECONDS) -> None:
        self._throttle = Throttle(clock, most=most, seconds=seconds)
        self._limited: set[str] = set()

    def may_record(self, who: str) -> bool | None:
        """Whether to record the next refusal; None: not, and a record must say that refusals are left out."""
        try:
            self._throttle.count(who)
        except Busy:
            first = who not in self._limited
            self._limited.add(who)
            return None if first else False
        self._limited.discard(who)
        return True


class LoginAudit:
    """Writes audit records in `workers`; a record that cannot be written is the refusal `Internal` (50)."""

    def __init__(self, audit: Audit, workers: IWorkers, limit: AuditRateLimit) -> None:
        self.audit = audit
        self._workers = workers
        self._limit = limit

    def note(self, event: str, actor: Actor, status: int = Status.OK, **fields: Any) -> Deferred[None]:
        """Record an event of a login or a pairing."""
        noted = self._workers.run_unbounded(partial(self.audit.note, event, actor, status, **fields))
        return noted.addErrback(_logins_refused)

    def refused_login(self, who: str, actor: Actor, **fields: Any) -> Deferred[None]:
        """Record a refused login, within the limit for `who`."""
        return self.note_limited(who, "login", actor, Status.LOGIN_FAILED, **fields)

    def note_limited(self, who: str, event: str, actor: Actor, status: int, **fields: Any) -> Deferred[None]:
        """Record an event that `who` may cause as often as they like, within the limit for them."""
        write = self._limit.may_record(who)
        if write:
            return self.note(event, actor, status, **fields)
        return succeed(None) if write is False else self.note("unrecorded", actor, Status.FORBIDDEN)


class RefusalAudit:
    """Records the refused changes of each account in its queue of `workers`, within `limit`.

    A record that cannot be written is in the server's log: nothing was changed, so the refusal may be answered.
    """

    _log = Logger()

    def __init__(self, audit: Audit, workers: IWorkers, limit: AuditRateLimit) -> None:
        self._audit = audit
        self._workers = workers
        self._limit = limit

    def note(self, actor: Actor, status: int, describe: Callable[[], Mapping[str, Any]]) -> Deferred[None]:
        """Record a refused change. `describe`, called in a worker, gives its fields. The Deferred never fails."""
        write = self._limit.may_record(f"account {actor.account}")
        if write is False:
            return succeed(None)
        workers = self._workers.of(str(actor.account))
        noted = (
            workers.run_unbounded(self._note, actor, status, describe)
            if write
            else workers.run_unbounded(self._audit.note, "unrecorded", actor, Status.FORBIDDEN)
        )
        return noted.addErrback(self._not_written)

    def _note(self, actor: Actor, status: int, describe: Callable[[], Mapping[str, Any]]) -> None:
        self._audit.note("refused", actor, status, **describe())

    def _not_written(self, failure: Failure) -> None:
        log_failure(self._log, "a refused change could not be recorded in the audit log", failure)


def log_failure(log: Logger, what: str, failure: Failure) -> None:
    """Log what could not be done: in one line where it was refused, as when the database of a cluster is away."""
    if isinstance(failure.value, Refusal):
        log.warn("{what}: {reason}", what=what, reason=failure.value.message)
    else:
        log.failure(what, failure)


def _logins_refused(failure: Failure) -> None:
    failure.trap(OSError)
    why = failure.value.strerror  # type: ignore[union-attr]
    raise Internal(f"the server's audit log cannot be written ({why}): logins are refused until it can")


def user_name(credentials: ICredentials) -> str | None:
    """The user name that was given, where the credentials have one."""
    name = getattr(credentials, "username", None)
    if not isinstance(name, bytes):
        return None
    return name.decode("utf-8", "backslashreplace")[:_AUDITED_NAME]
