"""Running a command under a reactor that a test drives; tests/system/cli/test_transfer.py interrupts real processes."""

from __future__ import annotations

import os
from typing import Any, Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.connect.reactor import run_reactor
from homeftp.errors import OperatorError


class FakeReactor(Clock):
    """Runs what a command asks for; `interrupt` is called once it runs, as a signal would stop a real one."""

    def __init__(self, interrupt: bool = False) -> None:
        super().__init__()
        self.resolver: Any = None
        self._interrupt = interrupt
        self._start: Callable[[], None] = lambda: None
        self._shutdown: Callable[[], Any] = lambda: None
        self.stopped = 0

    def installNameResolver(self, resolver: Any) -> None:
        self.resolver = resolver

    def callWhenRunning(self, function: Callable[[], None]) -> None:
        self._start = function

    def addSystemEventTrigger(self, phase: str, event: str, function: Callable[[], Any]) -> None:
        assert (phase, event) == ("before", "shutdown")
        self._shutdown = function

    def stop(self) -> None:
        self.stopped += 1

    def run(self) -> None:
        self._start()
        if self._interrupt:
            cleaning = self._shutdown()
            if cleaning is not None:
                self.advance(11)  # more than the time to clean up


class RunTests(SynchronousTestCase):
    """run_reactor."""

    def setUp(self) -> None:
        self.patch(os, "environ", {**os.environ, "HOMEFTP_TRACEBACK": "1"})  # leaves the test's own log alone

    def test_result(self) -> None:
        """The exit code is returned, and the reactor stopped; names are resolved without its thread pool."""

        async def main(reactor: Any) -> int:
            return 7

        reactor = FakeReactor()
        self.assertEqual(run_reactor(main, reactor), 7)
        self.assertEqual(reactor.stopped, 1)
        self.assertIsNotNone(reactor.resolver)

    def test_failure(self) -> None:
        """An exception of the command is raised."""

        async def main(reactor: Any) -> int:
            raise OperatorError("wrong")

        self.assertRaises(OperatorError, run_reactor, main, FakeReactor())

    def test_interrupted(self) -> None:
        """An interrupted command is cancelled, cleans up, and ends in KeyboardInterrupt whatever it returns."""
        cleaned: list[bool] = []

        async def main(reactor: Any) -> int:
            try:
                await Deferred()
            except CancelledError:
                cleaned.append(True)
            return 0

        self.assertRaises(KeyboardInterrupt, run_reactor, main, FakeReactor(interrupt=True))
        self.assertEqual(cleaned, [True])

    def test_ended_before(self) -> None:
        """A signal that comes after the end changes nothing."""

        async def main(reactor: Any) -> int:
            return 0

        self.assertEqual(run_reactor(main, FakeReactor(interrupt=True)), 0)
