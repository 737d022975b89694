"""The threads that call what they are given."""

from __future__ import annotations

import threading
import weakref

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from homeftp.workers.pool import Threads
from tests.support.reactors import ThreadCalls
from tests.support.waiting import WITHIN


class _Owner:
    """Something that a call refers to."""

    def call(self) -> None:
        """Nothing."""


class ThreadsTests(SynchronousTestCase):
    """Two threads, and a reactor that a test runs."""

    def setUp(self) -> None:
        self.reactor = ThreadCalls()
        self.threads = Threads(self.reactor, size=2, name="test")
        self.results: list[object] = []

    def begin(self) -> None:
        """Start them, to be stopped at the end."""
        self.threads.start()
        self.addCleanup(self.threads.stop)

    def test_results(self) -> None:
        """The results come to the reactor's thread, also those of what was given before the start."""
        self.threads.run(lambda: threading.current_thread().name, self.results.append)
        self.begin()
        self.reactor.run()
        self.assertIn(self.results, (["PoolThread-test-0"], ["PoolThread-test-1"]))

    def test_beside(self) -> None:
        """Both threads work at the same time."""
        self.begin()
        barrier = threading.Barrier(2, timeout=WITHIN)
        for _ in range(2):
            self.threads.run(barrier.wait, self.results.append)
        for _ in range(2):
            self.reactor.run()
        self.assertEqual(sorted(map(str, self.results)), ["0", "1"])

    def test_failed(self) -> None:
        """What a call raises, even SystemExit, is a Failure, and the threads go on."""
        self.begin()
        for error in (ZeroDivisionError, SystemExit):

            def job(error: type[BaseException] = error) -> None:
                raise error

            for _ in range(2):
                self.threads.run(job, self.results.append)
            for _ in range(2):
                self.reactor.run()
            failures = [self.results.pop(), self.results.pop()]
            self.assertTrue(all(isinstance(each, Failure) and each.check(error) for each in failures), failures)

    def test_stopped(self) -> None:
        """What was given before the stop is done; threads that were never started are stopped too."""
        self.threads.start()
        for _ in range(9):
            self.threads.run(int, self.results.append)
        self.threads.stop()
        for _ in range(9):
            self.reactor.run()
        self.assertEqual(self.results, [0] * 9)
        Threads(self.reactor, size=2, name="never").stop()

    def test_kept(self) -> None:
        """A thread that waits keeps nothing of its last call."""
        self.begin()
        owner, freed = _Owner(), threading.Event()
        kept = weakref.ref(owner, lambda _: freed.set())
        self.threads.run(owner.call, self.results.append)
        self.reactor.run()
        self.assertIs(kept(), owner)
        self.assertFalse(freed.is_set())  # the control
        del owner
        self.assertTrue(freed.wait(WITHIN))
