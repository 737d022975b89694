"""The memory of large payloads on their way, and of requests: all connections of a server share it."""

from __future__ import annotations

from homeftp.config import PIECE, READ_BUFFER, REQUEST_MEMORY, SMALL_FILE, STREAM_MEMORY, STREAM_PIECE


class MemoryBudget:
    """The more payloads there are under way, the smaller their pieces; likewise for requests. For one thread."""

    def __init__(self, memory: int = STREAM_MEMORY, requests: int = REQUEST_MEMORY) -> None:
        self._memory = memory
        self._requests = requests
        self._under_way: set[object] = set()
        self._holding: set[object] = set()

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

    def hold(self, connection: object, held: int) -> None:
        """The requests of a connection that are in progress hold so many bytes now."""
        if held:
            self._holding.add(connection)
        else:
            self._holding.discard(connection)

    @property
    def holders(self) -> int:
        """How many connections have requests in progress."""
        return len(self._holding)

    @property
    def requests(self) -> int:
        """Bytes that the requests of one connection may hold before it is paused."""
        return min(self.piece, max(SMALL_FILE, self._requests // max(1, self.holders)))

    @property
    def buffer(self) -> int:
        """Bytes that the socket of a connection may take at once, and keep unsent, besides a payload under way."""
        return min(READ_BUFFER, self.requests)
