"""The jobs of one login in the pool, and the one check that access was not revoked before a job calls the store.

The check runs in the job itself, right before that: a job may have waited in the queue for longer than it takes to
revoke a device, and the server's look for revocations comes only every few seconds.
"""

from __future__ import annotations

from typing import Any, Callable, ClassVar, Protocol, TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.logger import Logger

from homeftp.errors import INTERNAL_ERROR, Busy, Forbidden, Internal, NoSpace, Refusal
from homeftp.interfaces import IWorkers

T = TypeVar("T")


class RevocableLogin(Protocol):
    """A login, as this package needs it."""

    @property
    def revoked(self) -> bool:
        """Whether access is known to be revoked. Cheap."""

    @property
    def closed(self) -> bool:
        """Whether the login has ended: no client waits for an answer any more. Cheap."""

    def is_valid(self) -> bool:
        """Whether access is still granted, looked up now. Blocks; cheap while nothing was changed."""


class PermanentLogin:
    """A login that is never revoked: for tests, and for programs that use a store of their own."""

    revoked = False
    closed = False

    def is_valid(self) -> bool:
        """Access is always granted."""
        return True


@attrs.frozen(eq=False)
class RevocableJobs:
    """Runs the jobs of one login."""

    _log: ClassVar[Logger] = Logger()

    workers: IWorkers
    _login: RevocableLogin

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run the first step of a request; fails with `Busy` (51) when the queue is full.

        Fails with `Forbidden` (33) where access was revoked before it begins, and with `ConnectionLost` where its
        client has disconnected.
        """
        return self.workers.run(self._wanted, job, args)

    def run_next(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """`run` for a later step of what was begun, which is never refused as busy."""
        return self.workers.run_unbounded(self._granted, job, args)

    def run_slice(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """`run` for a part of long work, as `IWorkers.run_slice`."""
        return self.workers.run_slice(self._granted, job, args)

    def run_wanted(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """`run_slice` for a job that takes long by itself, and that is not needed once its client has disconnected.

        Fails with `ConnectionLost` then: an account may have hundreds of them in its queue.
        """
        return self.workers.run_slice(self._wanted, job, args)

    def run_hash(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """`run` for a part of a hashing, as `IWorkers.run_hash`."""
        return self.workers.run_hash(self._granted, job, args)

    def run_cleanup(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Run a job that ends something, such as closing a file: never refused."""
        return self.workers.run_unbounded(job, *args)

    def confirm(self) -> Deferred[None]:
        """Check in a job of its own that access was not revoked; fails with `Forbidden` (33) where it was."""
        return self.workers.run_unbounded(self.require_access)

    def require_unrevoked(self) -> None:
        """Raise `Forbidden` (33) where access is known to be revoked. Cheap."""
        if self._login.revoked:
            raise Forbidden("access was revoked")

    def ended(self) -> bool:
        """Whether the login has ended, so that no client waits for an answer. Cheap."""
        return self._login.closed or self._login.revoked

    def closed(self) -> bool:
        """Whether the client has disconnected. Cheap."""
        return self._login.closed

    def _granted(self, job: Callable[..., T], args: tuple[Any, ...]) -> T:
        self.require_access()
        return job(*args)

    def _wanted(self, job: Callable[..., T], args: tuple[Any, ...]) -> T:
        reason = self.reason_to_drop()
        if reason is not None:
            raise reason
        return job(*args)

    def require_access(self) -> None:
        """Raise `Forbidden` (33) where access was revoked. May block: for jobs."""
        refusal = self.refusal()
        if refusal is not None:
            raise refusal

    def reason_to_drop(self) -> Exception | None:
        """Why a request must not begin now: its client has disconnected, or `refusal`. May block: for jobs."""
        return ConnectionLost("the client has disconnected") if self._login.closed else self.refusal()

    def refusal(self) -> Refusal | None:
        """Why nothing may be read or changed now; None where it may be. May block: for jobs."""
        if self._login.revoked:
            return _revoked()
        try:
            return None if self._login.is_valid() else _revoked()
        except (Busy, NoSpace) as refused:  # the database of a cluster: it logs that itself
            return refused
        except Exception:  # noqa: BLE001 (the disk may fail: then nothing is read or changed)
            self._log.failure("could not check whether access is still granted: nothing was done")
            return Internal(f"nothing was done: {INTERNAL_ERROR}")


def _revoked() -> Forbidden:
    return Forbidden("access was revoked before this was complete")
