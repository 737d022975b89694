"""The pool of threads, the bound in front of it, and batches of small jobs."""

from __future__ import annotations

import threading
from queue import Queue
from typing import Any, Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.errors import Busy
from homeftp.interfaces import IWorkers
from homeftp.workers import Batcher, InlineWorkers, ThreadWorkers
from tests.support.queuedworkers import QueuedWorkers

WITHIN = 30.0
"""Seconds for a thread to do what it was told; far more than it needs."""


@implementer(IReactorFromThreads)
class CallQueue:
    """The part of a reactor that threads use; a test takes the calls out one by one."""

    def __init__(self) -> None:
        self._calls: Queue[tuple[Callable[..., Any], tuple[object, ...]]] = Queue()

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        self._calls.put((callable, args))

    def run_one(self) -> None:
        """Make the next call; waits for it."""
        callable, args = self._calls.get(timeout=WITHIN)
        callable(*args)


class ThreadWorkersTests(SynchronousTestCase):
    """One thread, and a queue of two jobs."""

    def setUp(self) -> None:
        self.reactor = CallQueue()
        self.workers = ThreadWorkers(self.reactor, size=1, queue=2, name="test")
        self.workers.start()
        self.addCleanup(self.workers.stop)
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)  # first, so that the pool can stop

    def test_interfaces(self) -> None:
        """Both kinds of workers provide the interface."""
        verifyObject(IWorkers, self.workers)
        verifyObject(IWorkers, InlineWorkers())

    def test_result(self) -> None:
        """A job runs in another thread, and its result arrives on the reactor's."""
        running = self.workers.run(lambda number: (number + 1, threading.get_ident()), 4)
        self.assertNoResult(running)
        self.reactor.run_one()
        result, thread = self.successResultOf(running)
        self.assertEqual(result, 5)
        self.assertNotEqual(thread, threading.get_ident())

    def test_exception(self) -> None:
        """The exception of a job, even SystemExit, is its result, and the thread goes on."""
        for error in (ZeroDivisionError, SystemExit):

            def job(error: type[BaseException] = error) -> None:
                raise error

            running: Deferred[Any] = self.workers.run(job)
            self.reactor.run_one()
            self.failureResultOf(running, error)
        running = self.workers.run(int)
        self.reactor.run_one()
        self.assertEqual(self.successResultOf(running), 0)

    def test_bound(self) -> None:
        """Past the bound a job is refused as busy at once; `run_unbounded` is not; an ended job frees its place."""
        running = [self.workers.run(self.gate.wait, WITHIN) for _ in range(3)]
        self.failureResultOf(self.workers.run(int), Busy)
        unbounded = self.workers.run_unbounded(int)
        self.gate.set()
        for _ in range(4):
            self.reactor.run_one()
        self.assertEqual([self.successResultOf(each) for each in running], [True] * 3)
        self.assertEqual(self.successResultOf(unbounded), 0)
        again = self.workers.run(int)
        self.reactor.run_one()
        self.assertEqual(self.successResultOf(again), 0)

    def test_cancelled(self) -> None:
        """A job that nobody waits for any more keeps its place in the queue until it has ended."""
        running = [self.workers.run(self.gate.wait, WITHIN) for _ in range(3)]
        for each in running:
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.failureResultOf(self.workers.run(int), Busy)
        idle = self.workers.idle()
        self.gate.set()
        for _ in range(3):
            self.assertNoResult(idle)
            self.reactor.run_one()
        for _ in range(3):
            self.reactor.run_one()
        self.successResultOf(idle)

    def test_idle(self) -> None:
        """`idle` fires when nothing runs or waits: not while what waits for a result starts another job."""
        self.successResultOf(self.workers.idle())
        running = self.workers.run(self.gate.wait, WITHIN)
        second: list[Deferred[int]] = []
        running.addCallback(lambda _: second.append(self.workers.run(int)))
        idle = self.workers.idle()
        self.gate.set()
        self.reactor.run_one()
        self.assertEqual(len(second), 1)
        self.reactor.run_one()
        self.assertNoResult(idle)
        self.reactor.run_one()
        self.successResultOf(second[0])
        self.reactor.run_one()
        self.successResultOf(idle)


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
