"""The refusals that say what became of a file."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import Internal
from homeftp.store.local.commit.outcome import InDoubt, in_doubt, not_archived


class OutcomeTests(SynchronousTestCase):
    """In doubt, and not archived."""

    def test_in_doubt(self) -> None:
        """It names the file, keeps its cause, and can be told from a refusal that changed nothing."""
        cause = OSError(5, "I/O")
        refused = in_doubt(parse("d/file"), cause)
        self.assertIn("d/file was changed", refused.message)
        self.assertIs(refused.__cause__, cause)
        self.assertIsInstance(not_archived(parse("a")), Internal)
        self.assertNotIsInstance(not_archived(parse("a")), InDoubt)
