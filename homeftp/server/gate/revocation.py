"""Revocation takes effect on logins that are in use: every two seconds all of them are checked, of any front end.

So do mounts: a folder that is hidden from an account is hidden by every path, also by one that it gets after the login.
"""

from __future__ import annotations

from typing import Collection, Mapping, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.accounts.login import Login, LoginService
from homeftp.accounts.loginaudit import log_failure
from homeftp.audit.log import Audit
from homeftp.interfaces import IWorkers
from homeftp.status import Status

CHECK_SECONDS = 2.0
"""Time between two checks: a revoked device must be disconnected within 5 seconds."""

FAILURES = 5
"""Failed checks in a row after which all logins are disconnected: any of them may have been revoked meanwhile."""

_CHANGED = "its account or device was removed, or its rights were changed"
_OUTDATED = "other paths lead to its folders now"
_UNCHECKED = "its login cannot be checked"


class RevocationMonitor:
    """Checks the logins of one server, in `workers`, a thread of its own: busy clients must not delay a revocation."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, logins: LoginService, workers: IWorkers, audit: Audit) -> None:
        self._logins = logins
        self._workers = workers
        self._audit = audit
        self._failures = 0
        self._call = LoopingCall(self.disconnect_revoked)
        self._call.clock = clock

    def start(self) -> None:
        """Begin to check the logins regularly."""
        self._call.start(CHECK_SECONDS, now=False)

    def stop(self) -> None:
        """Stop checking the logins."""
        if self._call.running:
            self._call.stop()

    def disconnect_revoked(self) -> Deferred[None]:
        """Disconnect the logins that were revoked. Never fails: a failure would end the checks for good."""
        return Deferred.fromCoroutine(self._disconnect_revoked()).addErrback(
            lambda failure: self._log.failure("a check for revocation failed", failure)
        )

    async def _disconnect_revoked(self) -> None:
        logins = [login for login in self._logins.logins() if not login.revoked]
        if not logins:
            return
        try:
            revoked = await self._workers.run_unbounded(self._find_revoked, logins)
        except Exception as error:  # noqa: BLE001 (the disk may fail: the log says so, and the next check tries again)
            self._failures += 1
            log_failure(self._log, "logins could not be checked for revocation", Failure(error))
            if self._failures >= FAILURES:
                self._log.error("logins could not be checked for too long: all are disconnected")
                await self._disconnect(dict.fromkeys(logins, _UNCHECKED), Status.INTERNAL)
        else:
            self._failures = 0
            await self._disconnect(revoked, Status.FORBIDDEN)

    def _find_revoked(self, logins: Sequence[Login]) -> dict[Login, str]:
        """In a worker: the revoked logins, each with the reason.

        Of logins with the same access one is looked at: whether a mount shows what is hidden.
        """
        reasons = dict.fromkeys(self._logins.find_revoked(logins), _CHANGED)
        outdated: dict[object, bool] = {}
        for login in logins:
            account = login.avatar
            if account.store not in outdated:
                outdated[account.store] = account.is_outdated()
        for login in logins:
            if outdated[login.avatar.store]:
                reasons.setdefault(login, _OUTDATED)
        return reasons

    async def _disconnect(self, logins: Mapping[Login, str], status: Status) -> None:
        """Refuse changes of all of them first, then end their connections, then record that; each has its reason."""
        for login in logins:
            login.revoked = True
        for login, reason in logins.items():
            self._log.warn(
                "{account} is disconnected: {reason}",
                account=login.account if login.device is None else f"{login.account} ({login.device})",
                reason=reason,
            )
            try:
                login.disconnect()
            except Exception:  # noqa: BLE001 (a fault of one login's end must not spare the others)
                self._log.failure("a revoked login could not be disconnected")
        await self._workers.run_unbounded(self._note, logins, status)

    def _note(self, logins: Collection[Login], status: Status) -> None:
        """In a worker: record them in the audit log, which must not delay their end."""
        for login in logins:
            try:
                self._audit.note("disconnect", login.actor(), status)
            except Exception as error:  # noqa: BLE001, PERF203 (the disk may fail)
                log_failure(self._log, "a revoked login could not be recorded in the audit log", Failure(error))
