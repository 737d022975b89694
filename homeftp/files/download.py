"""A file that is open for reading: its hash, its bytes as fast as they are taken, and whether it stayed the same."""

from __future__ import annotations

from typing import Awaitable, Callable

import msgspec
from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from zope.interface import implementer

from homeftp.config import PIECE, SLICE, STREAM_PIECE
from homeftp.errors import Changed, NotFound, TooLarge, WrongKind, check_limit
from homeftp.files.budget import MemoryBudget
from homeftp.files.hashes import never
from homeftp.hashing.filehash import Hasher, hash_bytes
from homeftp.interfaces import IFileStream, IOpenFile, IPayload, IWorkers
from homeftp.model import Entry

RANGES_COMPARED = 1024
"""Reads of one stream that are compared at its end, at most, where the file was written just before it was opened."""


class ReadRange(msgspec.Struct, frozen=True):
    """A part of a file that was read, and its hash: what is compared where the file may have changed unnoticed."""

    offset: int
    size: int
    hash: str


HashAgain = Callable[[Callable[[], bool]], Awaitable[Entry]]
"""Hashes what is at the endpoint of a file, together with all others who wait for that; until it is cancelled."""


@implementer(IFileStream)
class FileStream:
    """An open file of a store. Owns `file`, which one thread at a time may use: `workers` runs one job at a time.

    A small file has been read already (`IOpenFile.content`): then nothing here needs the pool. `hash_shared` is None
    where a hashing cannot be shared.
    """

    def __init__(
        self, file: IOpenFile, workers: IWorkers, budget: MemoryBudget, hash_shared: HashAgain | None = None
    ) -> None:
        self._file = file
        self._workers = workers
        self._budget = budget
        self._hash_shared = hash_shared
        self._hash: str | None = None
        self._payload: FilePayload | None = None
        self._closing = False
        self._ranges: list[ReadRange] = []

    @property
    def entry(self) -> Entry:
        """The file's entry when it was opened; `hash` once it is known."""
        return self._with_hash(self._file.entry)

    def _with_hash(self, entry: Entry) -> Entry:
        return entry if self._hash is None or entry.hash is not None else structs.replace(entry, hash=self._hash)

    async def hash(self, cancelled: Callable[[], bool] = never) -> str:
        """The hash of the file, known or read slice by slice."""
        known = self.entry.hash
        if known is not None:
            return known
        self._hash = await self._find_hash(cancelled)
        return self._hash

    async def _find_hash(self, cancelled: Callable[[], bool]) -> str:
        """The hash of this file, computed once for all callers if the endpoint still has this file."""
        tag = self._file.entry.tag
        if self._hash_shared is not None and tag:
            try:
                entry = await self._hash_shared(cancelled)
            except (NotFound, WrongKind):
                pass  # it has lost its name: no other request can ask for it
            else:
                if entry.hash is not None and entry.tag == tag:
                    return entry.hash
        return await self._read_hash(cancelled)

    async def _read_hash(self, cancelled: Callable[[], bool]) -> str:
        """Each slice queues for the pool anew, so that a huge file does not shut out others."""
        slices = self._file.hash_steps()
        while True:
            if cancelled() or self._closing:
                raise ConnectionLost("the client has disconnected")
            found: str | None = await self._workers.run_hash(next, slices)
            if found is not None:
                return found

    async def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`; fewer only at the end. Raises `TooLarge` (22) over `STREAM_PIECE`."""
        if length > STREAM_PIECE:
            raise TooLarge(f"{length} bytes at once: at most {STREAM_PIECE} can be read in one call")
        content = self._file.content
        if content is not None:
            return content[offset : offset + length]
        return await self._workers.run_slice(self._read, offset, length)

    def _read(self, offset: int, length: int) -> bytes:
        """In a worker."""
        fresh = not self._file.entry.tag and self._file.is_stale()
        data = self._file.read(offset, length)
        if fresh:
            if len(self._ranges) >= RANGES_COMPARED:
                raise Changed("the file was being written when it was opened: open it again")
            self._ranges.append(ReadRange(offset, len(data), hash_bytes(data)))
        return data

    def payload(self, offset: int, length: int) -> IPayload | bytes:
        """The `length` bytes at `offset`; hashed as they are read where they are the whole file, of unknown hash."""
        content = self._file.content
        if content is not None:
            return content[offset : offset + length]
        assert self._payload is None, "one payload of a file at a time"
        hashed = length == self.entry.size and self.entry.hash is None
        self._payload = FilePayload(self._file, offset, length, self._workers, self._budget, hashed=hashed)
        return self._payload

    async def close_verified(self, cancelled: Callable[[], bool] = never) -> Entry:
        """The entry of the file, if it stayed the same while it was read; ends the reading."""
        if self._file.content is not None:
            return self.entry
        await self._end_payload()
        whole = next((each for each in self._ranges if each.size == self.entry.size), None)
        entry = await self._workers.run_slice(self._close_verified, whole)
        if entry is None:
            for each in self._ranges:
                if await self._hash_again(each, cancelled) != each.hash:
                    raise Changed("the file changed on the server while it was read: try again")
            entry = await self._workers.run_slice(self._file.close_verified, None if whole is None else whole.hash)
        self._ranges.clear()
        return self._with_hash(entry)

    def _close_verified(self, whole: ReadRange | None) -> Entry | None:
        """In a worker: the entry; None where only reading it once more tells whether it changed."""
        if self._ranges and self._file.is_stale():
            return None
        return self._file.close_verified(None if whole is None else whole.hash)

    async def _hash_again(self, read: ReadRange, cancelled: Callable[[], bool]) -> str:
        if read.size == self.entry.size:
            return await self._read_hash(cancelled)
        hasher = Hasher()
        for offset in range(read.offset, read.offset + read.size, SLICE):
            if cancelled() or self._closing:
                raise ConnectionLost("the client has disconnected")
            await self._workers.run_hash(self._hash_part, hasher, offset, min(offset + SLICE, read.offset + read.size))
        return hasher.hash()

    def _hash_part(self, hasher: Hasher, start: int, end: int) -> None:
        """In a worker."""
        for offset in range(start, end, PIECE):
            hasher.update(self._file.read(offset, min(PIECE, end - offset)))

    async def _end_payload(self) -> None:
        """Wait until nothing is being read any more; what was hashed of the payload is kept in `_ranges`."""
        payload, self._payload = self._payload, None
        if payload is None:
            return
        await payload.stop()
        read = payload.hashed
        if read is not None:
            self._ranges.append(read)

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
    What is read of a file that was written a moment ago is hashed, to be compared once every change shows.
    """

    def __init__(
        self, file: IOpenFile, offset: int, size: int, workers: IWorkers, budget: MemoryBudget, *, hashed: bool
    ) -> None:
        self.size = size
        self._file = file
        self._start = offset
        self._offset = offset
        self._missing = size
        self._workers = workers
        self._budget = budget
        self._hasher = Hasher() if hashed else None
        self._ahead: Deferred[bytes] | None = None
        self._reading: Deferred[None] | None = None
        self._stopped = False

    @property
    def hashed(self) -> ReadRange | None:
        """The part of the range that was read, with its hash; None if nothing was hashed."""
        read = self._offset - self._start
        if self._hasher is None or (self.size and not read):
            return None
        return ReadRange(self._start, read, self._hasher.hash())

    def _read_ahead(self) -> Deferred[bytes]:
        """Two pieces are held at once, the one that is being sent and the next."""
        return self._workers.run_slice(self._read_piece, self._budget.grant(self, pieces=2))

    def _read_piece(self, size: int) -> bytes:
        """In a worker: the next piece."""
        if not self._missing:
            return b""
        if self._hasher is None and self._offset == self._start and self._file.is_stale():
            self._hasher = Hasher()
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
        """The whole content of the file; raises `TooLarge` (22) over `limit`."""
        check_limit("the content", self.size, limit)
        pieces = []
        while data := await self.read():
            pieces.append(data)
        return b"".join(pieces)


async def read_whole(stream: FileStream, name: str, limit: int) -> bytes:
    """All of an open file, verified, which is closed then; raises `TooLarge` (22), with its `name`, over `limit`."""
    try:
        size = stream.entry.size
        check_limit(name, size, min(limit, STREAM_PIECE))
        content = await stream.read(0, size)
        await stream.close_verified()
        return content
    finally:
        await stream.close()
