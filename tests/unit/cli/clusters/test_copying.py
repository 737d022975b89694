"""The report of a copy, and what is refused before it begins."""

from __future__ import annotations

import argparse
import json
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.clusters.copying import CopyReport, check_arguments
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.errors import OperatorError
from homeftp.store.importing import ImportFailure, ImportStep
from tests.support.commandline import Output

STEPS = (
    ImportStep(files=2, directories=1, size=7, there=3),
    ImportStep(versions=1, size=5, failures=(ImportFailure("a\n", "no"), ImportFailure("b", "no", 1_000_000))),
)


class CopyReportTests(SynchronousTestCase):
    """Two steps, one of them with failures."""

    def setUp(self) -> None:
        self.out, self.err = Output(), Output()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def reported(self, **options: bool) -> Exit:
        """Report all steps; the exit code."""
        report = CopyReport(argparse.Namespace(**{"json": False, "quiet": False, **options}), clock=lambda: 0.0)
        for step in STEPS:
            report.add(step)
        return report.print_summary()

    def test_lines(self) -> None:
        """Each failure is a line, in which no name can steer the terminal; the sums follow."""
        self.assertEqual(self.reported(), Exit.DIFFERS)
        first, second = self.out.getvalue().splitlines()
        self.assertEqual(first, "failed: a\\n: no")
        self.assertRegex(second, r"\Afailed: b \(version of 19.*\): no\Z")
        summary = "Copied 2 files, 1 folder and 1 version, 12 B in 0.0 s. 3 were there already. 2 failed.\n"
        self.assertEqual(self.err.getvalue(), summary)

    def test_json(self) -> None:
        """The same as objects."""
        self.assertEqual(self.reported(json=True), Exit.DIFFERS)
        first, second, summary = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual(first, {"outcome": "failed", "name": "a\n", "reason": "no"})
        self.assertEqual(second["at"], 1_000_000)
        sums = {"files": 2, "directories": 1, "versions": 1, "there": 3, "failed": 2}
        self.assertEqual(summary, {"summary": sums, "bytes": 12, "seconds": 0.0})

    def test_quiet(self) -> None:
        """Only failures."""
        self.reported(quiet=True)
        self.assertEqual((len(self.out.getvalue().splitlines()), self.err.getvalue()), (2, ""))


class ArgumentTests(SynchronousTestCase):
    """What was typed."""

    def test_checked(self) -> None:
        """The database is one, and the folder is not; the control is accepted."""
        for database, folder in (("/srv", "/srv"), ("postgresql://db/x", "s3://x")):
            self.assertRaises(OperatorError, check_arguments, argparse.Namespace(database=database, folder=folder))
        check_arguments(argparse.Namespace(database="postgresql://db/x", folder="/srv"))
