"""--delete: its options, and the question."""

from __future__ import annotations

import argparse
import sys

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from homeftp.cli.transfer.deleting import DeletionQuestion, add_deletion_arguments, check_deletion
from homeftp.cli.transfer.progress import ProgressBar
from homeftp.cli.transfer.questions import HERE, THERE, TransferDeclined
from homeftp.cli.transfer.screen import Screen
from homeftp.client import DeletionPlan
from homeftp.errors import OperatorError
from tests.support.commandline import CommandCase, Output


class OptionTests(CommandCase):
    """check_deletion."""

    def check(self, *words: str, terminal: bool = False) -> None:
        self.patch(sys, "stdin", Output(terminal=terminal))
        self.patch(sys, "stderr", Output(terminal=terminal))
        parser = argparse.ArgumentParser()
        add_deletion_arguments(parser)
        for option in ("--json", "--dry-run"):
            parser.add_argument(option, action="store_true")
        parser.add_argument("--files-from")
        check_deletion(parser.parse_args(words))

    def test_allowed(self) -> None:
        """It asks at a terminal; elsewhere, and with --json, it needs -y, or does nothing but print."""
        self.check()
        self.check("--delete", terminal=True)
        self.check("--delete", "--max-delete", "3", "-y")
        self.check("--delete", "--dry-run")
        for words, terminal in (
            (["--delete"], False),
            (["--delete", "--json"], True),
            (["--delete", "--files-from", "x"], True),
            (["-y"], True),
            (["--max-delete", "3"], True),
        ):
            with self.assertRaises(OperatorError, msg=str(words)):
                self.check(*words, terminal=terminal)


class QuestionTests(CommandCase):
    """DeletionQuestion."""

    def ask(self, plan: DeletionPlan, typed: bytes, place: str = THERE) -> Deferred[bool]:
        screen = Screen(ProgressBar(Clock(), silent=True))
        return Deferred.fromCoroutine(DeletionQuestion(screen, lambda: succeed(typed), place).confirm(plan))

    def test_answers(self) -> None:
        """Only a yes is a yes; anything else ends the transfer."""
        plan = DeletionPlan(("a",), (), 7, 9)
        for typed in (b"y\n", b"YES\n"):
            self.assertTrue(self.successResultOf(self.ask(plan, typed)))
        for typed in (b"\n", b"n\n", b"", b"yeah\n"):
            self.failureResultOf(self.ask(plan, typed), TransferDeclined)

    def test_plan(self) -> None:
        """The plan is described: how much, where, what becomes of it, and the first names."""
        self.ask(DeletionPlan(("a", "x/b"), ("x",), 1500, 9), b"y\n")
        self.assertEqual(
            self.err.getvalue(),
            "Only on the server: 2 files and 1 folder, 1.5 kB. "
            "The server keeps the files as versions, if its owner chose so and it has space.\n"
            "  a\n  x/b\n  x/\nTransfer, and then delete these? [y/N] ",
        )
        self.err.clear()
        self.ask(DeletionPlan(tuple(map(str, range(100))), (), 0, 900), b"y\n", HERE)
        shown = self.err.getvalue().splitlines()
        self.assertEqual(shown[0], "Only on this machine: 100 files, 0 B. Nothing keeps them.")
        self.assertEqual(shown[-2], "  and 90 more: -n lists them all")
