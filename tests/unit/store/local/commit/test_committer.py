"""A write that is reported as done is durable, whatever the disk does."""

from __future__ import annotations

import errno
import os
import random
import stat
from typing import Callable, Iterable, Sequence
from unittest import mock

from msgspec import structs

from homeftp.endpoint import parse
from homeftp.errors import Internal
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.support import needs
from tests.support.outsidereplacement import OTHER, OWN, OutsideReplacement
from tests.support.stores import LONG_AGO, Failing, Journaled, Lying, Recording, StoreCase, put_of, sha

Putting = Callable[..., "list[Entry | Exception]"]

_SEEDS = range(2000 if needs.LONG else 60)
"""Of random uploads. A store that leaves a sync out is caught by the first one."""


class NoFileSync(Recording):
    """Wrong: content is not made durable before it gets its name."""

    def fsync(self, fd: int) -> None:
        """Do nothing."""

    def syncfs(self, fd: int) -> None:
        """Do nothing for files."""
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            super().syncfs(fd)


class NoDirectorySync(Recording):
    """Wrong: names are not made durable."""

    def fsync_directory(self, fd: int) -> None:
        """Do nothing."""

    def syncfs(self, fd: int) -> None:
        """Do nothing for directories."""
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            super().syncfs(fd)


class OrderTests(StoreCase):
    """C7: fsync of the file < rename < fsync of the directory and of each new parent < the answer."""

    def faults(self, system: Recording, answered: list[str]) -> list[str]:
        """What is out of order in the recorded calls."""
        found = []
        for name in answered:
            path = self.path(name)
            inode, parent = os.stat(path).st_ino, os.stat(os.path.dirname(path)).st_ino
            calls = system.calls
            renamed = calls.index(("rename", (inode, parent)))
            since = calls[system.written[inode] : renamed]
            if ("fsync", inode) not in since and ("syncfs", None) not in since:
                found.append(f"{name}: renamed before it was durable")
            if ("fsync_directory", parent) not in calls[renamed:] and ("syncfs", None) not in calls[renamed:]:
                found.append(f"{name}: answered before its name was durable")
            above = os.path.dirname(os.path.dirname(path))
            while len(above) >= len(self.root):
                if ("fsync_directory", os.stat(above).st_ino) not in calls and ("syncfs", None) not in calls:
                    found.append(f"{name}: a new directory in {above} was not made durable")
                above = os.path.dirname(above)
        return found

    def run_all(self, seeds: Iterable[int], putting: Putting, kind: type[Recording] = Recording) -> list[str]:
        """Write random files for each seed, and return what was out of order."""
        system = kind()
        store = self.store(system)
        found = [fault for seed in seeds for fault in self.run_one(seed, putting, store, system)]
        store.close()
        return found

    def run_one(self, seed: int, putting: Putting, store: LocalStore, system: Recording) -> list[str]:
        """The same for one seed, whose files have a folder of their own."""
        chance = random.Random(seed)
        system.calls.clear()
        system.written.clear()
        puts = []
        for number in range(chance.randrange(1, 10)):
            folders = [f"d{seed}", *(f"{chance.randrange(3)}" for _ in range(chance.randrange(3)))]
            condition = chance.choice([None, ABSENT])
            puts.append(put_of("/".join([*folders, f"f{number}"]), chance.randbytes(50), precondition=condition))
        for result in putting(store, *puts):
            if isinstance(result, Exception):
                raise result
        return self.faults(system, [str(put.endpoint) for put, _ in puts])

    def test_together(self) -> None:
        """Nothing in a batch is reported as done before it is durable."""
        self.assertEqual(self.run_all(_SEEDS, self.together), [])

    def test_streamed(self) -> None:
        """The same holds for uploads."""
        self.assertEqual(self.run_all(_SEEDS, self.streamed), [])

    def test_control(self) -> None:
        """A variant that leaves one of the syncs out is caught."""
        for kind in (NoFileSync, NoDirectorySync):
            self.assertTrue(self.run_all([1], self.together, kind), kind)
            self.assertTrue(self.run_all([2], self.streamed, kind), kind)


class FailureTests(StoreCase):
    """C3: whichever call fails, no answer claims success."""

    def each_point(self, putting: Putting, *puts: tuple[WriteRequest, bytes], unnamed: bool = False) -> list[str]:
        """Let each call fail in turn; the names of those that did."""
        failed: list[str] = []
        while True:
            self.lay("old.txt", b"old")
            system = Failing(len(failed) + 1, unnamed=unnamed)
            store = self.store(system)
            results = putting(store, *puts)
            if not system.failed:
                self.assertTrue(all(isinstance(result, Entry) for result in results))
                return failed
            failed.append(system.failed)
            self.assertTrue(any(isinstance(result, Exception) for result in results), failed)
            self.check(failed, puts, results)
            self.assertEqual([], self.left(), failed)
            again = putting(store, *((structs.replace(put, precondition=None), content) for put, content in puts))
            self.assertTrue(all(isinstance(result, Entry) for result in again), (failed, again))
            store.close()
            for put, _ in puts:
                os.unlink(self.path(str(put.endpoint)))
            for folder in ("new/er", "new"):
                if os.path.isdir(self.path(folder)):
                    os.rmdir(self.path(folder))

    def check(
        self, failed: list[str], puts: Sequence[tuple[WriteRequest, bytes]], results: list[Entry | Exception]
    ) -> None:
        """After success the new content exists; otherwise the old one does, unless only its durability is in doubt."""
        for (put, content), result in zip(puts, results, strict=True):
            name = str(put.endpoint)
            content_now = self.content(name) if os.path.exists(self.path(name)) else None
            if isinstance(result, Entry):
                self.assertEqual((content_now, result.hash), (content, sha(content)), failed)
                continue
            self.assertIsInstance(result, Internal)
            if "in doubt" in str(result):
                self.assertEqual(content_now, content, failed)
            else:
                self.assertEqual(content_now, b"old" if name == "old.txt" else None, failed)
                if failed[-1] == "fsync_directory":
                    self.assertFalse(os.path.exists(self.path("new")), "a directory that may not last")

    def test_one(self) -> None:
        """One small file over an old one: write, fsync, rename, fsync of the directory."""
        found = self.each_point(self.together, put_of("old.txt", b"new"))
        self.assertEqual(found, ["write", "fsync", "link", "fsync_directory", "rename", "fsync_directory"])

    def test_streamed(self) -> None:
        """An upload into a new directory: the directory and its parents are durable before the rename."""
        found = self.each_point(self.streamed, put_of("new/er/file.txt", b"n" * 1500, precondition=ABSENT))
        self.assertEqual(
            found,
            ["write", "write", "fsync", *["fsync_directory"] * 3, "rename", "fsync_directory"],
        )

    def test_together(self) -> None:
        """Many files: one sync for all; if it fails, all are refused."""
        puts = [put_of("old.txt", b"new"), *(put_of(f"f{number}", b"f", precondition=ABSENT) for number in range(4))]
        found = self.each_point(self.together, *puts)
        kept = ["link", "fsync_directory"]
        self.assertEqual(found, ["write"] * 5 + ["syncfs"] + kept + ["rename"] * 5 + ["fsync_directory"])

    def test_unnamed(self) -> None:
        """Where new content has no name, a new file gets its only one at the end, and another first one in staging."""
        needs.require("a disk for files without a name", lambda: names_later(self.root))
        puts = [put_of("old.txt", b"new"), *(put_of(f"f{number}", b"f", precondition=ABSENT) for number in range(4))]
        found = self.each_point(self.together, *puts, unnamed=True)
        kept = ["link", "fsync_directory"]
        named = ["name_new", "rename", *["name_new"] * 4]
        self.assertEqual(found, ["write"] * 5 + ["syncfs"] + kept + named + ["fsync_directory"])

    def test_in_doubt(self) -> None:
        """After a rename that may not be durable the answer says so."""
        self.lay("old.txt")
        system = Failing(7)
        (result,) = self.together(self.store(system), put_of("old.txt", b"new"))
        self.assertEqual(system.failed, "fsync_directory")
        self.assertIsInstance(result, Internal)
        self.assertIn("in doubt", str(result))
        assert isinstance(result, Internal)
        self.assertIsInstance(result.__cause__, OSError)

    def test_no_second_fsync(self) -> None:
        """A failed fsync is not repeated: the second one would succeed on lost data."""

        class Counting(Failing):
            """Counts what is synced."""

            synced = 0

            def fsync(self, fd: int) -> None:
                """Count."""
                self.synced += 1
                super().fsync(fd)

        for putting in (self.together, self.streamed):
            system = Counting(2)
            store = self.store(system)
            (result,) = putting(store, put_of("old.txt", b"new"))
            self.assertIsInstance(result, Internal)
            self.assertEqual((system.failed, system.synced), ("fsync", 1))
            store.close()


def names_later(folder: str) -> bool:
    """Whether the file system of a folder has files without a name."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        return Journaled(unnamed=True).names_later(fd)
    finally:
        os.close(fd)


class ShortWriteTests(StoreCase):
    """A disk that accepts a few bytes at a time."""

    def test_all_is_written(self) -> None:
        """The rest of a short write is written."""

        class Short(System):
            """Accepts seven bytes at most."""

            def write(self, fd: int, data: bytes | memoryview) -> int:
                """Accept some."""
                return super().write(fd, data[:7])

        content = bytes(range(256)) * 10
        for putting in (self.together, self.streamed):
            store = self.store(Short())
            (result,) = putting(store, put_of("file", content))
            assert isinstance(result, Entry)
            self.assertEqual(self.content("file"), content)
            store.close()

    def test_nothing_is_written(self) -> None:
        """A disk that accepts nothing does not block a thread forever."""

        class Stuck(System):
            """Accepts nothing."""

            def write(self, fd: int, data: bytes | memoryview) -> int:
                """Accept nothing."""
                return 0

        (result,) = self.together(self.store(Stuck()), put_of("file", b"content"))
        self.assertIsInstance(result, Internal)
        self.assertEqual((self.left(), os.listdir(self.root)), ([], [".homeftp"]))


class LyingDiskTests(StoreCase):
    """C5: a disk that claims to have written what it did not."""

    def test_never_answered(self) -> None:
        """If the disk has fewer bytes than were written, the write is refused and the old content stays."""
        for putting in (self.together, self.streamed):
            self.lay("old.txt", b"old")
            store = self.store(Lying())
            (result,) = putting(store, put_of("old.txt", b"n" * 2500))
            self.assertIsInstance(result, Internal)
            self.assertEqual((self.content("old.txt"), self.left()), (b"old", []))
            store.close()


class OutsideChangeTests(StoreCase):
    """Another program replaces the file right after the rename: the answer is about the file that was written."""

    def setUp(self) -> None:
        super().setUp()
        self.system = OutsideReplacement()
        self.served = self.store(system=self.system)

    def check(self, answer: object) -> None:
        """Check the answer, and what the store reports about the other program's file."""
        self.assertIsInstance(answer, Entry)
        assert isinstance(answer, Entry)
        self.assertEqual((answer.hash, answer.size), (sha(OWN), len(OWN)))
        self.assertEqual(answer.mtime_us, LONG_AGO + 1)
        self.assertGreater(self.system.times, 0, "the control: another program replaced it")
        self.assertEqual(self.content("file"), OTHER)
        there = self.served.stat(parse("file"))
        assert there is not None
        self.assertIn(there.hash, (None, sha(OTHER)))

    def request(self, name: str) -> tuple[WriteRequest, bytes]:
        """A write request."""
        return put_of(name, OWN, mtime_us=LONG_AGO + 1)

    def test_upload(self) -> None:
        """A large file."""
        upload = self.served.upload(self.request("file")[0])
        upload.write(OWN)
        self.system.armed = True
        self.check(upload.commit())

    def test_write_many(self) -> None:
        """Small files."""
        self.system.armed = True
        self.check(self.served.write_many([self.request("file")])[0])


class LostDescriptorTests(StoreCase):
    """A driver, such as that of NTFS, finds what is open by its old name, and so not after a move."""

    def move(self, store: LocalStore, then: Callable[[], object]) -> Entry:
        """Move "old" to "new", and do something as soon as the old name has gone and the driver finds nothing by it."""
        moved, found = os.stat(self.path("old")), os.fstat

        def fstat(fd: int) -> os.stat_result:
            stat = found(fd)
            if os.path.samestat(stat, moved) and not os.path.exists(self.path("old")):
                then()
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            return stat

        with mock.patch.object(os, "fstat", fstat):
            return store.move(parse("old"), parse("new"), None, None)

    def test_moved(self) -> None:
        """The file is found by its new name."""
        self.lay("old", b"content")
        lost: list[bytes] = []
        entry = self.move(self.store(), lambda: lost.append(self.content("new")))
        self.assertEqual((entry.size, lost), (7, [b"content"]), "with the control: the driver lost it")

    def test_replaced(self) -> None:
        """A file that another program has put there meanwhile is not taken for it: the move is in doubt."""
        store = self.store()
        for then in (
            lambda: os.replace(self.lay("other", b"others"), self.path("new")),
            lambda: os.unlink(self.path("new")),
        ):
            self.lay("old", b"content")
            self.assertIn("in doubt", str(self.assertRaises(Internal, self.move, store, then)))
