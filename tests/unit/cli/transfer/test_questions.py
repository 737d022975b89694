"""Questions about single files, with answers that a test types."""

from __future__ import annotations

import io
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.cli.transfer.questions import Prompter, TransferDeclined, can_ask
from homeftp.client import FileResult, Outcome
from tests.support.commandline import Input, Output
from tests.support.waiting import wait_until


@implementer(IReactorFromThreads)
class Calls:
    """The one method of the reactor that is used: what a thread asks to be called is kept, and called by `run`."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def callFromThread(self, callable: Any, *args: object, **kwargs: object) -> None:
        self.calls.append((callable, args))

    def run(self) -> None:
        wait_until(lambda: bool(self.calls), within=10)
        function, arguments = self.calls.pop()
        function(*arguments)


class PrompterTests(SynchronousTestCase):
    """Prompter.confirm_replace."""

    def setUp(self) -> None:
        self.err = Output()
        self.patch(sys, "stderr", self.err)
        self.calls = Calls()
        self.bar: list[str] = []
        self.prompter = Prompter(self.calls, lambda: self.bar.append("hidden"), lambda: self.bar.append("shown"))

    def ask(self, *typed: str, name: str = "a", outcome: Outcome = Outcome.NEWER) -> Deferred[bool]:
        self.patch(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in typed)))
        asked = Deferred.fromCoroutine(self.prompter.confirm_replace(name, FileResult(outcome, name)))
        for _ in typed:
            self.calls.run()
        return asked

    def test_answers(self) -> None:
        """y replaces, n does not, and anything else is asked about once more; the bar is hidden meanwhile."""
        self.assertTrue(self.successResultOf(self.ask("y")))
        self.assertFalse(self.successResultOf(self.ask("maybe", "No")))
        self.assertEqual(self.bar, ["hidden", "shown"] * 3)
        question = "a is newer at the target. Replace it? [y]es [n]o [a]ll [q]uit "
        self.assertEqual(self.err.getvalue(), question * 3)

    def test_suspicious(self) -> None:
        """A suspicious file is described as such, and a name cannot steer the terminal."""
        self.assertTrue(self.successResultOf(self.ask("y", name="\x1b", outcome=Outcome.SUSPICIOUS)))
        self.assertIn("\\x1b differs at the target, although size and time are the same", self.err.getvalue())

    def test_all(self) -> None:
        """After a, nothing is asked any more."""
        self.assertTrue(self.successResultOf(self.ask("a")))
        self.assertTrue(self.successResultOf(self.ask()))

    def test_quit(self) -> None:
        """After q, or an empty line, every question ends the transfer."""
        self.failureResultOf(self.ask("q"), TransferDeclined)
        self.failureResultOf(self.ask(), TransferDeclined)

    def test_can_ask(self) -> None:
        """Only a terminal can be asked at."""
        self.patch(sys, "stdin", Input(b""))
        self.assertFalse(can_ask())
        self.patch(sys, "stdin", Output(terminal=True))
        self.assertFalse(can_ask())
        self.patch(sys, "stderr", Output(terminal=True))
        self.assertTrue(can_ask())
