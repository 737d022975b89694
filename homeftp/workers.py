"""The fixed pool of threads that runs everything that blocks, and its stand-in for tests.

Jobs go through `twisted.internet.threads.deferToThreadPool` on one pool whose size never changes. The pool's own queue
has no bound, so the bound is in front of it. docs/decisions/workers has the measurements.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Generic, Sequence, TypeVar

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from homeftp.errors import Busy
from homeftp.interfaces import IWorkers

T = TypeVar("T")
R = TypeVar("R")


@implementer(IWorkers)
class ThreadWorkers:
    """`size` threads, and a queue of `queue` jobs that wait for one."""

    def __init__(self, reactor: IReactorFromThreads, *, size: int, queue: int, name: str) -> None:
        self.size = size
        self._reactor = reactor
        self._bound = size + queue
        self._pending = 0
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

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool; fails with `Busy` when the queue is full."""
        if self._pending >= self._bound:
            return fail(Busy("the server is too busy: try again later"))
        return self.run_unbounded(job, *args)

    def run_unbounded(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool, however many jobs wait there."""
        self._pending += 1
        answer: Deferred[T] = Deferred()  # who cancels it does not wait: the job keeps its place until it has ended
        running = deferToThreadPool(self._reactor, self._pool, job, *args)
        running.addBoth(self._ended).addCallbacks(answer.callback, answer.errback)
        return answer

    def _ended(self, result: T) -> T:
        self._pending -= 1
        if self._idle:
            self._reactor.callFromThread(self._report_idle)  # after what waits for this result: it may need more jobs
        return result

    def _report_idle(self) -> None:
        while self._idle and not self._pending:
            self._idle.pop().callback(None)


@implementer(IWorkers)
class InlineWorkers:
    """Runs each job at once, on the calling thread: for tests."""

    size = 1

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` now."""
        return execute(job, *args)

    run_unbounded = run


class Batcher(Generic[T, R]):
    """Runs single items as jobs of many: the items that come while a job runs make up the next one.

    `job` gets a sequence of items and returns as many results, in order; a
    result that is an exception fails its own item only. At most `limit` items
    go into one job. No item waits for others: while no job runs, it starts one.
    """

    def __init__(self, workers: IWorkers, job: Callable[[Sequence[T]], Sequence[R | Exception]], *, limit: int) -> None:
        self._workers = workers
        self._job = job
        self._limit = limit
        self._waiting: deque[tuple[T, Deferred[R]]] = deque()
        self._running = False

    def run(self, item: T) -> Deferred[R]:
        """The result for `item`."""
        answer: Deferred[R] = Deferred()
        self._waiting.append((item, answer))
        if not self._running:
            self._next()
        return answer

    def _next(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
        self._running = bool(batch)
        if batch:
            done = self._workers.run(self._job, [item for item, _ in batch])
            done.addBoth(self._distribute, batch)

    def _distribute(self, results: Sequence[R | Exception] | Failure, batch: list[tuple[T, Deferred[R]]]) -> None:
        self._next()
        if not isinstance(results, Failure) and len(results) != len(batch):
            results = Failure(RuntimeError(f"a job gave {len(results)} results for {len(batch)} items"))
        if isinstance(results, Failure):
            for _, answer in batch:
                answer.errback(results)
            return
        for (_, answer), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                answer.errback(result)
            else:
                answer.callback(result)
