"""The token bucket of one direction."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection.pacing import Pacer


class PacerTests(SynchronousTestCase):
    """Pacer."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.resumed: list[float] = []
        self.pacer = Pacer(self.clock, 8000, lambda: self.resumed.append(self.clock.seconds()))

    def test_rate(self) -> None:
        """What is sent in steps takes as long as the rate says, however many seconds it is."""
        sent = 0
        while self.clock.seconds() < 100:
            if not self.pacer.is_waiting:
                self.pacer.spend(self.pacer.step)
                sent += self.pacer.step
            self.clock.advance(0.01)
        self.assertLessEqual(abs(sent - 800_000), 2 * self.pacer.step)

    def test_large(self) -> None:
        """More than a step at once is waited for; `resume` is called once, when the bucket is filled."""
        self.pacer.spend(16_000 + self.pacer.step)
        self.assertTrue(self.pacer.is_waiting)
        self.clock.advance(1.9)
        self.assertEqual(self.resumed, [])
        self.clock.advance(0.2)
        self.assertEqual((len(self.resumed), self.pacer.is_waiting), (1, False))

    def test_idle(self) -> None:
        """Time in which nothing passes is not saved up, beyond a step."""
        self.clock.advance(1000)
        self.pacer.spend(self.pacer.step)
        self.assertFalse(self.pacer.is_waiting)
        self.pacer.spend(1)
        self.assertTrue(self.pacer.is_waiting)

    def test_more_while_waiting(self) -> None:
        """What passes all the same makes the wait longer."""
        self.pacer.spend(8000 + self.pacer.step)
        self.pacer.spend(8000)
        self.clock.advance(1.1)
        self.assertEqual(self.resumed, [])
        self.clock.advance(1)
        self.assertEqual(len(self.resumed), 1)

    def test_stop(self) -> None:
        """After the end nothing is resumed, and no call is left."""
        self.pacer.spend(100_000)
        self.pacer.stop()
        self.pacer.stop()
        self.clock.advance(1000)
        self.assertEqual((self.resumed, self.clock.getDelayedCalls()), ([], []))
