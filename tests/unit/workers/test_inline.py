"""Workers without threads."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.interfaces import IWorkers
from homeftp.workers import InlineWorkers


class InlineWorkersTests(SynchronousTestCase):
    """Each job at once."""

    def test_at_once(self) -> None:
        """Every way to run a job runs it before it returns, for every account."""
        workers = InlineWorkers()
        verifyObject(IWorkers, workers)
        workers.admit()
        for each in (workers, workers.of("ann")):
            for run in (each.run, each.run_unbounded, each.run_slice, each.run_hash):
                self.assertEqual(self.successResultOf(run(max, 1, 2)), 2)
                self.failureResultOf(run(int, "x"), ValueError)
        self.successResultOf(workers.pause(0))

    def test_in_turn(self) -> None:
        """A call is made before `in_turn` returns; one that it asks for is made behind it, and not inside it."""
        workers = InlineWorkers()
        made: list[str] = []

        def outer() -> None:
            workers.of("ann").in_turn(made.append, "inner")
            made.append("outer")

        workers.in_turn(outer)
        self.assertEqual(made, ["outer", "inner"])
        workers.in_turn(int, "x")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        workers.in_turn(made.append, "last")
        self.assertEqual(made[2:], ["last"])
