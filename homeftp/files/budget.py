"""The memory of large payloads on their way: shared by all of them, whatever connection they are on."""

from __future__ import annotations

from homeftp.config import MIN_PIECE, STREAM_MEMORY, STREAM_PIECE

DIVISOR = 4
"""A payload gets this part of what the others leave, so that much is left for the next ones."""


class MemoryBudget:
    """The more is granted to payloads under way, the smaller the next piece. For one thread."""

    def __init__(self, memory: int = STREAM_MEMORY) -> None:
        self._memory = memory
        self._granted: dict[object, int] = {}
        self.granted = 0
        """Bytes of the pieces of all payloads under way."""

    def grant(self, payload: object, pieces: int = 1) -> int:
        """Bytes of each of the next `pieces` of a payload, which replace those before: up to `config.STREAM_PIECE`.

        Together they have at least `config.MIN_PIECE`, whatever has been granted to others, so that each payload makes
        progress.
        """
        self.leave(payload)
        piece = self._next(pieces) // pieces
        self._granted[payload] = piece * pieces
        self.granted += piece * pieces
        return piece

    def leave(self, payload: object) -> None:
        """A payload needs no more memory. May be called twice, and for one to which nothing was granted."""
        self.granted -= self._granted.pop(payload, 0)

    @property
    def streams(self) -> int:
        """How many payloads are under way."""
        return len(self._granted)

    @property
    def piece(self) -> int:
        """Bytes of the piece that another payload would be granted."""
        return self._next(1)

    def _next(self, pieces: int) -> int:
        return max(MIN_PIECE, min(pieces * STREAM_PIECE, (self._memory - self.granted) // DIVISOR))
