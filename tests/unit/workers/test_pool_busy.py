"""A pool whose threads are busy, and what the log says of its jobs."""

from __future__ import annotations

import threading
from functools import partial

from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import provider

from homeftp.workers.pool import SLOW_SECONDS, described
from tests.support.poolcase import PoolTestCase
from tests.support.waiting import WITHIN


class BusyPoolTests(PoolTestCase):
    """Three threads."""

    def test_short_beside_long(self) -> None:
        """While slices of many accounts wait, a short job finds a thread."""
        workers = self.make(3)
        slices = [workers.of(name).run_slice(self.gate.wait, WITHIN) for name in "abcde"]
        short = workers.of("z").run(int)
        self.reactor.run()
        self.assertEqual(self.successResultOf(short), 0)
        for each in slices:
            self.assertNoResult(each)
        self.work(5)

    def test_slow_jobs(self) -> None:
        """A job that holds a thread too long is named in the log, once: when it ends, or when others have to wait."""
        logged: list[LogEvent] = []

        @provider(ILogObserver)
        def observe(event: LogEvent) -> None:
            logged.append(event)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        workers = self.make(1)
        workers.of("ann").run(int)
        self.reactor.run()
        self.assertEqual(logged, [], "the control: it was quick")
        workers.of("ann").run(self.gate.wait, WITHIN)
        self.now += SLOW_SECONDS
        workers.of("bob").run(int)
        self.assertEqual(
            [formatEvent(each) for each in logged], ["a job of ann has held a thread for 5.0 s: Event.wait"]
        )
        self.work(2)
        workers.run(int)
        self.now += 2 * SLOW_SECONDS
        self.reactor.run()
        self.assertEqual(len(logged), 2)
        self.assertEqual(formatEvent(logged[1]), "a job of the server has held a thread for 10.0 s: int")


class DescribedTests(SynchronousTestCase):
    """Calls in the log."""

    def test_names(self) -> None:
        """The functions in a call are named, also within a partial or as arguments; never its values."""
        job = partial(partial(max, min), "secret")
        self.assertEqual(described(sorted, ("secret", job)), "sorted max min")
        self.assertIn("Lock", described(type(threading.Lock()), ()) + "Lock")
