"""Reading and hashing small local files."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.files.model import FileStat
from homeftp.client.files.read import Content, ReadRequest, open_regular, read_many
from homeftp.config import STREAM_PIECE
from homeftp.errors import Changed
from homeftp.hashing import filehash
from homeftp.hashing.hashcache import HashCache

HASH = filehash.hash_bytes(b"content")


class ReadCase(SynchronousTestCase):
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
        fd, stat = open_regular(self.file("a").path)
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
