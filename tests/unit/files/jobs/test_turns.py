"""One job at a time, and callers that stop waiting."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.errors import Forbidden
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.jobs.turns import Turns, detached
from homeftp.interfaces import IWorkers
from tests.support.queuedworkers import QueuedWorkers, RevocableAccess


class DetachedTests(SynchronousTestCase):
    """`detached`."""

    def setUp(self) -> None:
        self.work: Deferred[str] = Deferred()
        self.discarded: list[str] = []
        self.answer = detached(self.work, self.discarded.append)

    def test_result(self) -> None:
        """A caller that waits gets the result, and nothing is discarded."""
        self.work.callback("a file")
        self.assertEqual((self.successResultOf(self.answer), self.discarded), ("a file", []))

    def test_failure(self) -> None:
        """A caller that waits gets the failure."""
        self.work.errback(OSError(5, "the disk fails"))
        self.failureResultOf(self.answer, OSError)

    def test_cancelled(self) -> None:
        """A caller that cancels is answered at once; the work goes on, and its result is discarded."""
        self.answer.cancel()
        self.failureResultOf(self.answer, CancelledError)
        self.assertFalse(self.work.called)
        self.work.callback("a file")
        self.assertEqual(self.discarded, ["a file"])

    def test_cancelled_failure(self) -> None:
        """There is nothing to discard of work that fails."""
        self.answer.cancel()
        self.failureResultOf(self.answer, CancelledError)
        self.work.errback(OSError(5, "the disk fails"))
        self.assertEqual(self.discarded, [])


class TurnsTests(SynchronousTestCase):
    """The jobs of a login, one at a time."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.login = RevocableAccess()
        self.turns = Turns(RevocableJobs(self.workers, self.login))
        self.done: list[str] = []

    def test_order(self) -> None:
        """Each job begins when the one before it has ended, whatever came of that."""
        verifyObject(IWorkers, self.turns)
        first = self.turns.run(self.done.index, "nothing")
        second = self.turns.run_unbounded(self.done.append, "second")
        self.assertEqual(len(self.workers.jobs), 1)
        self.workers.work()
        self.failureResultOf(first, ValueError)
        self.assertNoResult(second)
        self.assertEqual(len(self.workers.jobs), 1)
        self.workers.work()
        self.successResultOf(second)

    def test_cancelled(self) -> None:
        """A job that nobody waits for keeps its turn, whether it has begun or not."""
        calls = [self.turns.run(self.done.append, name) for name in ("first", "second", "third")]
        for call in calls[:2]:
            call.cancel()
            self.failureResultOf(call, CancelledError)
        for count in range(3):
            self.assertEqual((len(self.workers.jobs), len(self.done)), (1, count))
            self.workers.work()
        self.successResultOf(calls[2])
        self.assertEqual(self.done, ["first", "second", "third"])

    def test_revoked(self) -> None:
        """Once access is revoked only what ends something is done."""
        self.login.revoked = True
        reading, ending = self.turns.run(self.done.append, "read"), self.turns.run_unbounded(self.done.append, "end")
        self.workers.work_all()
        self.failureResultOf(reading, Forbidden)
        self.successResultOf(ending)
        self.assertEqual(self.done, ["end"])
