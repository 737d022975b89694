"""The exit status of a transfer, and what is printed of it."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import Counter
from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.transfer.report import TransferReport, exit_code
from homeftp.client import FileResult, Outcome, TransferObserver


def write(output: Callable[[], None]) -> None:
    """Writes at once."""
    output()


class StatusTests(SynchronousTestCase):
    """What a script is told."""

    def test_worst_counts(self) -> None:
        """Content that is not to be trusted outranks a refusal, and a refusal outranks a difference."""
        outcomes = (Outcome.SAME, Outcome.NEWER, Outcome.REFUSED, Outcome.CORRUPT)
        for number, status in enumerate((Exit.DONE, Exit.DIFFERS, Exit.REFUSED, Exit.UNREACHABLE)):
            counts = Counter(outcomes[: number + 1])
            self.assertEqual(exit_code(TransferObserver(counts=counts)), status)


class SumTests(SynchronousTestCase):
    """The last line for people."""

    def summed(self, *items: tuple[Outcome, str], moved: int = 0) -> str:
        """The sums of what became of these, for which so many bytes were transferred."""
        errors = io.StringIO()
        self.patch(sys, "stderr", errors)
        watch = TransferObserver()
        for outcome, kind in items:
            watch.add_result(FileResult(outcome, "a", kind=kind))
        watch.add_bytes(moved, moved=True)
        options = argparse.Namespace(dry_run=False, verbose=False, json=False, quiet=False, command="push")
        TransferReport(options, write, stop=lambda: None).print_summary(watch)
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
        self.assertEqual(
            self.summed((Outcome.METADATA, "file"), (new, "file")), "1 file: only time or mode updated, 1 file new\n"
        )

    def test_bytes(self) -> None:
        """Bytes are told where some of them were kept: a refused file leaves nothing."""
        self.assertRegex(self.summed((Outcome.NEW, "file"), moved=2000), r"\A1 file new; 2\.0 kB in \d\.\d s\n\Z")
        self.assertEqual(self.summed((Outcome.REFUSED, "file"), moved=2000), "1 file refused\n")


class ResultTests(SynchronousTestCase):
    """The line of each file."""

    def printed(self, *results: FileResult, command: str = "push", **options: bool) -> tuple[str, str]:
        """What is printed on standard output and standard error."""
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        chosen = {"json": False, "quiet": False, "verbose": False, "dry_run": False, **options}
        report = TransferReport(argparse.Namespace(command=command, **chosen), write, stop=lambda: None, top="nas:lib")
        for result in results:
            report.result(result)
        return out.getvalue(), err.getvalue()

    def test_problems(self) -> None:
        """Problems are printed without options, with what to do about those that are left unchanged."""
        out, err = self.printed(
            FileResult(Outcome.NEW, "fine"),
            FileResult(Outcome.REFUSED, "a\n", reason="not yours"),
            FileResult(Outcome.NEWER, ""),
            FileResult(Outcome.SUSPICIOUS, "b"),
        )
        self.assertEqual(out, "")
        self.assertEqual(
            err.splitlines(),
            [
                "homeftp: refused: a\\n: not yours",
                "homeftp: newer: nas:lib: not replaced, because the target is newer. Use --force to replace it.",
                "homeftp: suspicious: b: not replaced. Size and time match but the content differs, so one copy may be "
                "damaged. Check both; use --force to replace the target.",
            ],
        )

    def test_said(self) -> None:
        """What an earlier report has complained of is not printed again, and the next one is told of it, too."""
        link, other = (FileResult(Outcome.SKIPPED, name, reason="a link", kind="other") for name in ("link", "other"))
        err = io.StringIO()
        self.patch(sys, "stderr", err)
        options = argparse.Namespace(command="sync", json=False, quiet=False, verbose=False, dry_run=False)
        first = TransferReport(options, write, stop=lambda: None, said=())
        first.result(link)
        second = TransferReport(options, write, stop=lambda: None, said=first.complaints)
        for item in (link, other, FileResult(Outcome.NEW, "new")):
            second.result(item)
        self.assertEqual(err.getvalue().count("link: a link"), 1)
        self.assertIn("other: a link", err.getvalue())
        self.assertEqual({name for _, name, _ in second.complaints}, {"link", "other"})

    def test_label(self) -> None:
        """Where several transfers print, each line says which one it is of, whatever characters its name has."""
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        for json_wanted in (False, True):
            options = argparse.Namespace(command="sync", json=json_wanted, quiet=False, verbose=True, dry_run=False)
            report = TransferReport(options, write, stop=lambda: None, label="a\x1b")
            report.result(FileResult(Outcome.NEW, "new"))
            report.result(FileResult(Outcome.FAILED, "failed", reason="why"))
            report.result(FileResult(Outcome.RENAMED, "renamed", reason="why"))
            report.notice("connected again")
            report.print_summary(TransferObserver(counts=Counter([Outcome.NEW])))
        lines = [line.removeprefix("homeftp: ") for line in (err.getvalue() + out.getvalue()).splitlines()]
        objects = [line for line in lines if line.startswith("{")]
        self.assertEqual({json.loads(line)["pair"] for line in objects}, {"a\x1b"})
        self.assertEqual(len(objects), 4)
        self.assertEqual({line.startswith("a\\x1b: ") for line in lines if line not in objects}, {True})

    def test_levels(self) -> None:
        """--verbose prints every file; --quiet leaves out skipped ones."""
        results = (FileResult(Outcome.NEW, "a"), FileResult(Outcome.SKIPPED, "link", reason="a link", kind="other"))
        skipped = "homeftp: skipped: link: a link\n"
        self.assertEqual(self.printed(*results, verbose=True), ("new       a\n", skipped))
        self.assertEqual(self.printed(*results), ("", skipped))
        self.assertEqual(self.printed(*results, quiet=True), ("", ""))

    def test_differences(self) -> None:
        """cmp prints what differs, and a folder on one side only as one line with its count."""
        results = (
            FileResult(Outcome.SAME, "same"),
            FileResult(Outcome.DIFFERS, "a", differs=("hash", "mtime_us")),
            FileResult(Outcome.MISSING, "new", kind="directory", holds=(1, 0)),
            FileResult(Outcome.MISSING, "new/b", within="new"),
            FileResult(Outcome.EXTRA, "old", kind="directory", holds=(0, 0)),
        )
        out, _ = self.printed(*results, command="cmp")
        self.assertEqual(
            out.splitlines(),
            [
                "differs: a (content, time)",
                "only here: new (folder with 1 file)",
                "only on the server: old (empty folder)",
            ],
        )
        self.assertIn("only here: new/b\n", self.printed(*results, command="cmp", verbose=True)[0])

    def test_json(self) -> None:
        """Every file is an object with the fields that apply."""
        out, _ = self.printed(
            FileResult(Outcome.NEW, "a", size=3),
            FileResult(Outcome.EXTRA, "b", kind="directory", within="b", holds=(2, 1), differs=("kind",), reason="r"),
            json=True,
        )
        self.assertEqual(
            [json.loads(line) for line in out.splitlines()],
            [
                {"outcome": "new", "name": "a", "kind": "file", "size": 3},
                {
                    "outcome": "extra",
                    "name": "b",
                    "kind": "directory",
                    "size": 0,
                    "reason": "r",
                    "differs": ["kind"],
                    "within": "b",
                    "files": 2,
                    "folders": 1,
                },
            ],
        )
