"""A pool of threads whose reactor and clocks are a test's."""

from __future__ import annotations

import threading

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.workers import ThreadWorkers
from homeftp.workers.pool import Clocks
from tests.support.reactors import ThreadCalls


class TimedCalls(Clock, ThreadCalls):
    """What threads ask to be called, and a clock."""

    def __init__(self) -> None:
        Clock.__init__(self)
        ThreadCalls.__init__(self)


class PoolTestCase(SynchronousTestCase):
    """A pool, and a gate that a test lets jobs wait at."""

    def make(self, size: int) -> ThreadWorkers:
        """A started pool with queues of two jobs."""
        self.reactor = TimedCalls()
        self.now = self.used = self.others = 0.0
        self.clocks = Clocks(lambda: self.now, lambda: self.used, lambda: self.used + self.others)
        workers = ThreadWorkers(self.reactor, size=size, queue=2, name="test", clocks=self.clocks)
        workers.start()
        self.addCleanup(workers.stop)
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)  # first, so that the pool can stop
        return workers

    def use(self, seconds: float) -> None:
        """In a worker: use so much of a processor."""
        self.used += seconds

    def work(self, jobs: int) -> None:
        """Let all jobs run, and take so many results."""
        self.gate.set()
        for _ in range(jobs):
            self.reactor.run()
