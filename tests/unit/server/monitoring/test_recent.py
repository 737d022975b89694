"""Values that a worker finds out now and then."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import Busy
from homeftp.server.monitoring.recent import Recent
from tests.support.queuedworkers import QueuedWorkers


class RecentTests(SynchronousTestCase):
    """A job that counts its calls, counts for 10 seconds, and may take 5."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.workers = QueuedWorkers()
        self.calls = 0
        self.error: Exception | None = None
        self.recent = Recent(self.clock, self.workers, self.job, valid=10.0, deadline=5.0)

    def job(self) -> int:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self.calls

    def test_together(self) -> None:
        """All that ask while the job runs get its result, and so do those that ask soon after; then it runs again."""
        asked = [self.recent.get() for _ in range(3)]
        self.assertNoResult(asked[0])
        self.assertEqual(self.workers.work(), 1)
        self.assertEqual([self.successResultOf(each) for each in asked], [1, 1, 1])
        self.clock.advance(9.9)
        self.assertEqual(self.successResultOf(self.recent.get()), 1)
        self.clock.advance(0.1)
        again = self.recent.get()
        self.workers.work()
        self.assertEqual(self.successResultOf(again), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_late(self) -> None:
        """Nobody waits longer than the deadline, and no second job begins before the first has ended."""
        first = self.recent.get()
        self.clock.advance(4.9)
        self.assertNoResult(first)
        self.clock.advance(0.1)
        self.assertIsNone(self.successResultOf(first))
        self.clock.advance(60)
        self.assertIsNone(self.successResultOf(self.recent.get()))
        self.assertEqual(len(self.workers.jobs), 1)
        self.workers.work()
        self.assertEqual(self.successResultOf(self.recent.get()), 1, "the late result counts as any other")

    def test_failed(self) -> None:
        """A refusal gives no result, and is not logged; a bug is. Either is tried again after that time."""
        for error, logged in ((Busy("not now"), 0), (ZeroDivisionError(), 1)):
            self.error = error
            asked = self.recent.get()
            self.workers.work()
            self.assertIsNone(self.successResultOf(asked))
            self.assertEqual(len(self.flushLoggedErrors()), logged)
            self.assertIsNone(self.successResultOf(self.recent.get()))
            self.clock.advance(10)
        self.assertEqual(self.calls, 2)
