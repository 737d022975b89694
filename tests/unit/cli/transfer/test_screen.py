"""What is written to the terminal while a bar is shown, or a question open."""

from __future__ import annotations

import sys

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.transfer.progress import ProgressBar
from homeftp.cli.transfer.screen import Screen
from tests.support.commandline import Output


class ScreenTests(SynchronousTestCase):
    """Screen."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.err = Output(terminal=True)
        self.patch(sys, "stderr", self.err)
        self.bar = ProgressBar(self.clock, silent=False)
        self.bar.plan(1, 2_000_000)
        self.screen = Screen(self.bar)

    def line(self, text: str) -> None:
        """Write a line."""
        self.screen.write(lambda: self.assertTrue(self.err.write(f"{text}\n")))

    def test_question(self) -> None:
        """While a question is open neither the bar nor a line is written; both are afterwards, in order."""
        self.clock.advance(1)
        self.assertIn("0.0/2.0 MB", self.err.getvalue(), "the control: the bar is shown")
        self.screen.begin_question()
        self.err.clear()
        self.line("one")
        self.line("two")
        self.clock.advance(1)
        self.assertEqual(self.err.getvalue(), "")
        self.screen.end_question(answered=True)
        self.assertEqual(self.err.getvalue(), "one\ntwo\n")
        self.clock.advance(1)
        self.assertIn("0.0/2.0 MB", self.err.getvalue())

    def test_bar(self) -> None:
        """A line removes the bar first, and the bar comes back behind it."""
        self.clock.advance(1)
        self.err.clear()
        self.line("one")
        self.assertTrue(self.err.getvalue().endswith("\x1b[2Kone\n"), self.err.getvalue())
        self.clock.advance(1)
        self.assertIn("0.0/2.0 MB", self.err.getvalue().rpartition("one\n")[2])

    def test_given_up(self) -> None:
        """What follows a question that nobody answered begins on a new line."""
        self.screen.begin_question()
        self.line("one")
        self.screen.end_question(answered=False)
        self.assertEqual(self.err.getvalue(), "\none\n")
        self.err.clear()
        self.screen.begin_question()
        self.screen.end_question(answered=False)
        self.assertEqual(self.err.getvalue(), "\n", "what is printed next is the summary")
