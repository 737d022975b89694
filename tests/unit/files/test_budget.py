"""The memory that all streams of a server share."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import KIB, MIN_PIECE, STREAM_PIECE
from homeftp.files.budget import MemoryBudget


class MemoryBudgetTests(SynchronousTestCase):
    """The size of a piece."""

    def test_pieces(self) -> None:
        """A few streams have large pieces; the more there are the smaller the next, and never more than all memory."""
        budget = MemoryBudget(8 * STREAM_PIECE)
        sizes = [budget.grant(number) for number in range(200)]
        self.assertEqual(sizes[:4], [STREAM_PIECE] * 4)
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertEqual(sizes[-1], MIN_PIECE)
        self.assertEqual(sum(sizes), budget.granted)
        self.assertLess(sum(size for size in sizes if size > MIN_PIECE), 8 * STREAM_PIECE)
        for number in range(budget.streams):
            budget.leave(number)
        self.assertEqual((budget.streams, budget.granted, budget.piece), (0, 0, STREAM_PIECE))

    def test_twice(self) -> None:
        """A payload counts once however often it is granted a piece, and leaves once."""
        budget = MemoryBudget(64 * KIB)
        for _ in range(2):
            budget.grant(self)
        self.assertEqual(budget.streams, 1)
        for _ in range(2):
            budget.leave(self)
        self.assertEqual(budget.streams, 0)
