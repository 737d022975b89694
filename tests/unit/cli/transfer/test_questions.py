"""Questions about single files, with answers that a test types."""

from __future__ import annotations

import os
import sys
import time

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.transfer.progress import ProgressBar
from homeftp.cli.transfer.questions import HERE, THERE, Prompter, TransferDeclined
from homeftp.cli.transfer.screen import Screen
from homeftp.client import CopyStat, FileResult, Outcome, Writer
from tests.support.commandline import Output

QUESTION = "Replace the copy on the server? [y]es, [n]o, [a]ll, [q]uit, or ? for help: "

NEWER = FileResult(
    Outcome.NEWER, "a", local=CopyStat(9_999, 1_700_000_000_000_000), remote=CopyStat(10, 1_700_000_001_999_999)
)


class PrompterTests(SynchronousTestCase):
    """Prompter.confirm_replace."""

    def setUp(self) -> None:
        self.err = Output()
        self.patch(sys, "stderr", self.err)
        self.screen = Screen(ProgressBar(Clock(), silent=True))
        self.prompter = self.make(THERE)

    def make(self, target: str) -> Prompter:
        """A new prompter, to which nothing was typed."""
        self.typed: list[bytes] = []

        async def read_line() -> bytes:
            return self.typed.pop(0) if self.typed else b""

        return Prompter(self.screen, read_line, target)

    def ask(self, *typed: str, name: str = "a", result: FileResult = NEWER) -> Deferred[bool]:
        self.typed[:] = [f"{line}\n".encode() for line in typed]
        return Deferred.fromCoroutine(self.prompter.confirm_replace(name, result))

    def test_described(self) -> None:
        """The question shows the size and time of both copies, and which of them would be replaced."""
        self.patch(os, "environ", {**os.environ, "TZ": "UTC"})
        time.tzset()
        self.addCleanup(time.tzset)
        self.assertTrue(self.successResultOf(self.ask("y")))
        self.assertEqual(
            self.err.getvalue(),
            "a: the copy on the server is newer.\n"
            "  on this machine  9,999 bytes  2023-11-14 22:13:20\n"
            "  on the server       10 bytes  2023-11-14 22:13:21\n" + QUESTION,
        )
        self.err.clear()
        self.prompter = self.make(HERE)
        self.assertTrue(self.successResultOf(self.ask("y")))
        self.assertIn("a: the copy on this machine is newer.\n", self.err.getvalue())
        self.assertIn("Replace the copy on this machine? ", self.err.getvalue())

    def test_conflict(self) -> None:
        """The question about a copy that was not seen says so."""
        self.assertTrue(self.successResultOf(self.ask("y", result=NEWER._replace(outcome=Outcome.CONFLICT))))
        self.assertIn("a: this machine has not seen the copy on the server. Someone else may", self.err.getvalue())

    def test_writer(self) -> None:
        """Where the server tells who stored the copy, and when, the question does; names are escaped."""
        self.patch(os, "environ", {**os.environ, "TZ": "UTC"})
        time.tzset()
        self.addCleanup(time.tzset)
        for device, shown in (("lap\x1btop", " (lap\\x1btop)"), (None, "")):
            remote = CopyStat(10, 1_700_000_001_999_999, Writer("ann", device, 1_700_000_100_000_000))
            self.err.clear()
            self.successResultOf(self.ask("y", result=NEWER._replace(outcome=Outcome.CONFLICT, remote=remote)))
            self.assertIn(
                "a: this machine has not seen the copy on the server. "
                f"ann{shown} stored it on 2023-11-14 22:15:00.\n  on this machine",
                self.err.getvalue(),
            )

    def test_unknown_time(self) -> None:
        """A copy whose time is not known has only a size."""
        self.successResultOf(self.ask("y", result=NEWER._replace(remote=CopyStat(10, None))))
        self.assertIn("  on the server       10 bytes\n", self.err.getvalue())

    def test_answers(self) -> None:
        """y replaces, n does not; every other answer is explained, and the question comes again."""
        self.assertTrue(self.successResultOf(self.ask("y")))
        self.assertFalse(self.successResultOf(self.ask("No")))
        self.err.clear()
        self.assertTrue(self.successResultOf(self.ask("?", "maybe", "", "Y")))
        self.assertEqual(self.err.getvalue().count(QUESTION), 4)
        for letter in "ynaq":
            self.assertEqual(self.err.getvalue().count(f"  {letter}  "), 3)

    def test_suspicious(self) -> None:
        """A suspicious file is described as such, and a name cannot steer the terminal."""
        self.assertTrue(
            self.successResultOf(self.ask("y", name="\x1b", result=NEWER._replace(outcome=Outcome.SUSPICIOUS)))
        )
        self.assertIn("\\x1b: both copies have the same size and time, but not the same content", self.err.getvalue())

    def test_all(self) -> None:
        """After a, nothing is asked any more."""
        self.assertTrue(self.successResultOf(self.ask("a")))
        self.assertTrue(self.successResultOf(self.ask()))

    def test_quit(self) -> None:
        """After q, every question ends the transfer; so does the end of the input."""
        self.failureResultOf(self.ask("q"), TransferDeclined)
        self.failureResultOf(self.ask("y"), TransferDeclined)
        self.prompter = self.make(THERE)
        self.failureResultOf(self.ask(), TransferDeclined)

    def test_given_up(self) -> None:
        """A question that is cancelled is over: what was to be written meanwhile is."""
        waiting: Deferred[bytes] = Deferred()
        written: list[str] = []

        async def read_line() -> bytes:
            return await waiting

        asked = Deferred.fromCoroutine(Prompter(self.screen, read_line, THERE).confirm_replace("a", NEWER))
        self.screen.write(lambda: written.append("line"))
        self.assertEqual(written, [], "the control: the question is open")
        asked.cancel()
        self.failureResultOf(asked).trap(CancelledError)
        self.assertEqual(written, ["line"])
        self.assertTrue(self.err.getvalue().endswith(f"{QUESTION}\n"))
