"""The memory of large payloads on their way: shared by all of them, whatever connection they are on."""

from __future__ import annotations

from homeftp.config import PIECE, STREAM_MEMORY, STREAM_PIECE


class Budget:
    """The more payloads there are under way, the smaller their pieces. For one thread."""

    def __init__(self, memory: int = STREAM_MEMORY) -> None:
        self._memory = memory
        self.streams = 0
        """How many payloads are under way."""

    @property
    def piece(self) -> int:
        """Bytes of one piece now, from `config.PIECE` to `config.STREAM_PIECE`."""
        return max(PIECE, min(STREAM_PIECE, self._memory // max(1, self.streams)))
