"""A large local file that is hashed and sent piece by piece."""

from __future__ import annotations

import errno
import os
from typing import Callable

from homeftp.client.files.source import HASH_LENGTH, SourceFile
from homeftp.config import STREAM_PIECE
from homeftp.errors import Changed
from homeftp.hashing import filehash
from homeftp.hashing.hashcache import HashCache
from homeftp.model import ResumePoint
from homeftp.wire.messages import HASH_BYTES
from tests.support.folders import QuickCase

CONTENT = os.urandom(STREAM_PIECE + 1000)


class SourceTests(QuickCase):
    """A file of two pieces."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        with open(self.path, "wb") as file:
            file.write(CONTENT)
        os.utime(self.path, (1, 1))

    def open(self, cache: HashCache | None = None) -> SourceFile:
        """The file, opened."""
        source = SourceFile(self.path, cache)
        self.addCleanup(source.close)
        return source

    def read_all(self, source: SourceFile) -> bytes:
        """All that is sent of it."""
        data = b""
        while piece := source.read():
            self.assertLessEqual(len(piece), STREAM_PIECE)
            data += piece
        return data

    def test_hash_length(self) -> None:
        """The hash behind the content is as long as the wire requires."""
        self.assertEqual(HASH_LENGTH, HASH_BYTES)

    def test_read(self) -> None:
        """The content, then its hash, as many bytes as announced; hashed before or meanwhile."""
        for hash_first in (False, True):
            source = self.open()
            if hash_first:
                self.assertEqual(list(source.hash_steps())[-1], filehash.hash_bytes(CONTENT))
            data = self.read_all(source)
            self.assertEqual(data, CONTENT + filehash.hash_bytes(CONTENT).encode())
            self.assertEqual((len(data), source.failure), (source.sent_size, None))
            self.assertEqual(source.hash, filehash.hash_bytes(CONTENT))

    def test_resume(self) -> None:
        """The part that the server has is skipped if the file begins with it; the hash is that of the whole file."""
        for size, arrived, skipped in (
            (1000, CONTENT[:1000], True),
            (1000, CONTENT[1:1001], False),
            (0, b"", False),
            (len(CONTENT) + 1, CONTENT + b"x", False),
        ):
            source = self.open()
            self.assertEqual(list(source.resume_steps(ResumePoint(size, filehash.hash_bytes(arrived))))[-1], skipped)
            self.assertEqual(source.offset, size if skipped else 0)
            data = self.read_all(source)
            self.assertEqual(data, CONTENT[source.offset :] + filehash.hash_bytes(CONTENT).encode())

    def test_changed(self) -> None:
        """A file that changes while it is read gives the announced number of bytes, and a hash that no content has."""

        def rewrite() -> None:
            with open(self.path, "r+b") as file:
                file.write(b"other")
            os.utime(self.path, (2, 2))

        changes: list[Callable[[], object]] = [lambda: os.truncate(self.path, STREAM_PIECE + 1), rewrite]
        for change in changes:
            self.setUp()
            source = self.open()
            data = source.read()
            change()
            data += self.read_all(source)
            self.assertEqual(len(data), source.sent_size)
            self.assertIsInstance(source.failure, Changed)
            self.assertEqual(data[-HASH_LENGTH:], b"-" * HASH_LENGTH)
            self.assertIsNone(source.hash)

    def test_grown(self) -> None:
        """Of a file that only grows what it held when it was opened is sent, hashed before or meanwhile."""
        for hashed in (False, True):
            self.setUp()
            source = self.open()
            if hashed:
                list(source.hash_steps())
            data = source.read()
            with open(self.path, "ab") as file:
                file.write(b"more")
            data += self.read_all(source)
            self.assertEqual(data, CONTENT + filehash.hash_bytes(CONTENT).encode())
            self.assertEqual((source.failure, source.grown), (None, True))

    def test_grown_and_changed(self) -> None:
        """One that grows and no longer begins with what was read has changed."""
        source = self.open()
        data = source.read()
        with open(self.path, "r+b") as file:
            file.write(b"x" * (len(CONTENT) + 1))
        data += self.read_all(source)
        self.assertEqual(data[-HASH_LENGTH:], b"-" * HASH_LENGTH)
        self.assertIsInstance(source.failure, Changed)

    def test_broken_disk(self) -> None:
        """So does one that cannot be read to its end."""
        source = self.open()
        original = filehash.read_at

        def read_at(fd: int, offset: int, length: int) -> bytes:
            if offset:
                raise OSError(errno.EIO, "Input/output error")
            return original(fd, offset, length)

        self.patch(filehash, "read_at", read_at)
        data = self.read_all(source)
        self.assertEqual(len(data), source.sent_size)
        self.assertIsInstance(source.failure, OSError)
        self.assertEqual(data[-HASH_LENGTH:], b"-" * HASH_LENGTH)

    def test_cache(self) -> None:
        """The hash is cached, whether it was computed before or while the file was read."""
        for compute in (lambda source: list(source.hash_steps()), self.read_all):
            cache = HashCache(self.mktemp())
            self.addCleanup(cache.close)
            compute(self.open(cache))
            self.assertEqual(list(self.open(cache).hash_steps()), [filehash.hash_bytes(CONTENT)])

    def test_close_twice(self) -> None:
        """Closing it twice closes no other file."""
        source = self.open()
        source.close()
        fd = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        source.close()
        self.assertEqual(os.fstat(fd).st_size, len(CONTENT))
