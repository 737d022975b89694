"""A file that is open for reading: its hash, its bytes as fast as they are taken, and whether it stayed the same."""

from __future__ import annotations

from typing import Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from zope.interface import implementer

from homeftp.config import PIECE, STREAM_PIECE
from homeftp.errors import Changed, TooLarge
from homeftp.files.budget import MemoryBudget
from homeftp.hashing.filehash import Hasher
from homeftp.interfaces import IFileStream, IOpenFile, IPayload, IWorkers
from homeftp.model import Entry


def never() -> bool:
    """The `cancelled` of work that is never cancelled."""
    return False


@implementer(IFileStream)
class FileStream:
    """An open file of a store. Owns `file`, which one thread at a time may use: `workers` runs one job at a time.

    A small file has been read already (`IOpenFile.content`): then nothing here needs the pool.
    """

    def __init__(self, file: IOpenFile, workers: IWorkers, budget: MemoryBudget) -> None:
        self._file = file
        self._workers = workers
        self._budget = budget
        self._payload: FilePayload | None = None
        self._closing = False

    @property
    def entry(self) -> Entry:
        """What the file was when it was opened; `hash` once it is known."""
        return self._file.entry

    async def hash(self, cancelled: Callable[[], bool] = never) -> str:
        """The hash of the file, known or read slice by slice."""
        known = self._file.entry.hash
        return await self._read_hash(cancelled) if known is None else known

    async def _read_hash(self, cancelled: Callable[[], bool]) -> str:
        """Each slice queues for the pool anew, so that a huge file does not shut out others."""
        slices = self._file.hash_steps()
        while True:
            if cancelled() or self._closing:
                raise ConnectionLost("the client has disconnected")
            found: str | None = await self._workers.run(next, slices)
            if found is not None:
                return found

    async def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`; fewer only at the end. Raises `TooLarge` (22) over `STREAM_PIECE`."""
        if length > STREAM_PIECE:
            raise TooLarge(f"{length} bytes at once: at most {STREAM_PIECE} can be read in one call")
        content = self._file.content
        if content is not None:
            return content[offset : offset + length]
        return await self._workers.run(self._file.read, offset, length)

    def payload(self, offset: int, length: int) -> IPayload | bytes:
        """The `length` bytes at `offset`; hashed as they are read where they are the whole file, of unknown hash."""
        content = self._file.content
        if content is not None:
            return content[offset : offset + length]
        assert self._payload is None, "one payload of a file at a time"
        hashed = length == self.entry.size and self.entry.hash is None
        self._payload = FilePayload(self._file, offset, length, self._workers, self._budget, hashed=hashed)
        return self._payload

    async def verify(self, cancelled: Callable[[], bool] = never) -> Entry:
        """The entry of the file, if it stayed the same while it was read; ends the reading."""
        if self._file.content is not None:
            return self.entry
        read_hash = await self._end_payload()
        entry = await self._workers.run(self._verify, read_hash)
        if entry is not None:
            return entry
        if await self._read_hash(cancelled) != read_hash:
            raise Changed("the file changed on the server while it was read: try again")
        return await self._workers.run(self._file.verify, read_hash)

    def _verify(self, read_hash: str | None) -> Entry | None:
        """In a worker: the entry; None where only hashing the file once more tells whether it changed."""
        return None if read_hash is not None and self._file.is_stale() else self._file.verify(read_hash)

    async def _end_payload(self) -> str | None:
        """Wait until nothing is being read any more; the hash of the payload, if there was one and it was hashed."""
        payload, self._payload = self._payload, None
        if payload is None:
            return None
        await payload.stop()
        return payload.hash

    async def close(self) -> None:
        """Close the file, after all that was asked for before."""
        if self._file.content is None:
            self._closing = True
            await self._end_payload()
            await self._workers.run_unbounded(self._file.close)


@implementer(IPayload)
class FilePayload:
    """Part of an open file, read one piece ahead, and hashed as it goes where that is asked for.

    A hash that is known already is not made again: then a client finds out when the disk has not kept what was hashed.
    """

    def __init__(
        self, file: IOpenFile, offset: int, size: int, workers: IWorkers, budget: MemoryBudget, *, hashed: bool
    ) -> None:
        self.size = size
        self._file = file
        self._offset = offset
        self._missing = size
        self._workers = workers
        self._budget = budget
        self._hasher = Hasher() if hashed else None
        self._ahead: Deferred[bytes] | None = None
        self._reading: Deferred[None] | None = None
        self._stopped = False

    @property
    def hash(self) -> str | None:
        """The hash of the payload, if it was asked for and all of it has been read."""
        return None if self._hasher is None or self._missing else self._hasher.hash()

    def _read_ahead(self) -> Deferred[bytes]:
        """Two pieces are held at once, the one that is being sent and the next."""
        return self._workers.run(self._read_piece, max(PIECE, self._budget.piece // 2))

    def _read_piece(self, size: int) -> bytes:
        """In a worker: the next piece."""
        if not self._missing:
            return b""
        data = self._file.read(self._offset, min(size, self._missing))
        if self._hasher is not None:
            self._hasher.update(data)
        self._offset += len(data)
        self._missing -= len(data)
        return data

    async def read(self) -> bytes:
        """The next piece; b"" after the last.

        Raises `Changed` (44) when the file got shorter, and ConnectionLost after `stop` and after a read that failed.
        """
        self._expect_running()
        self._budget.enter(self)
        ahead, self._ahead = self._ahead or self._read_ahead(), None
        reading: Deferred[None] = Deferred()
        self._reading = reading
        try:
            data = await ahead
        except BaseException:
            self._stopped = True  # the piece may have been read, and is lost
            raise
        finally:
            self._reading = None
            reading.callback(None)
        self._expect_running()
        if data:
            self._ahead = self._read_ahead()
        return data

    async def stop(self) -> None:
        """Read nothing more; returns when nothing is being read any more, whatever came of it."""
        self._stopped = True
        self._budget.leave(self)
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await ahead.addErrback(lambda failure: None)
        if self._reading is not None:
            await self._reading

    def _expect_running(self) -> None:
        if self._stopped:
            raise ConnectionLost("the payload was stopped: nothing more is read")

    async def read_all(self, limit: int) -> bytes:
        """All of it; raises `TooLarge` (22) over `limit`."""
        if self.size > limit:
            raise TooLarge(f"the content has {self.size} bytes; at most {limit} are allowed here")
        pieces = []
        while data := await self.read():
            pieces.append(data)
        return b"".join(pieces)
