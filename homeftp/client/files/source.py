"""A large local file that is hashed and sent piece by piece. Small files: read.py."""

from __future__ import annotations

import os
import time
from typing import Iterator

from homeftp.client.files.hashes import known_hashes, record_hashes
from homeftp.client.files.model import FileStat
from homeftp.client.files.read import changed_while_read, open_regular
from homeftp.config import MIB, STREAM_PIECE
from homeftp.errors import Changed
from homeftp.hashing import filehash
from homeftp.hashing.hashcache import HashCache
from homeftp.model import ResumePoint

HASH_LENGTH = len(filehash.hash_bytes(b""))
"""Bytes of the hash that follows the content."""

_MOST_READ_AGAIN = 8192 * MIB
"""Bytes of a file that grew while it was sent that are read a second time, at most: the server waits meanwhile, for a
minute."""

_INVALID_HASH = b"-" * HASH_LENGTH
"""Follows content that is not the file's: no content has this hash, so the server stores nothing."""


class SourceFile:
    """A large file, open to be hashed and sent. Methods raise OSError, and `Changed` (44) for a file that changed."""

    def __init__(self, path: str, cache: HashCache | None) -> None:
        self._cache = cache
        self._fd, stat, self._shows_changes = open_regular(path)
        self.file = FileStat("", path, stat)
        self.failure: OSError | Changed | None = None
        """Why the bytes that `read` gave are not the file's content."""
        self.hash: str | None = None
        """The hash of the file, once `hash_steps` or `read` has computed it."""
        self.grown = False
        """The file is longer by now: what is sent is what it held when it was opened."""
        self.offset = 0
        """Where the sent part begins."""
        self._hasher = filehash.Hasher()
        self._started_ns = time.time_ns()
        self._position = 0

    def hash_steps(self) -> Iterator[str | None]:
        """Hash the file in steps: None after each, at last the hash; at once where the cache knows it."""
        self.hash = known_hashes(self._cache, [self.file]).get(self.file.path)
        if self.hash is not None:
            yield self.hash
            return
        for found in filehash.digest_slices(self._fd, self.file.size):
            if found is not None:
                yield from self._confirm(found)
            yield found

    def resume_steps(self, arrived: ResumePoint) -> Iterator[bool | None]:
        """Skip what the server has, if that is the beginning of this file; hashes it in steps.

        Gives None after each step, and at last whether it was skipped.
        """
        hasher = filehash.Hasher()
        if 0 < arrived.size <= self.file.size:
            yield from filehash.hash_slices(hasher, self._fd, 0, arrived.size)
            if hasher.hash() == arrived.hash:
                self.offset = self._position = arrived.size
                self._hasher = hasher
        yield self.offset > 0

    @property
    def sent_size(self) -> int:
        """Bytes that `read` gives in all: the content from `offset` on, and the hash."""
        return self.file.size - self.offset + HASH_LENGTH

    @property
    def left(self) -> int:
        """Bytes of the content that `read` has not given yet."""
        return max(0, self.file.size - self._position)

    def read(self) -> bytes:
        """The next bytes of the content, then its hash, then b"".

        Gives exactly `sent_size` bytes whatever happens to the file: after a
        `failure` zeros replace the content and an invalid hash follows.
        """
        missing = self.file.size - self._position
        if missing > 0:
            data = self._read_content(min(STREAM_PIECE, missing))
        else:
            data = self._trailer() if missing == 0 else b""
        self._position += len(data)
        return data

    def _read_content(self, length: int) -> bytes:
        """The next `length` bytes of the file, padded with zeros."""
        data = b""
        if self.failure is None:
            try:
                data = filehash.read_at(self._fd, self._position, length)
                if len(data) < length:
                    raise changed_while_read()
            except (OSError, Changed) as failure:
                self.failure = failure
        if self.hash is None:
            self._hasher.update(data)
        return data.ljust(length, b"\0")

    def _trailer(self) -> bytes:
        if self.failure is None:
            try:
                if self.hash is None:
                    for _ in self._confirm(self._hasher.hash()):
                        pass
                else:
                    self._check()
            except (OSError, Changed) as failure:
                self.failure = failure
        return _INVALID_HASH if self.failure or self.hash is None else self.hash.encode("ascii")

    def _confirm(self, found: str) -> Iterator[None]:
        """Take and cache `found` as the hash, unless the file changed.

        A file that has only grown, such as a log, is read a second time, in
        steps: what it held when it was opened is a content that it had, if it
        still begins with that.
        """
        if self._shows_changes and filehash.same_content(self.file.stat, os.fstat(self._fd)):
            self.hash = found
            record_hashes(self._cache, [(self.file, found)], self._started_ns)
            return
        if self.file.size > _MOST_READ_AGAIN:
            raise Changed("the file changed while it was read: copy it, and push the copy")
        hasher = filehash.Hasher()
        yield from filehash.hash_slices(hasher, self._fd, 0, self.file.size)
        if hasher.hash() != found:
            raise changed_while_read()
        self.grown = os.fstat(self._fd).st_size > self.file.size
        self.hash = found

    def _check(self) -> None:
        """Check that a file whose hash is known is the same or longer; the server checks the hash of what is sent."""
        after = os.fstat(self._fd)
        self.grown = after.st_size > self.file.size
        if not self.grown and not filehash.same_content(self.file.stat, after):
            raise changed_while_read()

    def close(self) -> None:
        """Close the file. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
