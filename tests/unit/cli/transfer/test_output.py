"""What is shown of a transfer; test_run.py has most of it."""

from __future__ import annotations

import argparse
import sys
from typing import cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.transfer.output import TransferOutput
from homeftp.cli.transfer.report import add_output_arguments
from homeftp.client import FileResult, IClientReactor, Outcome
from tests.support.commandline import Output


class OutputTests(SynchronousTestCase):
    """A transfer of one file."""

    def setUp(self) -> None:
        self.out, self.err = Output(), Output()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def output(self, *words: str) -> TransferOutput:
        parser = argparse.ArgumentParser()
        add_output_arguments(parser)
        options = parser.parse_args(words)
        options.command, options.verbose, options.dry_run = "sync", False, False
        return TransferOutput(cast(IClientReactor, Clock()), options, "Docs")

    def test_result(self) -> None:
        """A result that needs attention is printed; notices are not with --quiet."""
        for words, expected in (
            ((), "homeftp: a notice\nhomeftp: failed: a: why\n"),
            (("-q",), "homeftp: failed: a: why\n"),
        ):
            self.err.clear()
            output = self.output(*words)

            async def work(output: TransferOutput = output) -> None:
                output.observer.on_notice("a notice")
                output.observer.add_result(FileResult(Outcome.FAILED, "a", 0, "why"))

            self.successResultOf(Deferred.fromCoroutine(output.run(work())))
            self.assertEqual(self.err.getvalue(), expected)

    def test_same(self) -> None:
        """Only where each file is printed do those that are the same have results of their own."""
        for words, has_results in (((), False), (("--json",), True), (("-q",), False)):
            output = self.output(*words)
            self.assertEqual(output.observer.on_same is None, has_results)
            self.assertEqual(output.report.prints_same, has_results)

    def test_cancelled(self) -> None:
        """Who cancels it gets that; what has arrived of an unfinished file is printed."""
        output = self.output()

        async def work() -> None:
            output.observer.on_suspended("", 2_000_000)
            await Deferred()

        running = Deferred.fromCoroutine(output.run(work()))
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.assertIn("Kept the 2.0 MB of Docs that have arrived", self.err.getvalue())
