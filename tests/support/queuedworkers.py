"""Workers whose jobs wait in a queue until a test runs them, and a login whose access a test revokes."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, NamedTuple

from twisted.internet.defer import Deferred, execute
from zope.interface import implementer

from homeftp.interfaces import IWorkers
from homeftp.workers import InlineWorkers
from tests.support.waiting import pause


class QueuedJob(NamedTuple):
    """A job that waits."""

    answer: Deferred[Any]
    call: Callable[..., Any]
    args: tuple[Any, ...]


@implementer(IWorkers)
class QueuedWorkers:
    """No thread at all: `work` runs the jobs, on the thread of the test."""

    size = 1
    shared = False

    def __init__(self) -> None:
        self.in_turn: Callable[..., None] = InlineWorkers().in_turn
        self.jobs: list[QueuedJob] = []

    def run(self, job: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Keep the job for `work`."""
        answer: Deferred[Any] = Deferred()
        self.jobs.append(QueuedJob(answer, job, args))
        return answer

    run_unbounded = run
    run_slice = run
    run_hash = run
    run_background = run

    def of(self, account: str) -> QueuedWorkers:
        """Itself."""
        return self

    def admit(self) -> None:
        """Nothing is refused."""

    def pause(self, seconds: float) -> Deferred[None]:
        """Over when the test runs the next jobs, on a later tick of the clock of file times."""
        return self.run(pause, seconds)

    def work(self) -> int:
        """Run all jobs that wait now; how many there were."""
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            execute(job.call, *job.args).chainDeferred(job.answer)
        return len(jobs)

    def work_all(self) -> None:
        """Run jobs until none waits."""
        while self.work():
            pass


class QueuedTurns(InlineWorkers):
    """Turns of accounts that wait in `calls` until a test makes them; `accounts` is whose turns they are."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Callable[..., object]] = []
        self.accounts: list[str] = []

    def of(self, account: str) -> QueuedTurns:
        """Itself; the account is noted."""
        self.accounts.append(account)
        return self

    def in_turn(self, call: Callable[..., object], *args: Any) -> None:
        """Keep the call."""
        self.calls.append(partial(call, *args))


class RevocableAccess:
    """A login as `homeftp.files` sees it."""

    def __init__(self) -> None:
        self.revoked = False
        self.closed = False
        self.in_database = True

    def is_valid(self) -> bool:
        """Whether access is still granted."""
        return self.in_database
