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

ITEMS_SHARED = 8
"""Items of one job, at most, where other accounts are served too: a job of 64 small files holds the interpreter for
some 5 ms. Alone an account has longer jobs, because each costs 50 µs itself."""

ANSWERS_PER_TURN = 4
"""Answers of a job that are given before other accounts have their turn: each costs 50 to 100 µs, its turn 10 µs."""


def items_per_job(workers: IWorkers, limit: int) -> int:
    """Small items of one job: `limit`, or fewer while other accounts are served too."""
    return min(limit, ITEMS_SHARED) if workers.shared else limit


class Batcher(Generic[T, R]):
    """Runs single items as jobs of many: the items that come while a job runs make up the next one.

    `job` gets a sequence of items and returns as many results, in order; a
    result that is an exception fails its own item only. At most `limit` items
    go into one job; one that `weigh` gives more than 1 counts as so many. No item waits for others: while no job runs,
    it starts one.
    """

    def __init__(
        self,
        workers: IWorkers,
        job: Callable[[Sequence[T]], Sequence[R | Exception]],
        *,
        limit: int,
        weigh: Callable[[T], int] = lambda item: 1,
    ) -> None:
        self._workers = workers
        self._weigh = weigh
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
        self._running = bool(self._waiting)
        if not self._waiting:
            return
        left = items_per_job(self._workers, self._limit)
        batch: list[tuple[T, Deferred[R]]] = []
        while self._waiting:
            left -= self._weigh(self._waiting[0][0])
            if batch and left < 0:
                break
            batch.append(self._waiting.popleft())
        done = self._workers.run_unbounded(self._job, [item for item, _ in batch])
        done.addBoth(self._distribute, batch)

    def _distribute(self, results: Sequence[R | Exception] | Failure, batch: list[tuple[T, Deferred[R]]]) -> None:
        self._next()
        if not isinstance(results, Failure) and len(results) != len(batch):
            results = Failure(RuntimeError(f"a job gave {len(results)} results for {len(batch)} items"))
        given = [results] * len(batch) if isinstance(results, Failure) else results
        answers = [(answer, result) for (_, answer), result in zip(batch, given, strict=True)]
        _answer(answers[:ANSWERS_PER_TURN])  # in the turn in which the pool answers
        for start in range(ANSWERS_PER_TURN, len(answers), ANSWERS_PER_TURN):
            self._workers.in_turn(_answer, answers[start : start + ANSWERS_PER_TURN])


def _answer(answers: Sequence[tuple[Deferred[R], R | Exception | Failure]]) -> None:
    for answer, result in answers:
        if isinstance(result, Exception | Failure):
            answer.errback(result)
        else:
            answer.callback(result)
