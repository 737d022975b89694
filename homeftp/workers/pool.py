"""The fixed pool of threads, with the fair queue in front of it.

Jobs go through `twisted.internet.threads.deferToThreadPool` on one pool whose size never changes. No more of them are
handed to it than it has threads; the others wait in `FairQueue`, so that an account waits for its own jobs only.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any, Callable, TypeVar

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorFromThreads, IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from homeftp.errors import Busy
from homeftp.histogram import SECONDS, Histogram
from homeftp.interfaces import IWorkers
from homeftp.workers.deadline import OPERATION_SECONDS, OperationDeadline, under
from homeftp.workers.debts import Debts
from homeftp.workers.fairloop import RECHECK_SECONDS, FairLoop
from homeftp.workers.fairqueue import LONG, FairQueue, Lane

T = TypeVar("T")

SLOW_SECONDS = 5.0
"""A job that runs for so long is named in the log: not even a slow disk, or the hashing of a password, needs that."""


@attrs.frozen
class Clocks:
    """The clocks of jobs, in seconds."""

    monotonic: Callable[[], float] = time.monotonic
    thread: Callable[[], float] = time.thread_time
    """The processor time that the thread which asks has used."""
    process: Callable[[], float] = time.process_time
    """The processor time that all threads have used."""


@attrs.define(eq=False)
class _Job:
    """A call that waits for a thread, or has one."""

    call: Callable[..., Any]
    args: tuple[Any, ...]
    answer: Deferred[Any]
    account: str | None
    clocks: Clocks
    asked: float
    """When it began to wait."""
    has_deadline: bool
    """Whether a request may wait for it."""
    others_wait: bool = False
    """Whether accounts that owe more wait for it: as for a short job, also for a slice of one with little to do."""
    began: float = 0.0
    """When it got its thread."""
    logged: bool = False
    used: float = 0.0
    """Seconds of a processor."""
    took: float = 0.0
    """Seconds from its first step to its last one, without those in which other threads of the process had a processor:
    it may have waited for the interpreter then, which is not its fault."""

    def run(self) -> object:
        """In a worker: the result of the call."""
        clocks = self.clocks
        before, began, all_before = clocks.thread(), clocks.monotonic(), clocks.process()
        deadline = OperationDeadline(OPERATION_SECONDS, clocks.monotonic) if self.has_deadline else None
        try:
            with under(deadline):
                return self.call(*self.args)
        finally:
            self.used = clocks.thread() - before
            others = clocks.process() - all_before - self.used
            self.took = max(self.used, clocks.monotonic() - began - max(0.0, others))


@implementer(IWorkers)
class ThreadWorkers:
    """`size` threads, and for each account a queue of `queue` jobs that wait for one.

    What runs through it directly, and not through `of`, is the work of the program itself. At most `hashing` threads
    hash at once: by default one processor is left to the reactor. What an account has used in the pool `beside` this
    one counts here too, and the other way round.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorFromThreads,
        *,
        size: int,
        queue: int,
        name: str,
        hashing: int | None = None,
        clocks: Clocks = Clocks(),
        beside: ThreadWorkers | None = None,
    ) -> None:
        self.size = size
        self.name = name
        self.waits = Histogram(SECONDS)
        """How long jobs waited for a thread."""
        self.seconds = Histogram(SECONDS)
        """How long jobs had one."""
        self.refused = 0
        """Jobs that were refused, because the queue of their account was full."""
        self._reactor = reactor
        self._bound = queue
        self._clocks = clocks
        self._monotonic = clocks.monotonic
        if hashing is None:
            hashing = max(1, min(size, os.cpu_count() or 1) - 1)
        if beside is None:
            self._debts = Debts(clocks.monotonic)
            self._loop = FairLoop(IReactorTime(reactor), self._debts, clocks.thread)
        else:
            self._debts, self._loop = beside._debts, beside._loop
        self._recheck: IDelayedCall | None = None
        self._queue: FairQueue[_Job] = FairQueue(
            threads=size, hashing=hashing, must_wait=self._debts.must_wait, must_rest=self._debts.must_rest
        )
        self._running: dict[_Job, None] = {}
        """The jobs that have a thread, the one that has had it for longest first."""
        self._idle: list[Deferred[None]] = []
        self._pool = ThreadPool(minthreads=size, maxthreads=size, name=name)

    def start(self) -> None:
        """Start the threads."""
        self._pool.start()

    def stop(self) -> None:
        """End the threads; blocks until the running jobs have ended."""
        self._pool.stop()

    def idle(self) -> Deferred[None]:
        """Fires when no job runs or waits."""
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._report_idle()
        return idle

    def usage(self, account: str) -> tuple[int, int]:
        """How many jobs of an account wait, and how many may."""
        return self._queue.waiting(account), self._bound

    @property
    def running(self) -> int:
        """How many jobs have a thread."""
        return len(self._running)

    def waiting(self) -> dict[str, int]:
        """How many jobs wait for a thread, by how they will use it."""
        return {lane.name.lower(): count for lane, count in zip(Lane, self._queue.waiting_by_lane(), strict=True)}

    def of(self, account: str) -> AccountWorkers:
        """The same threads, with the queue of one account."""
        return AccountWorkers(self, account)

    @property
    def shared(self) -> bool:
        """Whether any account was served within the last second."""
        return self.shared_with(None)

    def admit(self) -> None:
        """Raise `Busy` (51) where the program's own queue is full."""
        self.admit_to(None)

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool; fails with `Busy` when the queue is full."""
        return self.begin(None, job, args)

    def run_unbounded(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool, however many jobs wait there."""
        return self.put(None, Lane.SHORT, job, args)

    def run_slice(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)`, a part of long work."""
        return self.put(None, Lane.SLICE, job, args)

    def run_hash(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)`, a part of a hashing."""
        return self.put(None, Lane.HASH, job, args)

    def in_turn(self, call: Callable[..., object], *args: Any) -> None:
        """Call `call(*args)` on the reactor's thread, for the server itself."""
        self.call_in_turn(None, call, args)

    def run_background(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` once nothing else runs or waits."""
        return self.put(None, Lane.BACKGROUND, job, args)

    def pause(self, seconds: float) -> Deferred[None]:
        """Fires after so many seconds; no thread waits."""
        return deferLater(IReactorTime(self._reactor), seconds, lambda: None)

    # -- for the queues of accounts ------------------------------------------------

    def shared_with(self, account: str | None) -> bool:
        """Whether another account was served within the last second."""
        return self._debts.others_served(account)

    def admit_to(self, account: str | None) -> None:
        """Raise `Busy` (51) where the queue of that account is full."""
        if self._queue.waiting(account) >= self._bound:
            self.refused += 1
            raise Busy("the server is too busy with earlier requests of yours: try again later")

    def begin(self, account: str | None, job: Callable[..., T], args: tuple[Any, ...]) -> Deferred[T]:
        """`put` for a short job that may be refused."""
        try:
            self.admit_to(account)
        except Busy as busy:
            return fail(busy)
        return self.put(account, Lane.SHORT, job, args)

    def call_in_turn(self, account: str | None, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        """Call `call(*args)` on the reactor's thread at the account's turn."""
        self._loop.run(account, call, *args)

    def put(self, account: str | None, lane: Lane, job: Callable[..., T], args: tuple[Any, ...]) -> Deferred[T]:
        """Call `job(*args)` in the pool when its turn comes."""
        answer: Deferred[T] = Deferred()
        bounded = lane is not Lane.BACKGROUND
        new = _Job(job, args, answer, account, self._clocks, self._monotonic(), bounded)
        new.others_wait = lane is Lane.SHORT or (lane in LONG and self._has_little_to_do(account))
        self._queue.put(account, lane, new)
        if new.others_wait:
            self._debts.begin(account)
        self._start()
        if len(self._running) == self.size:
            self._log_slow(next(iter(self._running)))
        return answer

    def _has_little_to_do(self, account: str | None) -> bool:
        """Whether no other long work of an account waits or runs, and it owes next to nothing."""
        return not self._queue.has_long(account) and self._debts.has_little_to_do(account)

    def _start(self) -> None:
        """Hand over as many jobs as there are free threads for."""
        while (taken := self._queue.take()) is not None:
            _, lane, job = taken
            job.began = self._monotonic()
            self.waits.add(job.began - job.asked)
            self._running[job] = None
            deferToThreadPool(self._reactor, self._pool, job.run).addBoth(self._ended, job, lane)
        if self._recheck is None and self._queue.left_waiting():
            self._recheck = IReactorTime(self._reactor).callLater(RECHECK_SECONDS, self._start_held)

    def _start_held(self) -> None:
        self._recheck = None
        self._start()

    def _ended(self, result: object, job: _Job, lane: Lane) -> None:
        del self._running[job]
        self._queue.done(job.account, lane)
        self.seconds.add(self._monotonic() - job.began)
        self._log_slow(job)
        self._debts.charge(job.account, job.used, job.took if lane in LONG else 0.0)
        self._loop.run(job.account, self._answer, job.answer, result)
        if job.others_wait:
            self._debts.end(job.account)
        self._start()
        self._loop.serve()

    def _answer(self, answer: Deferred[Any], result: object) -> None:
        if isinstance(result, Failure):
            answer.errback(result)
        else:
            answer.callback(result)
        if self._idle:
            self._reactor.callFromThread(self._report_idle)  # after what waits for this result: it may need more jobs

    def _report_idle(self) -> None:
        while self._idle and self._queue.idle():
            self._idle.pop().callback(None)

    def _log_slow(self, job: _Job) -> None:
        seconds = self._monotonic() - job.began
        if seconds >= SLOW_SECONDS and not job.logged:
            job.logged = True
            self._log.warn(
                "a job of {account} has held a thread for {seconds:.1f} s: {job}",
                account=job.account or "the server",
                seconds=seconds,
                job=described(job.call, job.args),
            )


@implementer(IWorkers)
@attrs.frozen(eq=False)
class AccountWorkers:
    """The threads of `ThreadWorkers`, with the queue of one account."""

    _pool: ThreadWorkers
    _account: str

    @property
    def size(self) -> int:
        """How many threads there are for all accounts."""
        return self._pool.size

    @property
    def shared(self) -> bool:
        """Whether another account was served within the last second."""
        return self._pool.shared_with(self._account)

    def of(self, account: str) -> AccountWorkers:
        """The same threads, with the queue of another account."""
        return self._pool.of(account)

    def admit(self) -> None:
        """Raise `Busy` (51) where the account's queue is full."""
        self._pool.admit_to(self._account)

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)`; fails with `Busy` when the account's queue is full."""
        return self._pool.begin(self._account, job, args)

    def run_unbounded(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)`, which continues or ends what was begun."""
        return self._pool.put(self._account, Lane.SHORT, job, args)

    def run_slice(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)`, a part of long work."""
        return self._pool.put(self._account, Lane.SLICE, job, args)

    def run_hash(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)`, a part of a hashing."""
        return self._pool.put(self._account, Lane.HASH, job, args)

    def in_turn(self, call: Callable[..., object], *args: Any) -> None:
        """Call `call(*args)` on the reactor's thread at the account's turn."""
        self._pool.call_in_turn(self._account, call, args)

    def run_background(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` once nothing else runs or waits."""
        return self._pool.put(self._account, Lane.BACKGROUND, job, args)

    def pause(self, seconds: float) -> Deferred[None]:
        """Fires after so many seconds; no thread waits."""
        return self._pool.pause(seconds)


def described(call: Callable[..., object], args: tuple[object, ...]) -> str:
    """The names of the functions in a call, for the log."""
    names = []
    for each in (call, *args):
        while isinstance(each, partial):
            names.append(getattr(each.func, "__qualname__", ""))
            each = next(iter(each.args), None)
        names.append(getattr(each, "__qualname__", ""))
    return " ".join(filter(None, names)) or repr(call)
