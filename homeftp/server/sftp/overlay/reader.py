"""Reading a file of the store: one piece ahead where a client reads in order, and only what it asks for elsewhere.

A client asks for 32 KiB at a time; a job that reads so little costs as much as one that reads a megabyte.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from homeftp.config import MIN_PIECE
from homeftp.errors import Changed
from homeftp.files.budget import MemoryBudget
from homeftp.interfaces import IFileStream
from homeftp.model import Entry

_NOTHING = memoryview(b"")


class SequentialReader:
    """Reads one open file. Its pieces are part of the memory of all streams. For one call at a time."""

    def __init__(self, stream: IFileStream, budget: MemoryBudget) -> None:
        self._stream = stream
        self._budget = budget
        self._start = 0
        self._piece = _NOTHING
        self._ahead: Deferred[bytes] | None = None
        self._ahead_start = 0
        self._expected = 0
        """Where the next read begins, if the client reads in order."""
        self._used = False

    @property
    def entry(self) -> Entry:
        """The file when it was opened."""
        return self._stream.entry

    def held(self, offset: int, length: int) -> memoryview | None:
        """The bytes at `offset`, where all that are asked for are in memory; None where they are not."""
        at = offset - self._start
        length = min(length, self._stream.entry.size - offset)
        if length <= 0:
            return _NOTHING
        if at < 0 or at + length > len(self._piece):
            return None
        self._expected = offset + length
        self._used = True
        return self._piece[at : at + length]

    async def read(self, offset: int, length: int) -> bytes | memoryview:
        """Up to `length` bytes at `offset`, fewer only at the end. Raises as `IFileStream.read`."""
        held = self.held(offset, length)
        if held is not None:
            return held
        if offset != self._expected:
            self.forget()
            self._expected = offset + length
            return await self._stream.read(offset, length)
        self._used = True
        length = min(length, self.entry.size - offset)
        parts = []
        while length:
            at = offset - self._start
            if not 0 <= at < len(self._piece):
                await self._next_piece(offset)
                if not self._piece:
                    break
                continue
            part = self._piece[at : at + length]
            parts.append(part)
            offset, length = offset + len(part), length - len(part)
        self._expected = offset
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _next_piece(self, offset: int) -> None:
        """The piece that begins at `offset`; the one behind it is read meanwhile."""
        ahead, start = self._ahead, self._ahead_start
        self._ahead = None
        if ahead is None or start != offset:
            if ahead is not None:
                ahead.addErrback(lambda failure: None)
            ahead = self._begin(offset)
        self._start, self._piece = offset, _NOTHING
        data = await ahead
        self._piece = memoryview(data)
        behind = offset + len(data)
        if data and behind < self.entry.size:
            self._ahead, self._ahead_start = self._begin(behind), behind

    def _begin(self, offset: int) -> Deferred[bytes]:
        size = self._budget.grant(self, pieces=2) // MIN_PIECE * MIN_PIECE
        return Deferred.fromCoroutine(_read(self._stream, offset, min(size, self.entry.size - offset)))

    def forget_idle(self) -> None:
        """Hold nothing, unless something was read since the last call."""
        if not self._used:
            self.forget()
        self._used = False

    def forget(self) -> None:
        """Hold nothing any more."""
        self._budget.leave(self)
        self._piece = _NOTHING
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.addErrback(lambda failure: None)

    async def close(self) -> None:
        """Close the file."""
        self.forget()
        await self._stream.close()


async def _read(stream: IFileStream, offset: int, length: int) -> bytes:
    data: bytes = await stream.read(offset, length)
    if not data:
        raise Changed("the file changed size while being read: try again")
    return data
