"""Batches of small jobs."""

from __future__ import annotations

from functools import partial
from typing import Callable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import Busy
from homeftp.workers import Batcher
from homeftp.workers.batcher import ANSWERS_PER_TURN, ITEMS_SHARED, ITEMS_WAITING
from tests.support.queuedworkers import QueuedWorkers


class BatcherTests(SynchronousTestCase):
    """Items in batches of at most three."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.batches: list[list[int]] = []
        self.batcher: Batcher[int, int] = Batcher(self.workers, self.double, limit=3)

    def double(self, items: Sequence[int]) -> list[int | Exception]:
        """Twice each item; 13 fails, and 0 fails the whole batch."""
        self.batches.append(list(items))
        if 0 in items:
            raise ZeroDivisionError
        return [ValueError(item) if item == 13 else 2 * item for item in items]

    def test_batches(self) -> None:
        """The first item starts a job alone; those that arrive meanwhile share the next ones, up to the limit."""
        running = [self.batcher.run(number) for number in range(1, 6)]
        for _ in range(3):
            self.assertEqual(len(self.workers.jobs), 1)
            self.workers.work()
        self.assertEqual(self.batches, [[1], [2, 3, 4], [5]])
        self.assertEqual([self.successResultOf(each) for each in running], [2, 4, 6, 8, 10])
        self.assertEqual(self.workers.jobs, [])

    def test_shared(self) -> None:
        """While other accounts are served jobs are shorter; alone again, an account has all that waits in one."""
        batcher: Batcher[int, int] = Batcher(self.workers, self.double, limit=100)
        for number in range(40):
            batcher.run(100 + number)
        self.workers.shared = True
        self.workers.work()
        self.workers.work()
        self.workers.shared = False
        self.workers.work()
        self.workers.work_all()
        self.assertEqual([len(batch) for batch in self.batches], [1, ITEMS_SHARED, ITEMS_SHARED, 39 - 2 * ITEMS_SHARED])

    def test_weighed(self) -> None:
        """What costs more counts as several items; even the heaviest goes into a job, alone."""
        batcher: Batcher[int, int] = Batcher(self.workers, self.double, limit=5, weigh=lambda item: item)
        answers = [batcher.run(item) for item in (1, 2, 2, 1, 4, 9, 1, 3)]
        self.workers.work_all()
        self.assertEqual([self.successResultOf(answer) for answer in answers], [2, 4, 4, 2, 8, 18, 2, 6])
        self.assertEqual(self.batches, [[1], [2, 2, 1], [4], [9], [1, 3]])

    def test_in_turn(self) -> None:
        """The first answers of a job come with it, all others in turn with what is done for other accounts."""
        turns: list[Callable[[], object]] = []
        self.workers.in_turn = lambda call, *args: turns.append(partial(call, *args))
        batcher: Batcher[int, int] = Batcher(self.workers, self.double, limit=100)
        batcher.run(1)
        running = [batcher.run(number) for number in range(2, 2 * ANSWERS_PER_TURN + 2)]
        self.workers.work()
        self.workers.work()
        for each in running[:ANSWERS_PER_TURN]:
            self.successResultOf(each)
        for each in running[ANSWERS_PER_TURN:]:
            self.assertNoResult(each)
        turns.pop()()
        self.assertEqual(self.successResultOf(running[-1]), 2 * (2 * ANSWERS_PER_TURN + 1))
        self.assertEqual(turns, [])

    def test_miscount(self) -> None:
        """A job with too many results or too few fails all of its items, and the next job runs."""
        for results in ([], [1, 2]):
            batcher: Batcher[int, int] = Batcher(self.workers, lambda items, given=results: given, limit=1)  # type: ignore[misc]
            running = [batcher.run(number) for number in range(2)]
            self.workers.work_all()
            for each in running:
                self.failureResultOf(each, RuntimeError)

    def test_failures(self) -> None:
        """An item's exception fails that item; the job's own fails all of its items, and the next job runs."""
        running = [self.batcher.run(number) for number in (1, 12, 13, 14, 0, 7, 8, 9)]
        self.workers.work_all()
        self.assertEqual(self.batches, [[1], [12, 13, 14], [0, 7, 8], [9]])
        self.failureResultOf(running[2], ValueError)
        for each in running[4:7]:
            self.failureResultOf(each, ZeroDivisionError)
        self.assertEqual([self.successResultOf(running[number]) for number in (0, 1, 3, 7)], [2, 24, 28, 18])

    def test_bound(self) -> None:
        """Past the bound an item is refused as busy; those that wait are not, and afterwards there is room again."""
        self.batcher.run(1)
        waiting = [self.batcher.run(1) for _ in range(ITEMS_WAITING)]
        self.failureResultOf(self.batcher.run(1), Busy)
        self.workers.work_all()
        self.assertEqual(self.successResultOf(waiting[-2]), 2)
        again = self.batcher.run(7)
        self.workers.work_all()
        self.assertEqual(self.successResultOf(again), 14)
