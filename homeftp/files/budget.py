"""The memory of large payloads on their way: shared by all of them, whatever connection they are on."""

from __future__ import annotations

from homeftp.config import PIECE, STREAM_MEMORY, STREAM_PIECE


class MemoryBudget:
    """The more payloads there are under way, the smaller their pieces. For one thread."""

    def __init__(self, memory: int = STREAM_MEMORY) -> None:
        self._memory = memory
        self._under_way: set[object] = set()

    def enter(self, payload: object) -> None:
        """Count a payload that holds bytes, or will. May be called twice."""
        self._under_way.add(payload)

    def leave(self, payload: object) -> None:
        """Stop counting a payload. May be called twice, and for one that was never counted."""
        self._under_way.discard(payload)

    @property
    def streams(self) -> int:
        """How many payloads are under way."""
        return len(self._under_way)

    @property
    def piece(self) -> int:
        """Bytes of one piece now, from `config.PIECE` to `config.STREAM_PIECE`."""
        return max(PIECE, min(STREAM_PIECE, self._memory // max(1, self.streams)))
