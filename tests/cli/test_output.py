"""The exit status of a transfer, and what is printed of it."""

from __future__ import annotations

from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli import Exit
from homeftp.cli.output import exit_status
from homeftp.client import Outcome, Watch


class StatusTests(SynchronousTestCase):
    """What a script is told."""

    def test_worst_counts(self) -> None:
        """What is not to be trusted comes before what was refused, and that before what differs."""
        outcomes = (Outcome.SAME, Outcome.NEWER, Outcome.REFUSED, Outcome.CORRUPT)
        for number, status in enumerate((Exit.DONE, Exit.DIFFERS, Exit.REFUSED, Exit.UNREACHABLE)):
            counts = Counter(outcomes[: number + 1])
            self.assertEqual(exit_status(Watch(counts=counts)), status)
