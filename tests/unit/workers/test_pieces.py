"""Bytes between those who receive them and those who read them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.workers.pieces import PieceQueue


class PieceQueueTests(SynchronousTestCase):
    """What is taken of pieces of any size."""

    def setUp(self) -> None:
        """An empty queue."""
        self.queue = PieceQueue()

    def put(self, *pieces: bytes) -> None:
        """Add pieces."""
        for piece in pieces:
            self.queue.append(piece)

    def test_whole_pieces(self) -> None:
        """As many as fit are joined, in order; what remains is counted."""
        self.put(b"abc", b"d", b"", b"efgh", b"ij")
        self.assertEqual((self.queue.take(7), self.queue.size), (b"abcd", 6))
        self.assertEqual((self.queue.take(7), self.queue.size), (b"efghij", 0))
        self.assertEqual(self.queue.take(7), b"")

    def test_one_piece(self) -> None:
        """A single piece is given as it is: nothing is copied."""
        piece = bytes(1000)
        self.put(piece, bytes(900))
        self.assertIs(self.queue.take(1000), piece)

    def test_too_large(self) -> None:
        """A piece that is too large is divided; nothing is lost, and none is longer than asked."""
        self.put(b"0123456789", b"ab")
        self.assertEqual([self.queue.take(4) for _ in range(4)], [b"0123", b"4567", b"89ab", b""])
        self.assertEqual(self.queue.size, 0)

    def test_clear(self) -> None:
        """What is dropped is not counted."""
        self.put(b"abc")
        self.queue.clear()
        self.assertEqual((self.queue.take(5), self.queue.size), (b"", 0))
