"""Files are read as they were when they were opened, or refused."""

from __future__ import annotations

import os
import time
from typing import Callable, Iterator
from unittest import mock

from zope.interface.verify import verifyObject

from homeftp.config import SLICE
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Changed, FiletypeNotAllowed, NotFound, WrongKind
from homeftp.hashing.filehash import is_settled
from homeftp.interfaces import IOpenFile
from homeftp.model import Entry
from homeftp.store.local.read import BATCH, LocalFile
from tests.support.coarsedisks import CoarseDisk
from tests.support.descriptors import count_descriptors
from tests.support.stores import LONG_AGO, StoreCase, put_of, sha
from tests.support.waiting import WITHIN, wait_until

CONTENT = b"0123456789"


class ReadingCase(StoreCase):
    """A store with one old file."""

    def setUp(self) -> None:
        super().setUp()
        self.lay("file.txt", CONTENT)
        self.files = self.store()

    def open(self) -> LocalFile:
        """The file, open; it is closed at the end of the test."""
        file = self.files.open(parse("file.txt"))
        self.addCleanup(file.close)
        return file

    def known(self, name: str = "file.txt") -> str | None:
        """What the hash cache knows about a file in the root."""
        return self.cache.lookup(self.root, {name: os.stat(self.path(name))}).get(name)


class OpenTests(ReadingCase):
    """One open file."""

    def test_interface(self) -> None:
        """It provides its interface."""
        file = self.open()
        verifyObject(IOpenFile, file)
        self.assertEqual((file.entry.size, file.entry.hash, file.content), (10, None, None))

    def test_read(self) -> None:
        """Any part can be read, up to the end that it had when it was opened."""
        file = self.open()
        self.assertEqual((file.read(0, 100), file.read(3, 4)), (CONTENT, b"3456"))
        self.assertEqual((file.read(9, 5), file.read(10, 5), file.read(11, 5)), (b"9", b"", b""))
        with open(self.path("file.txt"), "ab") as more:
            more.write(b"more")
        self.assertEqual(file.read(5, 100), b"56789")

    def test_shorter(self) -> None:
        """A file that got shorter is never padded."""
        file = self.open()
        os.truncate(self.path("file.txt"), 5)
        with self.assertRaises(Changed):
            file.read(0, 10)
        with self.assertRaises(Changed):
            list(file.hash_steps())

    def test_set_back(self) -> None:
        """A file that changes while it is hashed and gets its mtime set back is refused, or hashed correctly."""

        def slices(fd: int, size: int) -> Iterator[str | None]:
            first = os.pread(fd, 5, 0)
            if not edits:
                edits.append(self.path("file.txt"))
                before = os.stat(edits[0])
                with open(edits[0], "r+b") as file:
                    file.write(b"X" * len(CONTENT))
                os.utime(edits[0], ns=(before.st_atime_ns, before.st_mtime_ns))
            yield None
            yield sha(first + os.pread(fd, size - 5, 5))

        edits: list[str] = []
        with mock.patch("homeftp.store.local.read.digest_slices", slices), self.assertRaises(Changed):
            list(self.open().hash_steps())
        self.assertEqual(len(edits), 1)
        self.assertIsNone(self.known())
        self.assertEqual(list(self.open().hash_steps())[-1], sha(b"X" * len(CONTENT)), "the control")

    def test_verify(self) -> None:
        """`verify` gives the entry the hash of what was read, and the hash cache remembers it."""
        self.assertEqual(self.open().close_verified(sha(CONTENT)).hash, sha(CONTENT))
        again = self.open()
        self.assertEqual(again.entry.hash, sha(CONTENT))
        self.assertEqual(again.close_verified(None).hash, sha(CONTENT))

    def test_verify_in_part(self) -> None:
        """A file that was read in part gets no hash, and the hash cache remembers nothing."""
        self.assertIsNone(self.open().close_verified(None).hash)
        self.assertIsNone(self.known())

    def test_changed(self) -> None:
        """A file that changed while it was read is refused, and the hash cache remembers nothing."""
        for change in (b"X", b"longer than before"):
            self.lay("file.txt", CONTENT)
            for digest in (sha(CONTENT), None):
                file = self.open()
                with open(self.path("file.txt"), "r+b") as other:
                    other.write(change)
                with self.assertRaises(Changed):
                    file.close_verified(digest)
                self.assertIsNone(self.known())

    def test_changed_while_hashed(self) -> None:
        """A file that changed while it was hashed is refused."""
        file = self.open()
        digest = file.hash_steps()
        with open(self.path("file.txt"), "r+b") as other:
            other.write(b"X")
        with self.assertRaises(Changed):
            list(digest)
        self.assertIsNone(self.known())

    def test_replaced(self) -> None:
        """A file that is replaced while it is read stays readable, and its hash is not remembered for the new one."""
        file = self.open()
        self.files.write_many([put_of("file.txt", b"something else")])
        self.assertEqual(file.read(0, 100), CONTENT)
        self.assertEqual(file.close_verified(sha(CONTENT)).hash, sha(CONTENT))
        self.assertEqual(self.known(), sha(b"something else"))

    def test_ctime_that_moves(self) -> None:
        """A hash is remembered although the ctime has moved where that tells nothing; not where it tells a change."""
        for system, expected in ((CoarseDisk(), sha(CONTENT)), (None, None)):
            self.files.close()
            self.lay("file.txt", CONTENT, mtime_us=LONG_AGO)
            self.files = self.store(system)
            file = self.open()
            os.chmod(self.path("file.txt"), 0o600)
            os.chmod(self.path("file.txt"), 0o644)
            file.close_verified(sha(CONTENT))
            self.assertEqual(self.known(), expected)

    def test_hash(self) -> None:
        """The hash comes last, and the hash cache remembers it."""
        file = self.open()
        self.assertEqual(list(file.hash_steps()), [sha(CONTENT)])
        self.assertEqual((file.entry.hash, self.known()), (sha(CONTENT), sha(CONTENT)))

    def test_hash_in_slices(self) -> None:
        """A large file is hashed in steps, so that other jobs get their turn."""
        with open(self.path("file.txt"), "wb") as sparse:
            sparse.truncate(2 * SLICE + 1)
        file = self.open()
        digests = file.hash_steps()
        self.assertEqual([next(digests), next(digests)], [None, None])

    def test_young_file(self) -> None:
        """A file that was changed within the last 2 s is hashed every time."""
        with open(self.path("file.txt"), "wb") as young:
            young.write(CONTENT)
        self.assertEqual(self.open().close_verified(sha(CONTENT)).hash, sha(CONTENT))
        self.assertIsNone(self.known())

    def write_now(self, content: bytes) -> str:
        """Write the file so that it was changed at this moment."""
        path = self.lay("file.txt", content)
        os.utime(path)
        return path

    def test_written_just_now(self) -> None:
        """A file of this moment is opened without waiting, is stale, and has no tag until every change would show."""
        with mock.patch("time.sleep", side_effect=AssertionError("a job of the pool must not sleep")):
            self.write_now(CONTENT)
            file = self.open()
            self.assertTrue(file.is_stale())
            self.assertEqual(file.entry.tag, "")
            (small,) = self.files.open_many([parse("file.txt")], 100)
            assert isinstance(small, LocalFile)
            self.assertEqual((small.content, small.is_stale()), (CONTENT, False))
            for seconds in (-60, 60, 0.001):
                os.utime(self.path("file.txt"), (time.time() + seconds,) * 2)
                opened = self.open()
                self.assertEqual(bool(opened.entry.tag), not opened.is_stale())

    def test_settled(self) -> None:
        """Once the clock has ticked, a file that did not change is hashed once, from its beginning, and has a tag."""
        path = self.write_now(b"x" * (2 * SLICE + 1))
        with mock.patch("time.time_ns", return_value=os.stat(path).st_mtime_ns + 1):
            file = self.open()
            steps = file.hash_steps()
            self.assertIsNone(next(steps))
        wait_until(lambda: is_settled(os.stat(path)), within=WITHIN)
        self.assertEqual(len(list(steps)), 3)
        self.assertEqual((file.is_stale(), file.entry.hash), (False, sha(b"x" * (2 * SLICE + 1))))
        self.assertTrue(file.entry.tag)

    def test_changed_within_a_tick(self) -> None:
        """A change that leaves the same times is noticed where a file of this moment is hashed, or read at once."""
        self.change_while(lambda file: list(file.hash_steps()))
        self.change_while(LocalFile.read_all)

    def change_while(self, read: Callable[[LocalFile], object]) -> None:
        """Another program changes a file of this moment after its first bytes were read, and leaves its times."""
        path = self.write_now(CONTENT)
        found = os.stat(path)
        original = os.pread
        reads: list[int] = []

        def pread(fd: int, length: int, offset: int) -> bytes:
            data = original(fd, length, offset)
            reads.append(offset)
            if len(reads) == 1:
                with open(path, "r+b") as other:
                    other.write(b"X")
                os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
            return data

        with mock.patch("time.time_ns", return_value=found.st_mtime_ns + 1):
            file = self.open()
            with mock.patch("os.pread", pread), self.assertRaises(Changed):
                read(file)
        self.assertGreater(len(reads), 1)

    def test_closed(self) -> None:
        """It can be closed at any time and twice; `verify` closes it."""
        before = count_descriptors()
        file = self.open()
        file.close_verified(None)
        file.close()
        self.open().close()
        self.assertEqual(count_descriptors(), before)


class OpenManyTests(ReadingCase):
    """Several files at once."""

    def test_small_and_large(self) -> None:
        """Small files are read, hashed and closed; larger ones are open."""
        self.lay("a/large.txt", b"x" * 101)
        self.lay("a/small.txt", b"y" * 100)
        endpoints = [parse(name) for name in ("file.txt", "a/large.txt", "a/small.txt")]
        before = count_descriptors()
        first, large, small = self.files.open_many(endpoints, 100)
        assert isinstance(first, LocalFile) and isinstance(large, LocalFile) and isinstance(small, LocalFile)
        self.assertEqual(count_descriptors(), before + 1)
        self.assertEqual((first.content, first.entry.hash), (CONTENT, sha(CONTENT)))
        self.assertEqual((small.content, small.entry.hash), (b"y" * 100, sha(b"y" * 100)))
        self.assertEqual((large.content, large.entry.hash, large.read(0, 500)), (None, None, b"x" * 101))
        large.close()
        self.assertEqual(self.known(), sha(CONTENT), "what was hashed is kept")

    def test_read_already(self) -> None:
        """A file that was read already answers everything from memory."""
        (file,) = self.files.open_many([parse("file.txt")], 100)
        assert isinstance(file, LocalFile)
        os.unlink(self.path("file.txt"))
        self.assertEqual((file.read(3, 4), file.read(8, 10), file.read(10, 1)), (b"3456", b"89", b""))
        self.assertEqual(list(file.hash_steps()), [sha(CONTENT)])
        self.assertEqual(file.close_verified(sha(CONTENT)), file.entry)
        file.close()

    def test_known_hash(self) -> None:
        """A known hash is reported even if a failing disk returns other content: the client notices."""
        self.files.open_many([parse("file.txt")], 100)
        found = os.stat(self.path("file.txt"))
        (file,) = self.files.open_many([parse("file.txt")], 100)
        assert isinstance(file, LocalFile)
        self.assertEqual(
            (file.entry.hash, os.stat(self.path("file.txt")).st_ctime_ns), (sha(CONTENT), found.st_ctime_ns)
        )

    def test_separate_refusals(self) -> None:
        """A file that cannot be opened does not affect the others."""
        os.symlink("file.txt", self.path("link"))
        os.mkfifo(self.path("fifo"))
        os.mkdir(self.path("empty"))
        names = ("file.txt", "missing", "missing/x", "file.txt/x", "empty", "link", "fifo", "file.txt")
        kinds = [LocalFile, NotFound, NotFound, NotFound, WrongKind, WrongKind, WrongKind, LocalFile]
        before = count_descriptors()
        results = self.files.open_many([*map(parse, names), ROOT], 100)
        self.assertEqual([type(result) for result in results], [*kinds, WrongKind])
        self.assertEqual(count_descriptors(), before)

    def test_many(self) -> None:
        """A call may have any number of files."""
        names = [f"{number}.txt" for number in range(2 * BATCH + 3)]
        for name in names:
            self.lay(name, name.encode())
        results = self.files.open_many([parse(name) for name in names], 100)
        contents = [result.content for result in results if isinstance(result, LocalFile)]
        self.assertEqual(contents, [name.encode() for name in names])


class StatTests(ReadingCase):
    """`stat`."""

    def test_file(self) -> None:
        """A file's entry has its hash if it is known, without reading the file."""
        mtime_us, mode = LONG_AGO, 0o644
        os.chmod(self.path("file.txt"), 0o644)
        entry = Entry("", "file", 10, mtime_us, mode)
        self.assertEqual(self.files.stat(parse("file.txt")), entry)
        list(self.open().hash_steps())
        found = self.files.stat(parse("file.txt"))
        assert found is not None
        self.assertEqual(found.hash, sha(CONTENT))
        with open(self.path("file.txt"), "ab") as other:
            other.write(b"changed by another")
        changed = self.files.stat(parse("file.txt"))
        assert changed is not None
        self.assertIsNone(changed.hash)

    def test_others(self) -> None:
        """A directory is reported as one, nothing as None, and special files are refused."""
        os.mkdir(self.path("empty"))
        os.mkfifo(self.path("fifo"))
        os.symlink("file.txt", self.path("link"))
        os.symlink("empty", self.path("way"))
        for endpoint in (ROOT, parse("empty")):
            found = self.files.stat(endpoint)
            assert found is not None
            self.assertEqual(found.kind, "directory")
        for name in ("missing", "missing/x", "file.txt/x"):
            self.assertIsNone(self.files.stat(parse(name)))
        for name in ("fifo", "link", "way/x"):
            with self.assertRaises(WrongKind):
                self.files.stat(parse(name))


class FiletypeTests(StoreCase):
    """Allowed file types."""

    def test_reading(self) -> None:
        """A file of another type is refused by every read, whether it exists or not; directories have no type."""
        self.lay("a.exe")
        self.lay("a.txt")
        os.mkdir(self.path("folder.exe"))
        store = self.store(filetypes=(".txt",))
        with self.assertRaises(FiletypeNotAllowed):
            store.stat(parse("a.exe"))
        for name in ("a.exe", "missing.exe"):
            with self.assertRaises(FiletypeNotAllowed):
                store.open(parse(name))
            (result,) = store.open_many([parse(name)], 100)
            self.assertIsInstance(result, FiletypeNotAllowed)
        with self.assertRaises(WrongKind):
            store.open(parse("folder.exe"))
        store.open(parse("a.txt")).close()
        found = store.stat(parse("folder.exe"))
        assert found is not None
