"""The thread that waits for standard input; tests/system/cli/test_interrupted.py ends processes meanwhile."""

from __future__ import annotations

import threading

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.daemonthread import DaemonThread
from tests.support.reactors import ThreadCalls


class DaemonThreadTests(SynchronousTestCase):
    """DaemonThread."""

    def setUp(self) -> None:
        self.reactor = ThreadCalls()
        self.thread = DaemonThread(self.reactor)

    def test_results(self) -> None:
        """Calls run in order in one daemon thread; their results and exceptions arrive in the reactor's."""
        threads = [self.thread.call(threading.current_thread) for _ in range(2)]
        failed = self.thread.call(int, "x")
        for _ in range(3):
            self.reactor.run()
        first, second = map(self.successResultOf, threads)
        self.assertIs(first, second)
        self.assertTrue(first.daemon)
        self.failureResultOf(failed, ValueError)

    def test_cancelled(self) -> None:
        """Nobody waits for a call that is cancelled; the next one has its own result."""
        release = threading.Event()
        blocked = self.thread.call(release.wait)
        following = self.thread.call(len, "ab")
        blocked.cancel()
        self.failureResultOf(blocked, CancelledError)
        release.set()
        for _ in range(2):
            self.reactor.run()
        self.assertEqual(self.successResultOf(following), 2)
