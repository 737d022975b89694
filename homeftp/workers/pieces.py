"""Bytes that wait to be read: they arrive in pieces of any size, and are taken in pieces of a bounded size."""

from __future__ import annotations

from collections import deque


class PieceQueue:
    """Pieces in the order of their arrival; `size` is their bytes."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: deque[bytes] = deque()

    def append(self, piece: bytes) -> None:
        """Add what has arrived."""
        self.size += len(piece)
        self._pieces.append(piece)

    def take(self, most: int) -> bytes:
        """The first bytes, `most` of them at most; b"" where there are none.

        As many whole pieces as fit: nothing is copied where that is one. Only a piece that is too large is divided.
        """
        taken: list[bytes] = []
        size = 0
        while self._pieces and size + len(self._pieces[0]) <= most:
            piece = self._pieces.popleft()
            size += len(piece)
            taken.append(piece)
        if self._pieces and not size:
            first = self._pieces[0]
            taken, size = [first[:most]], most
            self._pieces[0] = first[most:]
        self.size -= size
        return b"".join(taken)

    def clear(self) -> None:
        """Drop all of it."""
        self._pieces.clear()
        self.size = 0
