"""Jobs one at a time, for what one thread may use at a time, and callers that stop waiting before a job has ended."""

from __future__ import annotations

from typing import Any, Callable, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.interfaces import IWorkers

T = TypeVar("T")


def detached(work: Deferred[T], discard: Callable[[T], object] | None = None) -> Deferred[T]:
    """The result of `work`, which goes on where this Deferred is cancelled: then `discard` gets the result.

    A thread cannot be stopped: what it holds is free only when it has ended.
    """
    answer: Deferred[T] = Deferred()

    def arrived(result: T) -> None:
        if answer.called and discard is not None:
            discard(result)
        else:
            answer.callback(result)

    def failed(failure: Failure) -> None:
        answer.errback(failure)

    work.addCallbacks(arrived, failed)
    return answer


@implementer(IWorkers)
class Turns:
    """The jobs of a login for an object that one thread at a time may use: each job waits until the earlier ones ended.

    Cancelling a call ends only the wait: the call keeps its turn, and later calls wait for it.
    """

    size = 1

    def __init__(self, jobs: RevocableJobs) -> None:
        self._jobs = jobs
        self._lock = DeferredLock()

    @property
    def shared(self) -> bool:
        """Whether other accounts were served within the last second."""
        return self._jobs.workers.shared

    def call(self, call: Callable[..., Deferred[T]], *args: Any) -> Deferred[T]:
        """Call `call(*args)`, on this thread, when its turn comes; the next has its turn when that is complete."""
        return detached(self._lock.run(call, *args))

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool, as `RevocableJobs.run`."""
        return self.call(self._jobs.run, job, *args)

    def run_unbounded(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool, as `RevocableJobs.run_cleanup`."""
        return self.call(self._jobs.run_cleanup, job, *args)

    def run_slice(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool, as `RevocableJobs.run_slice`."""
        return self.call(self._jobs.run_slice, job, *args)

    def run_hash(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool, as `RevocableJobs.run_hash`."""
        return self.call(self._jobs.run_hash, job, *args)

    def run_background(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool, as `IWorkers.run_background`."""
        return self.call(self._jobs.workers.run_background, job, *args)

    def of(self, account: str) -> IWorkers:
        """The pool, for another account: its jobs wait for none of these."""
        return self._jobs.workers.of(account)

    def admit(self) -> None:
        """Raise `Busy` (51) where the account's queue is full."""
        self._jobs.workers.admit()

    def in_turn(self, call: Callable[..., object], *args: Any) -> None:
        """Call `call(*args)` on the reactor's thread, in turn with other accounts."""
        self._jobs.workers.in_turn(call, *args)

    def pause(self, seconds: float) -> Deferred[None]:
        """Fires after so many seconds."""
        return self._jobs.workers.pause(seconds)
