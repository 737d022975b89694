"""A transfer with its report: exit codes, notices, and output that cannot be written."""

from __future__ import annotations

import argparse
import sys
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.transfer.questions import TransferDeclined
from homeftp.cli.transfer.run import add_transfer_arguments, run_transfer
from homeftp.cli.transfer.selecting import read_selection
from homeftp.client import FileResult, IClientReactor, Outcome, TransferObserver, TransferOptions
from homeftp.errors import OperatorError
from tests.support.commandline import Input, Output


class FakeReconnector:
    """Remembers whom it notifies."""

    notify: Any = None


class FullOutput(Output):
    """Standard output on a full disk."""

    def write(self, text: str) -> int:
        raise OperatorError("cannot write to standard output: No space left on device")


class RunTests(SynchronousTestCase):
    """run_transfer."""

    def setUp(self) -> None:
        self.out, self.err = Output(), Output()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)
        self.patch(sys, "stdin", Input(b""))
        self.clock = Clock()
        self.reconnector: Any = FakeReconnector()

    def start(self, work: Any, *words: str) -> Deferred[Exit]:
        parser = argparse.ArgumentParser()
        add_transfer_arguments(parser)
        options = parser.parse_args(words)
        options.command = "push"
        reactor, selection = cast(IClientReactor, self.clock), read_selection(options)
        return Deferred.fromCoroutine(run_transfer(reactor, options, selection, work, "nas:lib", self.reconnector))

    def test_options(self) -> None:
        """The options of the command line reach the transfer; without a terminal nothing is asked."""
        seen: list[TransferOptions] = []

        async def work(options: TransferOptions, observer: TransferObserver) -> None:
            seen.append(options)

        self.assertEqual(self.successResultOf(self.start(work, "-r", "-f", "--ignore-existing")), Exit.DONE)
        self.assertEqual(seen, [TransferOptions(recursive=True, force=True, ignore_existing=True, ask=None)])
        self.assertEqual(self.err.getvalue(), "Nothing to do.\n")

    def test_habits(self) -> None:
        """-a means -r and -p, as far as rsync's means that here; its -z and -P change nothing."""
        seen: list[TransferOptions] = []

        async def work(options: TransferOptions, observer: TransferObserver) -> None:
            seen.append(options)

        for words in (("-r", "-p"), ("-a",), ("-avzP",), ("--archive", "--compress", "--progress", "--partial")):
            self.assertEqual(self.successResultOf(self.start(work, *words)), Exit.DONE)
        self.assertEqual(seen, [TransferOptions(recursive=True, perms=True)] * 4)

    def test_dry_run(self) -> None:
        """-n reaches the transfer, and the summary says that nothing was changed."""
        seen: list[TransferOptions] = []

        async def work(options: TransferOptions, observer: TransferObserver) -> None:
            seen.append(options)
            observer.add_result(FileResult(Outcome.NEW, "a", 1500))
            observer.add_result(FileResult(Outcome.SAME, "b", 7))

        self.assertEqual(self.successResultOf(self.start(work, "-n")), Exit.DONE)
        self.assertEqual(seen, [TransferOptions(dry_run=True)])
        self.assertEqual(self.out.getvalue(), "new       a\n")
        words = "Nothing was changed. Would be: 1 file new, 1 file same; 1.5 kB\n"
        self.assertEqual(self.err.getvalue(), words)

    def test_notices(self) -> None:
        """Notices of the connection and of resumed files are printed, the latter not with --quiet."""

        async def work(options: TransferOptions, observer: TransferObserver) -> None:
            self.reconnector.notify("the connection was lost")
            observer.on_resumed("", 2_000_000)

        self.successResultOf(self.start(work))
        self.assertEqual(
            self.err.getvalue(),
            "homeftp: the connection was lost\n"
            "homeftp: Resuming nas:lib: 2.0 MB had already been transferred.\nNothing to do.\n",
        )
        self.err.clear()
        self.successResultOf(self.start(work, "--quiet"))
        self.assertEqual(self.err.getvalue(), "homeftp: the connection was lost\n")

    def test_suspended(self) -> None:
        """What has arrived of a file that is not complete is told when the transfer stops, and not otherwise."""

        async def work(options: TransferOptions, observer: TransferObserver) -> None:
            for name in ("complete", "resumed", "stopped"):
                observer.on_suspended(name, 2_000_000)
            observer.add_result(FileResult(Outcome.NEW, "complete"))
            observer.on_resumed("resumed", 2_000_000)
            await Deferred()

        for words, told in (((), "Kept the 2.0 MB of stopped that have arrived."), (("-q",), "")):
            self.err.clear()
            running = self.start(work, *words)
            running.cancel()
            self.failureResultOf(running, CancelledError)
            kept = [line for line in self.err.getvalue().splitlines() if "Kept" in line]
            self.assertEqual(kept, [f"homeftp: {told} Run the same command to continue."] if told else [])

    def test_declined(self) -> None:
        """A person who quits gets the summary so far, and the exit code for a difference."""

        async def work(options: TransferOptions, observer: TransferObserver) -> None:
            observer.add_result(FileResult(Outcome.NEW, "a"))
            raise TransferDeclined

        self.assertEqual(self.successResultOf(self.start(work)), Exit.DIFFERS)
        self.assertEqual(self.err.getvalue(), "1 file new\n")

    def test_output_full(self) -> None:
        """Output that cannot be written cancels the transfer, and is what the command fails with."""
        self.patch(sys, "stdout", FullOutput())

        async def work(options: TransferOptions, observer: TransferObserver) -> None:
            observer.add_result(FileResult(Outcome.NEW, "a"))
            observer.add_result(FileResult(Outcome.NEW, "b"))
            await Deferred()

        running = self.start(work, "--json")
        self.clock.advance(0)
        self.failureResultOf(running, OperatorError)
