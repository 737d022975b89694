"""A draft in the cluster store: a content that is changed in blocks, of which only the changed ones are written again.

A block has as many bytes as an object. Two changed blocks at most are in memory; what is changed beyond that is written
to the bucket, under a name that the database learns at the commit. A content that is written from its beginning to its
end is hashed as it comes; any other one is read again for that, block by block.
"""

from __future__ import annotations

from typing import Callable, Iterator

from zope.interface import implementer

from homeftp.cluster.objects import ObjectMissing
from homeftp.config import MIB
from homeftp.errors import TooLarge
from homeftp.hashing.filehash import Hasher
from homeftp.interfaces.store import IDraft
from homeftp.model import Entry
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import ContentPart
from homeftp.store.cluster.reading.opened import StoredContent, not_kept
from homeftp.store.cluster.tables import contents
from homeftp.store.cluster.writes.packs import StoredContents
from homeftp.store.policy.limits import check_range
from homeftp.store.policy.wording import format_size

_HELD = 2
"""Changed blocks in memory."""

MOST_GAPS = 1024 * MIB
"""Bytes of zeros that no client has sent: the commit hashes and stores each, and a client may ask for any number."""

CommitDraft = Callable[[StoredContents, str, "int | None", "int | None"], Entry]
"""Puts one content, with that hash, mtime and mode, in place."""


@implementer(IDraft)
class ClusterDraft:
    """A content that is changed; `base` is what it begins with, and had a name at the time `since_us`."""

    def __init__(
        self,
        context: ClusterContext,
        base: StoredContent,
        since_us: int = 0,
        *,
        check_size: Callable[[int], None],
        commit: CommitDraft,
    ) -> None:
        self._context = context
        self._base = base
        self._block = context.cluster.part_bytes
        self._size = self._base_size = base.size
        self._sent = base.size
        """Bytes that were sent, or that the base has, at most `size`: the others are a gap of zeros."""
        self._held: dict[int, bytearray] = {}
        self._written: dict[int, ContentPart] = {}
        self._objects: dict[str, int] = {}
        self._since_us = since_us
        self._hasher: Hasher | None = None if base.size else Hasher()
        self._prepared: tuple[list[ContentPart], str] | None = None
        self._check_size = check_size
        self._commit = commit
        self._ended = False

    @property
    def size(self) -> int:
        """Bytes of the draft now."""
        return self._size

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`."""
        self._expect_open()
        check_range(offset, length)
        pieces = []
        end = min(offset + length, self._size)
        while offset < end:
            number, start = divmod(offset, self._block)
            size = min(self._block - start, end - offset)
            held = self._held.get(number)
            if held is None:
                pieces.append(self._fetch(number, start, size))
            else:  # it may be shorter than the draft has become
                pieces.append(bytes(held[start : start + size]).ljust(size, b"\0"))
            offset += size
        return b"".join(pieces)

    def write(self, offset: int, data: bytes) -> None:
        """Replace or append bytes; a gap reads as zeros."""
        self._expect_open()
        check_range(offset, offset + len(data))
        if not data:
            return
        appended = offset == self._size
        if offset + len(data) > self._size:
            self._grow(offset + len(data))
        self._prepared = None
        if self._hasher is not None and appended:
            self._hasher.update(data)
        else:
            self._hasher = None
        self._sent = min(self._size, self._sent + len(data))
        view = memoryview(data)
        while len(view):
            number, start = divmod(offset, self._block)
            size = min(self._block - start, len(view))
            held = self._hold(number)
            held[start : start + size] = view[:size]
            offset, view = offset + size, view[size:]

    def truncate(self, size: int) -> None:
        """Cut or extend it."""
        self._expect_open()
        check_range(size)
        self._prepared = None
        if size != self._size:
            self._hasher = None if size else Hasher()
        if size > self._size:
            self._grow(size)
            return
        self._size = size
        self._sent = min(self._sent, size)
        self._base_size = min(self._base_size, size)
        for number in [each for each in (*self._held, *self._written) if each * self._block >= size]:
            self._held.pop(number, None)
            self._written.pop(number, None)
        number, left = divmod(size, self._block)
        if number in self._held:
            del self._held[number][left:]
        elif number in self._written:
            part = self._written[number]
            self._written[number] = ContentPart(part.object, part.start, min(part.size, left))

    def prepare(self) -> Iterator[int]:
        """Hash the content, and write what is not in the bucket yet, block by block. Raises `TooLarge` (22)."""
        self._expect_open()
        self._check_gaps()
        known, hasher = self._hasher, Hasher()
        parts: list[ContentPart] = []
        for number in range(-(-self._size // self._block)):
            size = min(self._block, self._size - number * self._block)
            content = None
            if known is None:
                content = self._content(number, size)
                hasher.update(content)
            parts += self._parts(number, size, content)
            yield size
        self._prepared = parts, (hasher if known is None else known).hash()

    def commit(self, *, mtime_us: int | None = None, mode: int | None = None) -> Entry:
        """Put the content in place. Raises `TooLarge` (22) where more than `MOST_GAPS` of it was not sent.

        Not before: clients send parts in any order, and set the size first.
        """
        self._expect_open()
        try:
            while self._prepared is None:
                for _ in self.prepare():
                    pass
            parts, hash = self._prepared
            # without an object of its own it begins when it is committed
            since_us = self._since_us or contents.now_us(self._context.database)
            return self._commit(StoredContents([parts], self._objects, since_us), hash, mtime_us, mode)
        finally:
            self.abort()

    def abort(self) -> None:
        """Discard the draft. Objects that it has written have no name, and are collected."""
        self._ended = True
        self._held.clear()

    def _check_gaps(self) -> None:
        if self._size - self._sent > MOST_GAPS:
            raise TooLarge(
                f"{format_size(self._size - self._sent)} of the file were not sent, and this server adds at most "
                f"{format_size(MOST_GAPS)} of zeros: send all of it"
            )

    def _grow(self, size: int) -> None:
        self._check_size(size)
        self._size = size

    def _fetch(self, number: int, start: int, size: int) -> bytes:
        """Bytes of a block that is not in memory; what was not written reads as zeros."""
        part = self._written.get(number)
        begin = number * self._block + start
        try:
            if part is not None:
                length = max(0, min(size, part.size - start))
                found = self._context.bucket.get(part.object, part.start + start, length) if length else b""
            else:
                found = self._base.read(begin, max(0, min(size, self._base_size - begin)))
        except ObjectMissing as error:
            raise not_kept() from error
        return found.ljust(size, b"\0")

    def _hold(self, number: int) -> bytearray:
        """A block in memory, to be changed, as long as the draft has it to be."""
        held = self._held.pop(number, None)
        size = min(self._block, self._size - number * self._block)
        if held is None:
            held = bytearray(self._fetch(number, 0, size))
            self._written.pop(number, None)
        held.extend(bytes(max(0, size - len(held))))
        self._held[number] = held  # the last one that was used
        if len(self._held) > _HELD:
            oldest = next(iter(self._held))
            self._written[oldest] = self._write(self._held.pop(oldest))
        return held

    def _write(self, content: bytes | bytearray) -> ContentPart:
        if not self._since_us:
            self._since_us = contents.now_us(self._context.database)
        name = self._context.bucket.new_name()
        self._context.bucket.put(name, content)
        self._objects[name] = len(content)
        return ContentPart(name, 0, len(content))

    def _content(self, number: int, size: int) -> bytes:
        """All bytes of a block."""
        held = self._held.get(number)
        return (bytes(held) if held is not None else self._fetch(number, 0, size)).ljust(size, b"\0")

    def _parts(self, number: int, size: int, content: bytes | None) -> list[ContentPart]:
        """Where the bytes of a whole block are, written now where they are not in the bucket; `content` may be them."""
        begin = number * self._block
        written = self._written.get(number)
        if number not in self._held and written is not None and written.size == size:
            return [written]
        if number not in self._held and written is None and begin + size <= self._base_size:
            return self._base.range(begin, size)
        return [self._write(self._content(number, size) if content is None else content)]

    def _expect_open(self) -> None:
        if self._ended:
            raise ValueError("this draft has ended")
