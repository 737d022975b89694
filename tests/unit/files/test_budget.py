"""The memory that all streams of a server share."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import KIB, PIECE, STREAM_PIECE
from homeftp.files.budget import MemoryBudget


class MemoryBudgetTests(SynchronousTestCase):
    """The size of a piece."""

    def test_pieces(self) -> None:
        """One stream has large pieces, many share the memory, and a piece never gets smaller than `PIECE`."""
        budget = MemoryBudget(8 * STREAM_PIECE)
        sizes = []
        for number in range(8 * STREAM_PIECE // PIECE + 4):
            budget.enter(number)
            sizes.append(budget.piece)
        self.assertEqual(sizes[:8], [STREAM_PIECE] * 8)
        self.assertEqual(sizes[15], STREAM_PIECE // 2)
        self.assertEqual(sizes[-1], PIECE)
        for number in range(budget.streams):
            budget.leave(number)
        self.assertEqual((budget.streams, budget.piece), (0, STREAM_PIECE))

    def test_twice(self) -> None:
        """To enter or to leave twice counts once."""
        budget = MemoryBudget(64 * KIB)
        for _ in range(2):
            budget.enter(self)
        self.assertEqual(budget.streams, 1)
        for _ in range(2):
            budget.leave(self)
        self.assertEqual(budget.streams, 0)
