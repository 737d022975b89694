"""How often a device may ask for its next certificate."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import Busy
from homeftp.server.gate.renewals import PAUSE_SECONDS, Renewals


class RenewalTests(SynchronousTestCase):
    """Renewals of devices."""

    def test_once_a_minute(self) -> None:
        """A device waits for its own requests only; those that were answered 51 do not count."""
        clock = Clock()
        renewals = Renewals(clock)
        renewals.count("a")
        clock.advance(PAUSE_SECONDS - 1)
        self.assertRaises(Busy, renewals.count, "a")
        renewals.count("b")
        clock.advance(1)
        renewals.count("a")
        self.assertRaises(Busy, renewals.count, "b")

    def test_clock_set_back(self) -> None:
        """A clock that is set back locks no device out."""
        clock = Clock()
        renewals = Renewals(clock)
        clock.advance(1000)
        renewals.count("a")
        clock.rightNow = 10.0
        renewals.count("a")
