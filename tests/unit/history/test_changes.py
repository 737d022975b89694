"""What became of names and versions: the refusals of a step."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import Changed
from homeftp.history.changes import Pruned, PruneStep, RestoreStep, Reverted


class RefusedTests(SynchronousTestCase):
    """The refusals of one step."""

    def test_refused(self) -> None:
        """Only what was refused is named, with the reason."""
        why = Changed("it has changed")
        done = Reverted(name="a", outcome="restored"), Reverted(name="b", outcome="refused", refusal=why)
        self.assertEqual(RestoreStep(1, done).refused, [("b", why)])
        gone = Pruned(name="a", at_us=1, size=1), Pruned(name="b", at_us=2, size=1, refusal=why)
        self.assertEqual(PruneStep(gone).refused, [("b", why)])
