"""Parts of long work on the reactor's thread wait for turns."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.workers import InlineWorkers, turn
from tests.support.queuedworkers import QueuedTurns


class TurnTests(SynchronousTestCase):
    """turn."""

    def test_waits(self) -> None:
        """It fires when the account has its turn, at once where nothing comes before it."""
        turns = QueuedTurns()
        had = turn(turns)
        self.assertNoResult(had)
        turns.calls.pop()()
        self.assertIsNone(self.successResultOf(had))
        self.assertIsNone(self.successResultOf(turn(InlineWorkers())))

    def test_cancelled(self) -> None:
        """A turn that nobody waits for any more comes, and nothing happens."""
        turns = QueuedTurns()
        had = turn(turns)
        had.addErrback(lambda failure: None)
        had.cancel()
        turns.calls.pop()()
