"""A large file on its way into a store: its payload as it arrives, and the pool, which writes one piece meanwhile."""

from __future__ import annotations

from typing import Awaitable, Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from zope.interface import implementer

from homeftp.config import STREAM_PIECE
from homeftp.errors import Busy, TimedOut, check_limit
from homeftp.files.budget import MemoryBudget
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.jobs.turns import Turns
from homeftp.interfaces import IIncomingPayload, IPayload, IUpload
from homeftp.model import Entry, WriteRequest
from homeftp.workers.pieces import PieceQueue

Progress = Callable[[int], Awaitable[None]]
"""Called with the number of bytes verified while the part that arrived earlier is read again; awaited."""

TrailingHash = Callable[[], "str | None"]
"""Returns the hash that followed the content, once all content has been read."""


async def upload(
    jobs: RevocableJobs,
    incoming: IUpload,
    request: WriteRequest,
    payload: IPayload,
    progress: Progress | None,
    trailing_hash: TrailingHash | None,
) -> Entry:
    """Write `payload` to an upload that was begun, and commit it.

    The next piece is read only when the one before it is written. Where the client disconnects or stalls, or the store
    is busy, what has arrived is kept to be resumed, provided that access is still granted. After any other failure, and
    where the caller cancels, nothing is kept.
    """
    turns = Turns(jobs)
    try:
        if request.offset:
            await _verify_resumed(turns, incoming, progress)
        while piece := await payload.read():
            for start in range(0, len(piece), STREAM_PIECE):
                await turns.run_slice(incoming.write, piece[start : start + STREAM_PIECE])
        return await turns.run_slice(incoming.commit, None if trailing_hash is None else trailing_hash())
    except (ConnectionLost, TimedOut, Busy):
        await turns.run_unbounded(_suspend, jobs, incoming)
        raise
    finally:
        await turns.run_unbounded(incoming.abort)


async def _verify_resumed(turns: Turns, incoming: IUpload, progress: Progress | None) -> None:
    steps = incoming.verify_resumed()
    while (checked := await turns.run_hash(next, steps, None)) is not None:
        if progress is not None:
            await progress(checked)


def _suspend(jobs: RevocableJobs, incoming: IUpload) -> None:
    """In a worker. A device may hang up as soon as it is revoked."""
    jobs.require_access()
    incoming.suspend()


@implementer(IIncomingPayload)
class IncomingPayload:
    """A payload that is still arriving: a protocol delivers, and an upload reads.

    While a piece waits to be read, the protocol stops reading from the client. The size of a piece depends on how many
    payloads are under way. `changed` is called when it becomes full, and whenever it has been read.
    """

    def __init__(self, size: int, changed: Callable[[], None], budget: MemoryBudget) -> None:
        self.size = size
        self._changed = changed
        self._budget = budget
        self.piece = budget.grant(self)
        """Bytes after which the client has to wait until they are read."""
        self._missing = size
        self._pieces = PieceQueue()
        self._reader: Deferred[None] | None = None
        self._failure: Exception | None = None
        self.discarding = False

    @property
    def missing(self) -> int:
        """Bytes that have not arrived yet."""
        return self._missing

    @property
    def held(self) -> int:
        """Bytes that have arrived and were not read yet."""
        return self._pieces.size

    @property
    def waiting(self) -> int:
        """Bytes that are held of a payload of which no more will come."""
        return self.held if self._ended else 0

    @property
    def _ended(self) -> bool:
        return not self._missing or self._failure is not None

    @property
    def full(self) -> bool:
        """Whether the client has to wait until more is read.

        The threshold changes only when a piece is read. If it followed the
        budget at once, the server could stop reading while the reader still
        waits for the rest of a larger piece.
        """
        return self.held >= self.piece

    def deliver(self, data: bytes) -> None:
        """Take the next bytes from the client; never more than are missing."""
        self._missing -= len(data)
        if self.discarding:
            return
        self._pieces.append(data)
        full = self.full
        if full or not self._missing:
            self._wake_reader()
        if full:
            self._changed()

    def fail(self, reason: Exception) -> None:
        """No more will come: the reader gets `reason` behind the bytes that have arrived."""
        self._failure = self._failure or reason
        self._leave_when_drained()
        self._wake_reader()

    def discard(self) -> None:
        """Discard the rest as it arrives: no upload reads it."""
        self.discarding = True
        self._budget.leave(self)
        self._pieces.clear()
        self._changed()

    def _leave_when_drained(self) -> None:
        """Bytes that have arrived and were not read are in memory like any other piece."""
        if self._ended and not self.held:
            self._budget.leave(self)

    def _wake_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.callback(None)

    async def read(self) -> bytes:
        """The next piece, of at most `config.STREAM_PIECE` bytes; b"" after the last."""
        if not self.full and self._missing and self._failure is None:
            self._reader = Deferred()
            await self._reader
        if self._failure is not None and not self.held:
            raise self._failure  # and never nothing, which would be taken for the end
        data = self._pieces.take(STREAM_PIECE)
        if self._ended:
            self._leave_when_drained()
        else:
            self.piece = self._budget.grant(self)
        self._changed()
        return data

    async def read_all(self, limit: int) -> bytes:
        """The whole payload; raises `TooLarge` (22) over `limit`."""
        check_limit("the payload", self.size, limit)
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)
