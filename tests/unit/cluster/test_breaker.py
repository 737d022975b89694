"""An engine that does not answer is not waited for by everybody in turn."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.breaker import OPEN_SECONDS, CircuitBreaker


class BreakerTests(SynchronousTestCase):
    """What is known of an engine."""

    def test_failed(self) -> None:
        """Everything is refused for a moment; after that the engine is tried, until it answers."""
        clock = Clock()
        breaker = CircuitBreaker(clock.seconds)
        self.assertEqual((breaker.is_open, breaker.is_doubtful), (False, False))
        breaker.failed()
        self.assertEqual((breaker.is_open, breaker.is_doubtful), (True, True))
        clock.advance(OPEN_SECONDS)
        self.assertEqual((breaker.is_open, breaker.is_doubtful), (False, True))
        breaker.answered()
        self.assertEqual((breaker.is_open, breaker.is_doubtful), (False, False))

    def test_doubt(self) -> None:
        """Where only one has waited too long, the engine is tried, and nothing is refused."""
        breaker = CircuitBreaker(Clock().seconds)
        breaker.doubt()
        self.assertEqual((breaker.is_open, breaker.is_doubtful), (False, True))
