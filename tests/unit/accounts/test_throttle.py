"""Guesses: limited from one address, without effect on others."""

from __future__ import annotations

import contextlib
from unittest import mock

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.throttle import Throttle
from homeftp.errors import Busy


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
