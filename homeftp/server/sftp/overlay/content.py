"""The content of a file that a session writes, before it is put in place: in memory while it is small, else a draft.

A new file of up to `config.SMALL_FILE` bytes costs nothing before it is committed, and is made durable together with
others.
"""

from __future__ import annotations

import attrs

from homeftp.config import MIB, SMALL_FILE, STREAM_PIECE
from homeftp.endpoint import Endpoint
from homeftp.interfaces import IFileDraft, IFiles
from homeftp.model import Entry, WriteRequest

SMALL_MEMORY = MIB // 2
"""Bytes of small files that one session may have in memory; past them they become drafts."""


class SmallMemory:
    """The bytes of one session's small files."""

    def __init__(self, most: int = SMALL_MEMORY) -> None:
        self._most = most
        self.used = 0

    def reserve(self, size: int) -> bool:
        """Count so many more bytes; False where there are too many."""
        if self.used + size > self._most:
            return False
        self.used += size
        return True

    def release(self, size: int) -> None:
        """Count this many fewer bytes."""
        self.used -= size


@attrs.define
class Pending:
    """The terms of the content's commit: its place, its metadata, and the condition."""

    endpoint: Endpoint
    mtime_us: int | None = None
    mode: int | None = None
    precondition: str | None = None

    def request(self, size: int | None, *, empty: bool = False) -> WriteRequest:
        """The request to the store that writes the content."""
        return WriteRequest(
            endpoint=self.endpoint,
            size=size,
            mtime_us=self.mtime_us,
            mode=self.mode,
            precondition=self.precondition,
            empty=empty,
        )


class DraftContent:
    """One content that is written. Ends with `commit` or `abort`. For one call at a time.

    Where a change fails, later changes and the commit fail too.
    """

    def __init__(self, files: IFiles, memory: SmallMemory, draft: IFileDraft | None = None) -> None:
        """That of a draft, or a new one without a byte."""
        self._files = files
        self._memory = memory
        self._draft = draft
        self._small = bytearray()

    @property
    def size(self) -> int:
        """The number of bytes that the content has now."""
        return len(self._small) if self._draft is None else self._draft.size

    async def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`."""
        if self._draft is None:
            return bytes(self._small[offset : offset + length])
        return await self._draft.read(offset, min(length, STREAM_PIECE))

    async def write(self, pending: Pending, offset: int, data: bytes | memoryview) -> None:
        """Replace or append bytes at `offset`, at most `config.STREAM_PIECE`."""
        if not data:
            return
        if self._draft is None and self._fits(offset + len(data)):
            self._extend(offset)
            self._small[offset : offset + len(data)] = data
            return
        draft = self._draft or await self._become_draft(pending)
        await draft.write(offset, bytes(data))

    async def truncate(self, pending: Pending, size: int) -> None:
        """Cut it to `size` bytes, or extend it with zeros."""
        if self._draft is None and self._fits(size):
            self._extend(size)
            self._memory.release(len(self._small) - size)
            del self._small[size:]
            return
        draft = self._draft or await self._become_draft(pending)
        await draft.truncate(size)

    def _fits(self, size: int) -> bool:
        """Whether it can stay in memory with so many bytes, which count from now on."""
        return size <= SMALL_FILE and self._memory.reserve(max(0, size - len(self._small)))

    def _extend(self, size: int) -> None:
        self._small.extend(bytes(max(0, size - len(self._small))))

    async def _become_draft(self, pending: Pending) -> IFileDraft:
        draft: IFileDraft = await self._files.edit(pending.request(None, empty=True))
        small, self._draft = self._forget_small(), draft
        if small:
            await draft.write(0, small)
        return draft

    def _forget_small(self) -> bytes:
        small = bytes(self._small)
        self._small.clear()
        self._memory.release(len(small))
        return small

    async def commit(self, pending: Pending) -> Entry:
        """Put it in place, durably."""
        if self._draft is not None:
            return await self._draft.commit(mtime_us=pending.mtime_us, mode=pending.mode)
        content = self._forget_small()
        return await self._files.write(pending.request(len(content)), content)

    async def abort(self) -> None:
        """Discard the content."""
        self._forget_small()
        if self._draft is not None:
            await self._draft.abort()
