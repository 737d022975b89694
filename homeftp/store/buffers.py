"""Open files, uploads and drafts over bytes in memory, for backends that hold a file's content whole.

A backend passes what it does itself as callables: how much it accepts, and
how a finished content is put in place. `MemoryStore` is made of these.
"""

from __future__ import annotations

from typing import Callable, Iterator

from zope.interface import implementer

from homeftp.errors import NoSpace
from homeftp.interfaces.store import IDraft, IOpenFile, IUpload
from homeftp.model import Entry, WriteRequest
from homeftp.store.policy.limits import check_range, wrong_size

CheckSize = Callable[[int], None]
"""Raises what refuses a content of so many bytes."""


@implementer(IOpenFile)
class BytesFile:
    """A content that never changes; `entry` has its hash. `content` shows it where it has at most `inline` bytes."""

    def __init__(self, entry: Entry, content: bytes, inline: int = -1) -> None:
        self.entry = entry
        self.content = content if len(content) <= inline else None
        self._all = content

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`."""
        check_range(offset, length)
        return self._all[offset : offset + length]

    def hash_steps(self) -> Iterator[str | None]:
        """Take no step: the hash is known."""
        yield self.entry.hash

    def is_stale(self) -> bool:
        """A content that never changes is never stale."""
        return False

    def close_verified(self, hash: str | None) -> Entry:
        """Close the file, and give its entry: content in memory cannot be damaged."""
        return self.entry

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


@implementer(IUpload)
class BytesUpload:
    """A content that grows in memory, from what `arrived` earlier.

    `commit` puts it in place, where it has the hash that is its second
    argument; `suspend` keeps what arrived.
    """

    def __init__(
        self,
        request: WriteRequest,
        arrived: bytes,
        *,
        check_size: CheckSize,
        commit: Callable[[bytes, str | None], Entry],
        suspend: Callable[[bytes], None],
    ) -> None:
        self._request = request
        self._content = bytearray(arrived)
        self._check_size = check_size
        self._commit = commit
        self._suspend = suspend
        self._ended = False

    def verify_resumed(self) -> Iterator[int]:
        """Memory keeps what it is given."""
        if self._request.offset:
            yield self._request.offset

    def write(self, data: bytes) -> None:
        """Append the next bytes."""
        self._expect_open()
        size = len(self._content) + len(data)
        try:
            if self._request.size is not None and size > self._request.size:
                raise wrong_size(self._request, size)
            self._check_size(size)
        except NoSpace:
            if self._request.size is not None:
                self.suspend()
            self.abort()
            raise
        except BaseException:
            self.abort()
            raise
        self._content += data

    def commit(self, hash: str | None = None) -> Entry:
        """Put the content in place."""
        self._expect_open()
        try:
            return self._commit(bytes(self._content), self._request.hash if hash is None else hash)
        finally:
            self.abort()

    def suspend(self) -> None:
        """Keep what arrived."""
        if not self._ended:
            self._suspend(bytes(self._content))
        self.abort()

    def abort(self) -> None:
        """Discard the content."""
        self._ended = True
        self._content.clear()

    def _expect_open(self) -> None:
        if self._ended:
            raise ValueError("this upload has ended")


@implementer(IDraft)
class BytesDraft:
    """A content that is changed in memory; `commit` puts it in place, with an mtime and a mode where they are given."""

    def __init__(
        self, content: bytes, *, check_size: CheckSize, commit: Callable[[bytes, int | None, int | None], Entry]
    ) -> None:
        self._content = bytearray(content)
        self._check_size = check_size
        self._commit = commit
        self._ended = False

    @property
    def size(self) -> int:
        """Bytes of the draft now."""
        return len(self._content)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`."""
        self._expect_open()
        check_range(offset, length)
        return bytes(self._content[offset : offset + length])

    def write(self, offset: int, data: bytes) -> None:
        """Replace or append bytes; a gap reads as zeros."""
        self._expect_open()
        check_range(offset, offset + len(data))
        self._grow(offset + len(data) if data else 0)
        self._content[offset : offset + len(data)] = data

    def truncate(self, size: int) -> None:
        """Cut the content, or extend it with zeros."""
        self._expect_open()
        check_range(size)
        self._grow(size)
        del self._content[size:]

    def prepare(self) -> Iterator[int]:
        """Take no step: the content is in memory."""
        return iter(())

    def commit(self, *, mtime_us: int | None = None, mode: int | None = None) -> Entry:
        """Put the content in place."""
        self._expect_open()
        try:
            return self._commit(bytes(self._content), mtime_us, mode)
        finally:
            self.abort()

    def abort(self) -> None:
        """Discard the draft."""
        self._ended = True
        self._content.clear()

    def _grow(self, size: int) -> None:
        if size > len(self._content):
            self._check_size(size)
            self._content.extend(bytes(size - len(self._content)))

    def _expect_open(self) -> None:
        if self._ended:
            raise ValueError("this draft has ended")
