"""The answers to RESTORE of a directory and to PRUNE: what a server must not say is a violation, never believed."""

from __future__ import annotations

from typing import Any, Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection.historyreplies import PruneSteps, RestoreSteps
from homeftp.client.errors import ProtocolViolation
from homeftp.errors import Forbidden
from homeftp.history.changes import Pruned, PruneStep, RestoreStep, Reverted

TOTALS = {"restored_total": 1, "removed_total": 1, "refused_total": 1, "unchanged_total": 7, "as_of": 5}


class StepsCase(SynchronousTestCase):
    """Answers that are refused."""

    def refused(self, function: Callable[..., object], *arguments: Any) -> None:
        """The answer is a violation."""
        with self.assertRaises(ProtocolViolation) as caught:
            function(*arguments)
        self.assertTrue(str(caught.exception).isprintable())


class RestoreStepsTests(StepsCase):
    """`RestoreSteps`."""

    def begun(self) -> RestoreSteps:
        """One that has heard of three names."""
        steps = RestoreSteps()
        reverted = [
            {"name": "a", "outcome": "restored", "at": 3, "size": 1},
            {"name": "", "outcome": "removed", "kind": "directory"},
            {"name": "b/c", "outcome": "refused", "status": 33, "message": "you may not"},
        ]
        step = steps.step({"unchanged": 4, "reverted": reverted})
        self.assertEqual(step.unchanged, 4)
        self.assertEqual(step.reverted[0], Reverted(name="a", outcome="restored", at_us=3, size=1))
        self.assertIsInstance(step.reverted[2].refusal, Forbidden)
        self.assertEqual(steps.step({"unchanged": 7}), RestoreStep(None, (), 3))
        return steps

    def test_steps(self) -> None:
        """Each step has what is new since the one before; the last one has the time."""
        self.assertEqual(self.begun().last(TOTALS), RestoreStep(5))

    def test_violations(self) -> None:
        """Counts that shrink or do not fit, names that lead elsewhere, and refusals without a reason."""
        self.refused(self.begun().step, {"unchanged": 6})
        for name in ("..", "d/../x", "/etc", "d//b", "a\0", "\x1b[2J"):
            self.refused(self.begun().step, {"unchanged": 7, "reverted": [{"name": name, "outcome": "removed"}]})
        for wrong in ({"outcome": "refused"}, {"outcome": "removed", "status": 33}, {"outcome": "eaten"}):
            self.refused(self.begun().step, {"unchanged": 7, "reverted": [{"name": "x", **wrong}]})
        for field in TOTALS:
            self.refused(self.begun().last, {name: value for name, value in TOTALS.items() if name != field})
            if field != "as_of":
                self.refused(self.begun().last, {**TOTALS, field: 99})


class PruneStepsTests(StepsCase):
    """`PruneSteps`."""

    def begun(self) -> PruneSteps:
        """One that has heard of two versions."""
        steps = PruneSteps()
        gone = {"name": "a", "at": 3, "size": 10}
        left = {"name": "b", "at": 4, "size": 20, "status": 33, "message": "you may not"}
        step = steps.step({"versions": [gone, left]})
        self.assertEqual(step.pruned[0], Pruned(name="a", at_us=3, size=10))
        self.assertIsInstance(step.pruned[1].refusal, Forbidden)
        return steps

    def test_totals(self) -> None:
        """Only what is gone counts; another total is a violation, and so is a name that leads elsewhere."""
        right = {"pruned_total": 1, "bytes": 10, "refused_total": 1}
        self.begun().last(right)
        self.assertEqual(PruneSteps().step({}), PruneStep())
        for field in right:
            self.refused(self.begun().last, {**right, field: 99})
        self.refused(self.begun().step, {"versions": [{"name": "../a", "at": 1}]})
        self.refused(self.begun().step, {"versions": [{"name": "a"}]})
