"""Many small items as few jobs."""

from __future__ import annotations

from collections import deque
from typing import Callable, Generic, Sequence, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from homeftp.errors import Busy
from homeftp.interfaces import IWorkers

T = TypeVar("T")
R = TypeVar("R")

ITEMS_WAITING = 4096
"""Items that may wait in one batcher: beyond it one more is refused. A connection has at most 64 in flight."""


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
        """The result for `item`; fails with `Busy` (51) where too many wait already."""
        if len(self._waiting) >= ITEMS_WAITING:
            return fail(Busy("too much of this account is waiting already: try again later"))
        answer: Deferred[R] = Deferred()
        self._waiting.append((item, answer))
        if not self._running:
            self._next()
        return answer

    def _next(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(self._limit, len(self._waiting)))]
        self._running = bool(batch)
        if batch:
            done = self._workers.run_unbounded(self._job, [item for item, _ in batch])
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
