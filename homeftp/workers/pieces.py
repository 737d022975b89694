"""Bytes between a connection and the jobs that take them: pieces of any size arrive, pieces of a bounded size leave."""

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

        They are as many whole pieces as fit; a single one is not copied. Only a piece of more than `most` is divided.
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
        """Drop all pieces."""
        self._pieces.clear()
        self.size = 0
