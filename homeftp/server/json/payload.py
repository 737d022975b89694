"""The bytes that follow a request's line, on their way to its dispatcher: bounded, readable once.

The protocol delivers, the dispatcher reads; between them stands at most one
piece before the protocol is told to stop reading from the client. How large a
piece may be depends on how many payloads are under way.
"""

from __future__ import annotations

from collections import deque
from typing import Callable

from twisted.internet.defer import Deferred
from zope.interface import implementer

from homeftp.config import PIECE, STREAM_PIECE
from homeftp.errors import TooLarge
from homeftp.files.budget import MemoryBudget
from homeftp.interfaces import IPayload, IWholePayload


def _check_limit(size: int, limit: int) -> None:
    if size > limit:
        raise TooLarge(f"the payload has {size} bytes; at most {limit} are allowed here")


@implementer(IWholePayload)
class WholePayload:
    """A payload that has arrived already."""

    def __init__(self, data: bytes = b"") -> None:
        self.size = len(data)
        self.content = data

    async def read(self) -> bytes:
        """The next piece, of at most `config.PIECE` bytes; b"" after the last."""
        piece, self.content = self.content[:PIECE], self.content[PIECE:]
        return piece

    async def read_all(self, limit: int) -> bytes:
        """All of it; raises `TooLarge` (22) over `limit`."""
        _check_limit(self.size, limit)
        data, self.content = self.content, b""
        return data


@implementer(IPayload)
class StreamPayload:
    """A payload that is still arriving. `drained` is called whenever it has room again."""

    def __init__(self, size: int, drained: Callable[[], None], budget: MemoryBudget) -> None:
        self.size = size
        self._drained = drained
        self._budget = budget
        budget.enter(self)
        self._missing = size
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._reader: Deferred[None] | None = None
        self._failure: Exception | None = None
        self.discarding = False

    @property
    def missing(self) -> int:
        """Bytes that have not arrived yet."""
        return self._missing

    @property
    def full(self) -> bool:
        """Whether the client has to wait until more is read."""
        return self._held >= self._budget.piece

    def deliver(self, data: bytes) -> None:
        """The next bytes from the client; never more than are missing.

        LineReceiver hands on an empty piece whenever it is resumed.
        """
        self._missing -= len(data)
        if not self._missing:
            self._budget.leave(self)
        if self.discarding:
            return
        self._pieces.append(data)
        self._held += len(data)
        if self.full or not self._missing:
            self._wake()

    def fail(self, reason: Exception) -> None:
        """No more will come: behind what has come the reader gets `reason`."""
        self._failure = self._failure or reason
        self._budget.leave(self)
        self._wake()

    def discard(self) -> None:
        """Nobody wants the rest: throw it away as it comes."""
        self.discarding = True
        self._budget.leave(self)
        self._pieces.clear()
        self._held = 0
        self._drained()

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.callback(None)

    async def read(self) -> bytes:
        """The next piece, of at most `config.STREAM_PIECE` bytes; b"" after the last."""
        if not self.full and self._missing and self._failure is None:
            self._reader = Deferred()
            await self._reader
        if self._failure is not None and not self._held:
            raise self._failure  # and never nothing, which would be taken for the end
        data = self._take(STREAM_PIECE)
        self._drained()
        return data

    def _take(self, most: int) -> bytes:
        """Up to `most` of the bytes that are held; the protocol delivers more at once than one piece may have."""
        taken: list[bytes] = []
        size = 0
        while self._pieces and size < most:
            piece = self._pieces.popleft()
            if size + len(piece) > most:
                self._pieces.appendleft(piece[most - size :])
                piece = piece[: most - size]
            taken.append(piece)
            size += len(piece)
        self._held -= size
        return b"".join(taken)

    async def read_all(self, limit: int) -> bytes:
        """All of it; raises `TooLarge` (22) over `limit`."""
        _check_limit(self.size, limit)
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)
