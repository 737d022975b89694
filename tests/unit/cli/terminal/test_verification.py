"""What verify prints."""

from __future__ import annotations

import argparse
import json
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.verification import VerifyReport
from homeftp.model import Damage, Verification
from tests.support.commandline import Output


class _Terminal(Output):
    """Standard error on a terminal."""

    def isatty(self) -> bool:
        return True


class ReportTests(SynchronousTestCase):
    """`VerifyReport`."""

    def setUp(self) -> None:
        self.out, self.err = Output(), _Terminal()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)
        self.now = 0.0

    def report(self, **options: bool) -> VerifyReport:
        """A report with these options."""
        given = argparse.Namespace(**{"json": False, "quiet": False, **options})
        return VerifyReport(given, "top", clock=lambda: self.now)

    def test_lines(self) -> None:
        """Files, versions and the named file itself, damaged and mended; names cannot steer the terminal."""
        report = self.report()
        damages = (
            Damage("", "content"),
            Damage("a\n", "unreadable", None, 1_700_000_000_000_000),
            Damage("b", "content", "sha256:00", mended=True),
        )
        report.add(Verification(3, 1, 10, damages, (("link", "is a symbolic link"),)))
        lines = self.out.getvalue().splitlines()
        self.assertEqual(lines[0], "damaged: top: the disk has another content than was stored")
        self.assertRegex(lines[1], r"\Adamaged: a\\n \(version of 2023-11-1.*\): the disk cannot read it\Z")
        self.assertRegex(lines[2], r"\Amended: b: it was damaged, and was copied again")
        self.assertEqual(report.print_summary(), Exit.DIFFERS)
        self.assertIn("homeftp: not verified: link: is a symbolic link\n", self.err.getvalue())
        self.assertIn(
            "Verified 3 files and 1 version, 10 B in 0.0 s: 3 damaged, 1 of them mended.", self.err.getvalue()
        )

    def test_bucket(self) -> None:
        """What a bucket has not kept is not said of a disk."""
        report = VerifyReport(argparse.Namespace(json=False, quiet=False), "", where="bucket")
        self.assertEqual((report.damaged, report.code), (0, Exit.DONE))
        report.add(Verification(damages=(Damage("a", "content"), Damage("b", "unreadable"))))
        self.assertNotIn("disk", self.out.getvalue())
        self.assertEqual(self.out.getvalue().count("bucket"), 2)
        self.assertEqual((report.damaged, report.code), (2, Exit.DIFFERS))

    def test_progress(self) -> None:
        """On a terminal a line says how far it is; it is removed before anything else is printed."""
        report = self.report()
        for _ in range(3):
            self.now += 0.3
            report.add(Verification(1000, 0, 5_000_000))
        shown = "Verified 2,000 files, 10.0 MB"
        self.assertEqual(self.err.getvalue(), shown)
        report.add(Verification(damages=(Damage("a", "content"),)))
        self.assertEqual(self.err.getvalue(), f"{shown}\r{' ' * len(shown)}\r")

    def test_json(self) -> None:
        """Objects, and no progress."""
        report = self.report(json=True)
        self.now = 1.5
        report.add(Verification(1, 0, 5, (Damage("a", "content", "sha256:00", 7),)))
        self.assertEqual(report.print_summary(), Exit.DIFFERS)
        damage, summary = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual(
            damage,
            {"outcome": "damaged", "name": "a", "kind": "version", "damage": "content", "hash": "sha256:00", "at": 7},
        )
        self.assertEqual((summary["bytes"], summary["seconds"], self.err.getvalue()), (5, 1.5, ""))

    def test_quiet(self) -> None:
        """Only what is damaged."""
        report = self.report(quiet=True)
        self.now = 9.0
        report.add(Verification(1, 0, 5, (), (("link", "x"),)))
        self.assertEqual((report.print_summary(), self.out.getvalue(), self.err.getvalue()), (Exit.DONE, "", ""))
