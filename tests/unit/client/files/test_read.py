"""Reading and hashing small local files."""

from __future__ import annotations

import os
from typing import Callable
from unittest import mock

from homeftp.client.files.model import FileStat
from homeftp.client.files.read import Content, ReadRequest, open_regular, read_many
from homeftp.config import STREAM_PIECE
from homeftp.errors import Changed
from homeftp.hashing import filehash
from homeftp.hashing.hashcache import HashCache
from tests.support.folders import QuickCase

HASH = filehash.hash_bytes(b"content")


class ReadCase(QuickCase):
    """An empty folder."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)

    def file(self, name: str, content: bytes = b"content") -> FileStat:
        """A file that was written long ago."""
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (1, 1))
        return FileStat(name, path, os.stat(path))


class OpenTests(ReadCase):
    """Opening a file that was seen as a regular file."""

    def test_regular(self) -> None:
        """Its descriptor and its stat."""
        fd, stat, shows_changes = open_regular(self.file("a").path)
        self.assertTrue(shows_changes)
        self.addCleanup(os.close, fd)
        self.assertEqual((stat.st_size, os.read(fd, 10)), (7, b"content"))

    def test_other_kinds(self) -> None:
        """A FIFO is refused without waiting for its writer, a link is not followed, a missing file raises OSError."""
        os.mkfifo(f"{self.folder}/fifo")
        with self.assertRaises(Changed):
            open_regular(f"{self.folder}/fifo")
        self.file("a")
        os.symlink("a", f"{self.folder}/link")
        for name in ("link", "missing"):
            with self.assertRaises(OSError):
                open_regular(f"{self.folder}/{name}")


class ReadManyTests(ReadCase):
    """Many files in one job."""

    def test_results(self) -> None:
        """Hash and, where wanted, content of each; a file that cannot be read is an error among the results."""
        a, b, missing = self.file("a"), self.file("b", b""), self.file("missing")
        os.unlink(missing.path)
        first, second, third = read_many(
            [ReadRequest(a, True), ReadRequest(missing, True), ReadRequest(b, False)], None
        )
        assert isinstance(first, Content) and isinstance(third, Content)
        self.assertEqual((first.hash, first.data), (HASH, b"content"))
        self.assertIsInstance(second, FileNotFoundError)
        self.assertEqual((third.hash, third.data), (filehash.hash_bytes(b""), None))

    def test_grown(self) -> None:
        """A file that is large by now is refused."""
        file = self.file("a")
        os.truncate(file.path, STREAM_PIECE + 1)
        (result,) = read_many([ReadRequest(file, True)], None)
        self.assertIsInstance(result, Changed)

    def read_while(self, change: Callable[[str], object], name: str = "a") -> Content | Exception:
        """Read a file that is changed after it was read for the first time."""
        file = self.file(name)
        original = os.read

        def read(fd: int, size: int) -> bytes:
            data = original(fd, size)
            change(file.path)
            return data

        with mock.patch.object(os, "read", read):
            return read_many([ReadRequest(file, True)], None)[0]

    def test_log(self) -> None:
        """Of a file that only grows what it held when reading began is taken; one that changed is refused."""

        def append(path: str) -> None:
            with open(path, "ab") as file:
                file.write(b"more")

        def replace(path: str) -> None:
            with open(path, "r+b") as file:
                file.write(b"longer than it was")

        grown = self.read_while(append)
        assert isinstance(grown, Content)
        self.assertEqual((grown.data, grown.hash, grown.grown), (b"content", HASH, True))
        self.assertEqual(grown.file.size, len(b"content"))
        for change in (replace, lambda path: os.truncate(path, 3)):
            self.assertIsInstance(self.read_while(change, "b"), Changed)

    def test_written_all_the_time(self) -> None:
        """A file whose time is always of this moment is read twice."""
        file = self.file("a")
        self.patch(filehash, "at_rest", mock.Mock(side_effect=Changed("it is being written")))
        (result,) = read_many([ReadRequest(file, True)], None)
        assert isinstance(result, Content)
        self.assertEqual((result.data, result.grown), (b"content", False))

    def test_unsized(self) -> None:
        """A file of the kernel's, whose size says nothing about its content, is refused with what to do."""
        found = FileStat("a", "/proc/self/limits", os.stat("/proc/self/limits"))
        (result,) = read_many([ReadRequest(found, True)], None)
        self.assertIn("cat FILE | homeftp push - NAME:PATH", str(result))

    def test_cached(self) -> None:
        """A cached hash is not computed again; the content is read unless it has the hash `unless_hash`."""
        cache = HashCache(self.mktemp())
        self.addCleanup(cache.close)
        file = self.file("a")
        read_many([ReadRequest(file, False)], cache)
        read = 0
        original = os.read

        def count(fd: int, size: int) -> bytes:
            nonlocal read
            read += 1
            return original(fd, size)

        self.patch(os, "read", count)
        for request, data, reads in (
            (ReadRequest(file, False), None, 0),
            (ReadRequest(file, True, HASH), None, 0),
            (ReadRequest(file, True, filehash.hash_bytes(b"")), b"content", 1),
            (ReadRequest(file, True), b"content", 2),
        ):
            (result,) = read_many([request], cache)
            assert isinstance(result, Content)
            self.assertEqual((result.hash, result.data, read), (HASH, data, reads))
