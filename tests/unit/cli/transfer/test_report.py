"""The exit status of a transfer, and what is printed of it."""

from __future__ import annotations

import argparse
import io
import sys
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.transfer.report import TransferReport, exit_code
from homeftp.client import FileResult, Outcome, TransferObserver


class StatusTests(SynchronousTestCase):
    """What a script is told."""

    def test_worst_counts(self) -> None:
        """What is not to be trusted comes before what was refused, and that before what differs."""
        outcomes = (Outcome.SAME, Outcome.NEWER, Outcome.REFUSED, Outcome.CORRUPT)
        for number, status in enumerate((Exit.DONE, Exit.DIFFERS, Exit.REFUSED, Exit.UNREACHABLE)):
            counts = Counter(outcomes[: number + 1])
            self.assertEqual(exit_code(TransferObserver(counts=counts)), status)


class SumTests(SynchronousTestCase):
    """The last line for people."""

    def summed(self, *items: tuple[Outcome, str]) -> str:
        """The sums of what became of these."""
        errors = io.StringIO()
        self.patch(sys, "stderr", errors)
        watch = TransferObserver()
        for outcome, kind in items:
            watch.add_result(FileResult(outcome, "a", kind=kind))
        options = argparse.Namespace(json=False, quiet=False, command="push")
        TransferReport(options, stop=lambda: None).finish(watch)
        return errors.getvalue()

    def test_kinds(self) -> None:
        """The sums say of what there are so many; what is neither file nor folder is only counted."""
        new, failed, skipped = Outcome.NEW, Outcome.FAILED, Outcome.SKIPPED
        self.assertEqual(self.summed(), "Nothing to do.\n")
        self.assertEqual(self.summed((new, "file")), "1 file new\n")
        self.assertEqual(self.summed((new, "directory"), (new, "directory")), "2 folders new\n")
        self.assertEqual(
            self.summed((new, "file"), (new, "file"), (new, "directory"), (skipped, "other")),
            "2 files and 1 folder new, 1 skipped\n",
        )
        self.assertEqual(self.summed((failed, "file"), (failed, "other")), "1 file and 1 other failed\n")
