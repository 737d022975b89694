"""Guesses: limited from one address, without effect on others."""

from __future__ import annotations

import contextlib
from unittest import mock

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.throttle import PasswordQueue, Throttle
from homeftp.errors import Busy
from tests.support.queuedworkers import QueuedWorkers


class ThrottleTests(SynchronousTestCase):
    """Three within a minute."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.throttle = Throttle(self.clock, most=3, seconds=60)

    def taken(self, address: str, times: int = 100) -> int:
        """How many of so many guesses may be made."""
        count = 0
        for _ in range(times):
            with contextlib.suppress(Busy):
                self.throttle.count(address)
                count += 1
        return count

    def test_most(self) -> None:
        """The fourth within a minute has to wait until the first is a minute old."""
        self.assertEqual(self.taken("192.0.2.1", 1), 1)
        self.clock.advance(30)
        self.assertEqual(self.taken("192.0.2.1"), 2)
        with self.assertRaisesRegex(Busy, "from your address: try again in 1 minute$"):
            self.throttle.count("192.0.2.1")
        self.clock.advance(29)
        self.assertEqual(self.taken("192.0.2.1"), 0)
        self.clock.advance(1)
        self.assertEqual(self.taken("192.0.2.1"), 1)

    def test_others(self) -> None:
        """Somebody else is not held up, however often and from however many addresses it is tried in vain."""
        self.assertEqual(self.taken("192.0.2.1", 10_000), 3)
        for number in range(2, 200):
            self.assertEqual(self.taken(f"192.0.2.{number}", 10), 3)

    def test_right(self) -> None:
        """A right password does not count."""
        for _ in range(20):
            self.throttle.count("192.0.2.1")
            self.throttle.uncount("192.0.2.1")
        self.assertEqual(self.taken("192.0.2.1"), 3)

    def test_same_place(self) -> None:
        """The IPv6 addresses that one machine can take are one, as are the two spellings of an IPv4 address."""
        for one, other in (
            ("2001:db8::1", "2001:db8::ffff:1"),
            ("[2001:db8:1::1]", "2001:db8:1::2"),
            ("fe80::1%eth0", "fe80::1"),
            ("fe80::1%eth0", "fe80::2"),
            ("fd00::1", "fd00::2"),
            ("2a00:1:2:3::1", "2a00:1:2:3:ffff::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("a local socket", "a local socket"),
        ):
            self.setUp()
            self.assertEqual((self.taken(one), self.taken(other)), (3, 0), one)
        self.setUp()
        self.assertEqual((self.taken("2001:db8:0:1::1"), self.taken("2001:db8:0:2::1")), (3, 3))

    def test_memory(self) -> None:
        """A flood of addresses costs no more than so much."""
        self.throttle = Throttle(self.clock, most=3, seconds=60)
        with mock.patch("homeftp.accounts.throttle.MOST_ADDRESSES", 10):
            for number in range(1000):
                self.taken(f"198.51.100.{number}", 1)
        self.assertLessEqual(len(self.throttle._by_group), 10)


class PasswordQueueTests(SynchronousTestCase):
    """Checks that a test runs."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.queue = PasswordQueue(self.workers, 3, lambda below: below - 1)
        self.done: list[str] = []

    def ask(self, guesses: int, name: str) -> Deferred[None]:
        return self.queue.run(guesses, self.done.append, name)

    def test_order(self) -> None:
        """One is checked at a time; next is that of the address with the fewest guesses, or the first of these."""
        for guesses, name in ((5, "running"), (2, "second"), (1, "first"), (2, "third")):
            self.ask(guesses, name)
        self.assertEqual(len(self.workers.jobs), 1)
        self.workers.work_all()
        self.assertEqual(self.done, ["running", "first", "second", "third"])

    def test_bounded(self) -> None:
        """Where too many wait, one of those that have guessed most is refused, and not who has guessed less."""
        self.ask(1, "running")
        waiting = [self.ask(guesses, f"{guesses}") for guesses in (3, 3, 2)]
        honest = self.ask(1, "honest")
        self.failureResultOf(waiting[1], Busy)
        self.failureResultOf(self.ask(4, "another guess"), Busy)
        self.workers.work_all()
        self.successResultOf(honest)
        self.assertEqual(self.done, ["running", "honest", "2", "3"])

    def test_failed(self) -> None:
        """A check that fails, or that the pool refuses, keeps no place."""

        def fail() -> None:
            raise ValueError

        failed = self.queue.run(1, fail)
        after = self.ask(1, "after")
        self.workers.work_all()
        self.failureResultOf(failed, ValueError)
        self.successResultOf(after)
