"""Room: quotas to the block, promises to several at once, and disks that are full."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable
from unittest import mock
from unittest.mock import patch

from homeftp.config import KIB, MIB, Retention
from homeftp.endpoint import parse
from homeftp.errors import Busy, NoSpace
from homeftp.model import WriteRequest
from homeftp.store.local.disk.errnos import catch
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.support import needs
from tests.support.stores import StoreCase, put_of, sha


class SpaceCase(StoreCase):
    """A share that has not much room."""

    def used(self) -> int:
        """What all files in the root take up, in whole blocks; one with two names once."""
        block = os.statvfs(self.root).f_frsize
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in names:
                stat = os.lstat(os.path.join(folder, name))
                if not name.endswith(".note") and name != "lock":
                    found[stat.st_ino] = -(-stat.st_size // block) * block
        return sum(found.values())

    def counted(self, quota: int, **settings: Any) -> LocalStore:
        """A share with a quota, once it knows what it holds."""
        store = self.store(quota=quota, **settings)
        store.maintain()
        return store


class QuotaTests(SpaceCase):
    """--quota."""

    def test_exact(self) -> None:
        """What fits to the last block is taken, one byte more is refused, small or large, and says what is free."""
        block = os.statvfs(self.root).f_frsize
        quota = 100 * block
        for put in (self.put, self.stream):
            store = self.counted(quota)
            number = 0
            while quota - self.used() > 3 * block:
                put(store, f"{number}", b"x" * (number % 3 * block + 1))
                number += 1
            left = quota - self.used()
            self.assertGreater(left, 0)
            with self.assertRaisesRegex(NoSpace, r"quota of .* has no room for last: it needs .* are free"):
                put(store, "last", bytes(left + 1))
            self.assertEqual(self.left(), [])
            put(store, "last", bytes(left))
            self.assertEqual(self.used(), quota)
            with self.assertRaises(NoSpace):
                put(store, "more", b"x")
            put(store, "empty", b"")
            store.close()
            for name in os.listdir(self.root):
                if name != ".homeftp":
                    os.unlink(self.path(name))

    def test_after_a_start(self) -> None:
        """What is there already counts, whoever put it there, in folders too; what was removed by hand no more."""
        self.lay("a/b/theirs", bytes(50_000))
        store = self.counted(100_000)
        self.put(store, "ours", bytes(30_000))
        with self.assertRaises(NoSpace):
            self.put(store, "more", bytes(30_000))
        os.unlink(self.path("a/b/theirs"))
        with mock.patch("time.monotonic", return_value=time.monotonic() + 100):
            self.put(store, "more", bytes(30_000))

    def test_versions_go_first(self) -> None:
        """Versions count, and the oldest go before a PUSH is refused; all of them for nothing do not."""
        store = self.counted(10 * 4096)
        for number in range(4):
            self.put(store, f"{number}", b"old" * 1000)
            self.put(store, f"{number}", b"new" * 1000)
        self.assertEqual(self.used(), 8 * 4096)
        with self.assertRaises(NoSpace):
            self.put(store, "large", bytes(7 * 4096))
        self.assertEqual(self.used(), 8 * 4096)
        self.put(store, "large", bytes(4 * 4096))
        self.assertEqual(self.used(), 10 * 4096)
        self.assertEqual(len(list(store.versions(parse("0")))), 0)
        self.assertEqual(len(list(store.versions(parse("3")))), 1)

    def test_no_versions(self) -> None:
        """What is replaced and not kept makes room."""
        store = self.counted(3 * 4096, retention=Retention(seconds=0))
        for _ in range(10):
            self.put(store, "a", bytes(4096))
            self.put(store, "b", bytes(4096))

    def test_restored(self) -> None:
        """Putting a version back takes no room."""
        store = self.counted(2 * 4096)
        self.put(store, "a", b"one")
        self.put(store, "a", b"two")
        for _ in range(10):
            store.restore(parse("a"), None, None)
        self.assertEqual(store._writable.usage.left(), 0)

    def test_given_back(self) -> None:
        """What is refused, broken off, cut off and completed leaves no trace in the sum."""
        store = self.counted(64 * MIB)
        left = store._writable.usage.left
        assert left is not None
        before = left()
        for content_hash in (sha(b"wrong"), sha(bytes(2 * MIB))):
            upload = store.upload(put_of("a", bytes(2 * MIB), hash=content_hash)[0])
            upload.write(bytes(MIB + 5))
            upload.suspend()
            self.assertEqual(left(), (before or 0) - MIB - 4096)
            again = store.upload(put_of("a", bytes(2 * MIB), hash=content_hash, offset=MIB)[0])
            self.assertEqual(left(), (before or 0) - 2 * MIB)
            list(again.verify_resumed())
            again.write(bytes(MIB))
            try:
                again.commit()
            except Exception:  # noqa: BLE001 (the wrong hash)
                self.assertEqual(left(), before)
        self.assertEqual(left(), (before or 0) - 2 * MIB)
        with self.assertRaises(Exception):  # noqa: B017
            self.put(store, "b", b"x", hash=sha(b"wrong"))
        self.assertEqual(left(), (before or 0) - 2 * MIB)

    def test_not_counted_yet(self) -> None:
        """Until it is known what there is, nothing is taken that might be too much."""
        store = self.store(quota=MIB)
        with self.assertRaisesRegex(Busy, "still counting"):
            self.put(store, "a", b"x")
        store.maintain()
        self.put(store, "a", b"x")

    def test_side_by_side(self) -> None:
        """Room that is promised to one is not given to another."""
        store = self.counted(10 * MIB)
        first = store.upload(put_of("a", bytes(6 * MIB))[0])
        with self.assertRaises(NoSpace):
            store.upload(put_of("b", bytes(6 * MIB))[0])
        first.abort()
        store.upload(put_of("b", bytes(6 * MIB))[0]).abort()

    def test_many_at_once(self) -> None:
        """However many put and remove at once, and make it count anew, there is never more than the quota."""
        quota = MIB
        store = self.counted(quota)
        refused = 0

        def put(number: int) -> bool:
            return isinstance(store.write_many([put_of(f"{number}", bytes([number]) * 100 * KIB)])[0], NoSpace)

        with ThreadPoolExecutor(8) as pool:
            for _ in range(15):
                refused += sum(pool.map(put, range(16)))
                self.assertLessEqual(self.used(), quota)
                list(pool.map(lambda number: catch(list, store.remove(parse(f"{number}"), None, False)), range(16)))
        self.assertGreater(refused, 15, "the control: there was not room for all")

    def test_other_names(self) -> None:
        """A file that has another name takes up as much as before when one of them goes."""
        store = self.counted(8 * 4096, retention=Retention(seconds=0))
        self.put(store, "a", bytes(5 * 4096))
        os.link(self.path("a"), self.path("b"))
        self.put(store, "a", b"small")
        with self.assertRaises(NoSpace):
            self.put(store, "c", bytes(3 * 4096))
        self.put(store, "c", bytes(2 * 4096))
        self.assertEqual(self.used(), 8 * 4096)


class CountTests(SpaceCase):
    """What happens while it is counted: it may count too much, and never too little."""

    def counting(self, meanwhile: Callable[[QuotaUsage], object]) -> int:
        """What is left of 100 blocks, where something happens at the end of a count that has found 10."""
        root = SafeRoot(self.root, System())
        self.addCleanup(root.close)
        self.usage = usage = QuotaUsage(root, 100 * 4096)

        def count(counter: QuotaUsage) -> int:
            meanwhile(counter)
            return 10 * 4096

        with patch.object(QuotaUsage, "_count", count):
            usage.count()
        return (usage.left() or 0) // 4096

    def test_removed(self) -> None:
        """What was removed before it was counted is not taken away again; what is removed later is."""
        usage = QuotaUsage(SafeRoot(self.root, System()), 100 * 4096)
        before = usage.mark()
        usage.count()
        left = usage.left()
        usage.removed(4096, before)
        self.assertEqual(usage.left(), left)
        usage.moved(4096, before)
        self.assertEqual(usage.left(), (left or 0) - 4096)
        usage.removed(4096, usage.mark())
        usage.moved(4096, usage.mark())
        self.assertEqual(usage.left(), left, "the control")

    def test_removed_meanwhile(self) -> None:
        """The same of what is removed while it is counted, and told of later."""
        marks: list[int] = []
        self.assertEqual(self.counting(lambda usage: marks.append(usage.mark())), 90)
        (mark,) = marks
        before = self.usage.left()
        self.usage.removed(4096, mark)
        self.assertEqual(self.usage.left(), before)
        self.usage.moved(4096, mark)
        self.assertEqual(self.usage.left(), (before or 0) - 4096)

    def test_moved(self) -> None:
        """What has another place by the end may have been seen at neither."""
        self.assertEqual(self.counting(lambda usage: usage.moved(3 * 4096, usage.mark())), 87)
        self.assertEqual(self.counting(lambda usage: usage.add(used=3 * 4096)), 87)
        self.assertEqual(self.counting(lambda _: None), 90, "the control")

    def test_directory_moved(self) -> None:
        """Where a whole directory was moved it is counted again."""
        times = []

        def once(usage: QuotaUsage) -> None:
            times.append(1)
            if len(times) < 3:
                usage.moved(None, usage.mark())

        self.assertEqual((self.counting(once), len(times)), (90, 3))


class DiskTests(SpaceCase):
    """Disks of our own."""

    def mounted(self, *options: str) -> None:
        """The root is a small disk."""
        needs.root()
        mount = [needs.program("mount"), "-t", "tmpfs", "-o", ",".join(options), "tmpfs", self.root]
        subprocess.run(mount, check=True)
        self.addCleanup(subprocess.run, [needs.program("umount"), "--lazy", self.root], check=True)

    def free(self) -> int:
        """Bytes that are free."""
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize

    def test_full(self) -> None:
        """What does not fit is refused, saying what is needed and free; all is given back, and the next is taken."""
        self.mounted("size=1m")
        store = self.store()
        self.put(store, "old", b"old")
        before = self.free()
        for put in (self.put, self.stream):
            with self.assertRaisesRegex(NoSpace, r"needs 1\.2 MB, 1\.0 MB are free"):
                put(store, "old", bytes(1_200_000))
            self.assertLessEqual(before - self.free(), 4096)
            self.assertEqual((self.content("old"), self.left()), (b"old", []))
        self.put(store, "new", bytes(50_000))

    def test_reserve(self) -> None:
        """A hundredth of the disk stays free: what lets people in and out has to be written down somewhere."""
        self.mounted("size=20m")
        store = self.store()
        for size in (MIB, 4096):
            with self.assertRaises(NoSpace):
                for number in range(10_000):
                    self.put(store, f"{size}/{number}", bytes(size))
        self.assertGreaterEqual(self.free(), 20 * MIB // 100)
        self.assertLess(self.free(), 20 * MIB // 50, "the control: the rest is used")

    def test_promised(self) -> None:
        """Two large files at once do not both get the room that is there for one."""
        self.mounted("size=10m")
        store = self.store()
        first = store.upload(put_of("a", bytes(6 * MIB))[0])
        first.write(bytes(MIB))
        with self.assertRaises(NoSpace):
            store.upload(put_of("b", bytes(6 * MIB))[0])
        first.write(bytes(5 * MIB))
        first.commit()
        store.upload(put_of("b", bytes(3 * MIB))[0]).abort()

    def test_says_so_late(self) -> None:
        """A disk that finds out while it writes that it is full: what is old goes, and the write is done once more."""

        class Late(System):
            """Takes half of a write, and then nothing, until something has been removed."""

            full = False

            def write(inner, fd: int, data: bytes | memoryview) -> int:
                if not inner.full or self.versions() < 2:
                    return super().write(fd, data)
                if len(data) > 1:
                    return super().write(fd, data[: len(data) // 2])
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

        system = Late()
        store = self.store(system)
        for put in (self.put, self.stream):
            while self.versions() < 2:
                self.put(store, "old", b"another")
            system.full = True
            put(store, f"new{put.__name__}", b"content" * 300, hash=sha(b"content" * 300))
            self.assertEqual((self.content(f"new{put.__name__}"), self.versions()), (b"content" * 300, 1))
            system.full = False

    def versions(self) -> int:
        """How many there are on the disk."""
        return sum(len(names) for _, _, names in os.walk(self.path(".homeftp/versions")))

    def test_names(self) -> None:
        """A disk that can hold no more files says so, holds what it held, and takes the next when there is room."""
        self.mounted("size=10m", "nr_inodes=30")
        store = self.store()
        number = 0
        with self.assertRaisesRegex(NoSpace, "the number of files"):
            while True:
                self.put(store, f"{number}", b"x")
                number += 1
        with self.assertRaises(NoSpace):
            store.make_directory(WriteRequest(endpoint=parse("folder")))
        self.assertEqual(self.left(), [])
        for each in range(5):
            os.unlink(self.path(f"{each}"))
        self.put(store, "more", b"x")
