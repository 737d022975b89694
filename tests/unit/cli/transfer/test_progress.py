"""The progress bar, on a terminal that a test can read."""

from __future__ import annotations

import sys

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

    def test_silent(self) -> None:
        """With --quiet, and where standard error is not a terminal, there is no bar."""
        ProgressBar(self.clock, silent=True)
        self.patch(sys, "stderr", Output())
        ProgressBar(self.clock, silent=False)
        self.assertEqual(self.clock.getDelayedCalls(), [])
