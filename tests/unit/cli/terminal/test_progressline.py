"""The line that says how far long work is."""

from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.progressline import ProgressLine
from tests.support.commandline import Output


class Terminal(Output):
    """Standard error on a terminal."""

    def isatty(self) -> bool:
        return True


class ProgressLineTests(SynchronousTestCase):
    """One line."""

    def setUp(self) -> None:
        self.now = 100.0

    def shown(self, *, hidden: bool = False, terminal: bool = True) -> str:
        """What is written of a line each 0.3 s, and of its removal."""
        error = Terminal() if terminal else Output()
        self.patch(sys, "stderr", error)
        line = ProgressLine(hidden=hidden, clock=lambda: self.now)
        for text in ("one", "two", "three", "four"):
            self.now += 0.3
            line.show(text)
        line.clear()
        line.clear()
        self.assertAlmostEqual(line.seconds, 1.2)
        return error.getvalue()

    def test_replaced(self) -> None:
        """It is replaced in place, twice a second at most, and removed once."""
        self.assertEqual(self.shown(), "two\r   \rfour\r    \r")

    def test_hidden(self) -> None:
        """Nothing is written where it is hidden, nor where standard error is no terminal."""
        self.assertEqual((self.shown(hidden=True), self.shown(terminal=False)), ("", ""))
