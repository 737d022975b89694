"""The table of commands, how `main` calls one, and how each failure ends."""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

import homeftp
from homeftp.cli.main import main
from homeftp.cli.table import Command
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client.errors import ConnectionFailed, Corrupted
from homeftp.errors import Forbidden, OperatorError, UntrustedServer
from tests.support import probe

PROBES = {
    "probe": Command("tests.support.probe", "Do what a test wants."),
    "raw": Command("tests.support.probe", "Likewise, unparsed.", raw=True),
}


class MainCase(SynchronousTestCase):
    """main() inside this process, with its output kept."""

    def setUp(self) -> None:
        """Nothing printed yet."""
        self.out, self.err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def status(self, *arguments: str, does: Callable[[argparse.Namespace], int] = lambda options: 0) -> int:
        """The exit status of one command line."""
        probe.does.append(does)
        self.addCleanup(probe.does.pop)
        try:
            return main(arguments, PROBES)
        except SystemExit as end:
            assert isinstance(end.code, int)
            return end.code


class CallTests(MainCase):
    """How a subcommand is called."""

    def test_parsed(self) -> None:
        """A subcommand gets its own options, and its status is the command's."""
        self.assertEqual(self.status("probe", "--number", "7", does=lambda options: int(options.number)), 7)

    def test_garbage(self) -> None:
        """While a command runs, garbage is collected seldom; not in a raw one, which may be a server."""
        before = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *before)
        thresholds: list[int] = []

        def keep(options: argparse.Namespace) -> int:
            thresholds.append(gc.get_threshold()[0])
            return 0

        gc.set_threshold(700)
        self.status("raw", does=keep)
        self.status("probe", does=keep)
        self.assertEqual(thresholds, [700, 100_000])

    def test_raw(self) -> None:
        """A raw one gets every word as it was typed."""
        got: list[str] = []
        typed = ["--help", "--number", "x", "--", "DIR"]

        def keep(options: argparse.Namespace) -> int:
            got.extend(options.arguments)
            return 0

        self.status("raw", *typed, does=keep)
        self.assertEqual(got, typed)

    def test_usage(self) -> None:
        """A command line that cannot be parsed gives 2, and nothing runs."""
        for typed in ([], ["unknown"], ["probe", "--number", "x"], ["probe", "--num", "1"], ["--vers"]):
            self.assertEqual(self.status(*typed, does=lambda options: 99), Exit.USAGE, typed)
        self.assertEqual(self.out.getvalue(), "")

    def test_version(self) -> None:
        """--version says which homeftp this is."""
        self.assertEqual(self.status("--version"), 0)
        self.assertEqual(self.out.getvalue(), f"homeftp {homeftp.__version__}\n")

    def test_help(self) -> None:
        """--help lists every subcommand with its sentence."""
        self.assertEqual(self.status("--help"), 0)
        for word in (*PROBES, *(command.summary for command in PROBES.values())):
            self.assertIn(word, self.out.getvalue())

    def test_unknown(self) -> None:
        """A word that is no command gets a suggestion, by its spelling or by what other programs call the command."""
        self.assertEqual(self.status("prob"), Exit.USAGE)
        words = "homeftp: there is no command 'prob'. Did you mean `probe`? `homeftp help` lists the commands.\n"
        self.assertEqual(self.err.getvalue(), words)
        for typed, meant in (("cp", "`push` or `get`"), ("delete", "`rm`"), ("rmdir", "`rm -r`")):
            self.assertEqual(self.status(typed), Exit.USAGE)
            self.assertIn(f"Did you mean {meant}?", self.err.getvalue())

    def test_alone(self) -> None:
        """Who types nothing else is told how to see the commands."""
        self.assertEqual(self.status(), Exit.USAGE)
        self.assertEqual(self.err.getvalue(), "homeftp: no command was given: `homeftp help` lists the commands.\n")


class EndTests(MainCase):
    """How a subcommand may end."""

    def ends(self, error: BaseException) -> tuple[int, str]:
        """The status and what was said, when a subcommand raises `error`."""

        def fail(options: argparse.Namespace) -> int:
            raise error

        self.err.truncate(0)
        self.err.seek(0)
        return self.status("probe", does=fail), self.err.getvalue()

    def test_statuses(self) -> None:
        """Each kind of failure has its status, and one line that begins with our name."""
        for error, status in (
            (OperatorError("choose another"), Exit.USAGE),
            (Forbidden("not yours"), Exit.REFUSED),
            (UntrustedServer("not the one"), Exit.UNREACHABLE),
            (ConnectionFailed("not there"), Exit.UNREACHABLE),
            (Corrupted(), Exit.UNREACHABLE),
        ):
            self.assertEqual(self.ends(error), (status, f"homeftp: {error}\n"))

    def test_file(self) -> None:
        """A file of this machine that cannot be used is named."""
        error = FileNotFoundError(2, "No such file or directory", "notes/a.txt")
        self.assertEqual(self.ends(error), (Exit.USAGE, "homeftp: notes/a.txt: No such file or directory\n"))

    def test_interrupted(self) -> None:
        """Ctrl-C ends with the status that shells give it."""
        self.assertEqual(self.ends(KeyboardInterrupt())[0], 130)

    def test_fault(self) -> None:
        """A fault of our own is one line too, and says how to see more."""
        status, said = self.ends(ZeroDivisionError("division by zero"))
        self.assertEqual(status, Exit.FAULT)
        self.assertIn("ZeroDivisionError: division by zero", said)
        self.assertEqual(said.count("\n"), 1)
        self.patch(os, "environ", {**os.environ, "HOMEFTP_TRACEBACK": "1"})
        self.assertRaises(ZeroDivisionError, self.ends, ZeroDivisionError())

    def test_terminal(self) -> None:
        """A server's words cannot steer the terminal or add a line."""
        said = self.ends(Forbidden("no\x1b[2J\nhomeftp: yes\x07 \u202e Zoë"))[1]
        self.assertEqual(said, "homeftp: no\\x1b[2J\\nhomeftp: yes\\x07 \\u202e Zoë\n")
