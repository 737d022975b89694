"""The fixed pool of threads that does everything that blocks, and its stand-in for tests.

One Twisted thread pool of a size that never changes, with a bound on what may
wait: the pool's own queue has none. Results come back to the reactor in
bunches: one wake-up of the reactor carries all that finished meanwhile.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import Any, Callable, Generic, Sequence, TypeVar

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from homeftp.errors import Busy
from homeftp.interfaces import IWorkers

T = TypeVar("T")
R = TypeVar("R")


@implementer(IWorkers)
class ThreadWorkers:
    """`size` threads, and room for `queue` jobs that wait for one."""

    def __init__(self, reactor: IReactorFromThreads, *, size: int, queue: int, name: str) -> None:
        self.size = size
        self._reactor = reactor
        self._bound = size + queue
        self._pending = 0
        self._lock = Lock()
        self._finished: list[tuple[Deferred[Any], Any]] = []
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
        self._tell_idle()
        return idle

    def _tell_idle(self) -> None:
        while self._idle and not self._pending:
            self._idle.pop().callback(None)

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool; fails with `Busy` when the queue is full."""
        if self._pending >= self._bound:
            return fail(Busy("the server has too much to do at the moment: try again in a while"))
        return self.run_unbounded(job, *args)

    def run_unbounded(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` in the pool, however much waits there."""
        self._pending += 1
        answer: Deferred[T] = Deferred()
        self._pool.callInThread(self._work, answer, job, args)
        return answer

    def _work(self, answer: Deferred[Any], job: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """In a thread: do the job and leave its result where the reactor finds it."""
        try:
            result = job(*args)
        except BaseException:  # noqa: BLE001 - whatever a job raises is its result
            result = Failure()
        with self._lock:
            self._finished.append((answer, result))
            first = len(self._finished) == 1
        if first:
            self._reactor.callFromThread(self._deliver)

    def _deliver(self) -> None:
        """On the reactor's thread: hand out all that has finished since the last time."""
        with self._lock:
            finished, self._finished = self._finished, []
        self._pending -= len(finished)
        for answer, result in finished:
            answer.callback(result)
        self._tell_idle()


@implementer(IWorkers)
class InlineWorkers:
    """Does each job at once, where it is asked for: for tests."""

    size = 1

    def run(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `job(*args)` now."""
        return execute(job, *args)

    run_unbounded = run


class Batcher(Generic[T, R]):
    """Turns single items into jobs of many: what comes while a job runs makes up the next one.

    `job` gets a sequence of items and returns as many results, in order; a
    result that is an exception fails its own item only. At most `limit` items
    go into one job. Nothing waits for company: with no job running, an item
    starts one at once.
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
            done.addBoth(self._spread, batch)

    def _spread(self, results: Sequence[R | Exception] | Failure, batch: list[tuple[T, Deferred[R]]]) -> None:
        self._next()
        if isinstance(results, Failure):
            for _, answer in batch:
                answer.errback(results)
            return
        for (_, answer), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                answer.errback(result)
            else:
                answer.callback(result)
