"""Values that a worker finds out, at most once in some seconds, however many ask; and within a deadline."""

from __future__ import annotations

from typing import Callable, Generic, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.errors import OperatorError, Refusal
from homeftp.interfaces import IWorkers
from homeftp.server.gate.timeouts import Deadline

T = TypeVar("T")


class Recent(Generic[T]):
    """The result of `job`, which runs in `workers`, one at a time. It counts for `valid` seconds.

    `get` takes `deadline` seconds at most: a disk or a database that hangs holds one thread, and none that asks.
    """

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, workers: IWorkers, job: Callable[[], T], *, valid: float, deadline: float
    ) -> None:
        self._clock = clock
        self._workers = workers
        self._job = job
        self._valid = valid
        self._deadline = deadline
        self._found: tuple[float, T | None] | None = None
        """When the job ended last, and its result."""
        self._waiting: list[Deferred[T | None]] = []
        self._running = False
        self._late = False
        """Whether the job that runs has missed its deadline."""

    def get(self) -> Deferred[T | None]:
        """The result; None where the job failed, or has not ended in time. The Deferred never fails."""
        if self._found is not None and self._clock.seconds() - self._found[0] < self._valid:
            return succeed(self._found[1])
        if self._late:
            return succeed(None)
        waiting: Deferred[T | None] = Deferred()
        self._waiting.append(waiting)
        if not self._running:
            self._running = True
            deadline = Deadline(self._clock, self._deadline, self._expire)
            self._workers.run_unbounded(self._job).addErrback(self._failed).addCallback(self._ended, deadline)
        return waiting

    def _expire(self) -> None:
        self._late = True
        self._answer(None)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(Refusal, OperatorError):
            self._log.failure("the state of the server could not be found out", failure)

    def _ended(self, result: T | None, deadline: Deadline) -> None:
        deadline.cancel()
        self._running = self._late = False
        self._found = self._clock.seconds(), result
        self._answer(result)

    def _answer(self, result: T | None) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(result)
