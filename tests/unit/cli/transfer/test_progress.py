"""The progress bar, on a terminal that a test can read."""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.transfer.progress import ProgressBar
from tests.support.commandline import Output


class ProgressTests(SynchronousTestCase):
    """ProgressBar."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.err = Output(terminal=True)
        self.patch(sys, "stderr", self.err)

    def test_appears_late(self) -> None:
        """It appears after half a second and follows the transfer; while hidden, and once stopped, it draws nothing."""
        bar = ProgressBar(self.clock, silent=False)
        bar.plan(1, 2_000_000)
        self.clock.advance(0.4)
        self.assertEqual(self.err.getvalue(), "")
        bar.advance(1_000_000)
        self.clock.advance(0.2)
        self.assertIn("1.0/2.0 MB", self.err.getvalue())
        bar.hide()
        self.err.clear()
        self.clock.advance(0.2)
        self.assertEqual(self.err.getvalue(), "")
        bar.show()
        bar.restart()
        bar.plan(1, 3_000_000)
        self.clock.advance(0.2)
        self.assertIn("0.0/3.0 MB", self.err.getvalue())
        bar.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def lines(self) -> list[str]:
        """What is drawn next, without the terminal's control sequences."""
        self.err.clear()
        self.clock.advance(0.2)
        return [
            line.rstrip() for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.err.getvalue()))
        ]

    def test_files(self) -> None:
        """It says how many files of all are finished, and the name of the current one."""
        bar = ProgressBar(self.clock, silent=False, top="Photos")
        self.addCleanup(bar.stop)
        self.clock.advance(1)
        self.assertIn("0/0 files  Photos", self.lines())
        bar.plan(1_500, 2_000_000)
        bar.finish_files(0)
        bar.finish_file("a.jpg")
        self.assertIn("1/1,500 files  a.jpg", self.lines())
        bar.start_file("large\x1b[2J")
        self.assertIn("1/1,500 files  large\\x1b[2J", self.lines())
        bar.restart()
        bar.plan(1_500, 2_000_000)
        self.assertIn("1/1,500 files  large\\x1b[2J", self.lines(), "what is finished is not reported again")

    def test_server_compares(self) -> None:
        """While the server compares a folder it says how far that is, and no bytes; a plan follows."""
        with mock.patch.dict(os.environ, {"COLUMNS": "40"}):
            bar = ProgressBar(self.clock, silent=False, top="Photos")
            self.addCleanup(bar.stop)
            bar.compare(1_234_500, 2_000_000_000)
            self.clock.advance(1)
            self.assertEqual([line for line in self.lines() if line], ["server compares: 1,234,500 files"])
            bar.plan(2, 3_000_000)
            drawn = self.lines()
            self.assertIn("0/2 files  Photos", drawn)
            self.assertNotIn("server compares", "".join(drawn))

    def test_narrow(self) -> None:
        """In a terminal of 40 columns it has two lines that fit; the bar and the name become shorter."""
        context = mock.patch.dict(os.environ, {"COLUMNS": "40"})
        context.start()
        self.addCleanup(context.stop)
        bar = ProgressBar(self.clock, silent=False)
        self.addCleanup(bar.stop)
        bar.plan(123_456, 999_900_000_000)
        self.clock.advance(1)
        for _ in range(3):
            bar.advance(5_600_000)
            bar.finish_file("a folder/" * 9 + "\u5199\u771f" * 9)
            drawn = [line for line in self.lines() if line]
            self.assertEqual(len(drawn), 2, drawn)
            for line in drawn:
                wide = sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in line)
                self.assertLessEqual(wide, 40, line)
        self.assertIn("GB", drawn[0])
        self.assertIn("3/123,456 files  a folder/", drawn[1])

    def test_silent(self) -> None:
        """With --quiet, and where standard error is not a terminal, there is no bar."""
        ProgressBar(self.clock, silent=True)
        self.patch(sys, "stderr", Output())
        ProgressBar(self.clock, silent=False)
        self.assertEqual(self.clock.getDelayedCalls(), [])
