"""A disk that is full, or almost: mounted for the test."""

from __future__ import annotations

import errno
import os
import subprocess

from homeftp.config import MIB, Retention
from homeftp.endpoint import ROOT, parse
from homeftp.errors import NoSpace
from homeftp.model import WriteRequest
from homeftp.syscalls import System
from tests.support import needs
from tests.support.storecases import SpaceCase, VersionsCase
from tests.support.stores import put_of, sha


class FullDiskTests(SpaceCase):
    """A small disk."""

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
        """A file that does not fit is refused with what is needed and free, and the next one is accepted."""
        self.mounted("size=1m")
        store = self.store()
        self.put(store, "old", b"old")
        before = self.free()
        for put in (self.put, self.stream):
            with self.assertRaisesRegex(NoSpace, r"needs 1\.2 MB, about 1\.0 MB are free"):
                put(store, "old", bytes(1_200_000))
            self.assertLessEqual(before - self.free(), 4096)
            self.assertEqual((self.content("old"), self.left()), (b"old", []))
        self.put(store, "new", bytes(50_000))

    def test_reserve(self) -> None:
        """A hundredth of the disk stays free for the server's own state."""
        self.mounted("size=20m")
        store = self.store()
        for size in (MIB, 4096):
            with self.assertRaises(NoSpace):
                for number in range(10_000):
                    self.put(store, f"{size}/{number}", bytes(size))
        self.assertGreaterEqual(self.free(), 20 * MIB // 100)
        self.assertLess(self.free(), 20 * MIB // 50, "the control: the rest is used")

    def test_two_uploads(self) -> None:
        """Two uploads at once do not both get the space for one."""
        self.mounted("size=10m")
        store = self.store()
        first = store.upload(put_of("a", bytes(6 * MIB))[0])
        first.write(bytes(MIB))
        with self.assertRaises(NoSpace):
            store.upload(put_of("b", bytes(6 * MIB))[0])
        first.write(bytes(5 * MIB))
        first.commit()
        store.upload(put_of("b", bytes(3 * MIB))[0]).abort()

    def test_full_during_write(self) -> None:
        """If the disk is full during a write, old versions are removed and the write is repeated."""

        class Late(System):
            """Accepts half of a write, and then nothing until a file is removed."""

            full = False

            def write(inner, fd: int, data: bytes | memoryview) -> int:
                if not inner.full or self.versions() < 2:
                    return super().write(fd, data)
                if len(data) > 1:
                    return super().write(fd, data[: len(data) // 2])
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

        system = Late()
        store = self.store(system, retention=Retention(protected_seconds=0))
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
        """A disk without free inodes refuses new files, keeps the old ones, and accepts new ones later."""
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


class VersionDiskTests(VersionsCase):
    """Versions on a small disk, and on another disk inside the root."""

    def mounted(self, where: str, *options: str) -> None:
        """A small disk is there."""
        needs.root()
        os.makedirs(where, exist_ok=True)
        subprocess.run([needs.program("mount"), "-t", "tmpfs", "-o", ",".join(options), "tmpfs", where], check=True)
        self.addCleanup(subprocess.run, [needs.program("umount"), "--lazy", where], check=True)

    def test_evicted_for_new_files(self) -> None:
        """On a full disk the oldest versions are removed before a write is refused, no more than needed."""
        self.mounted(self.root, "size=1m")
        store = self.store(retention=Retention(percent=100, protected_seconds=0))
        for number in range(4):
            self.put(store, f"{number}", bytes([65 + number]) * 100_000)
            self.put(store, f"{number}", b"small")
        self.assertEqual(len(self.contents()), 4, "the control: they fit")
        self.stream(store, "large", b"x" * 700_000)
        self.assertEqual([content[:1] for content in self.contents()], [b"C", b"D"])
        with self.assertRaisesRegex(NoSpace, "needs 901.* are free"):
            self.stream(store, "larger", b"x" * 900_000)
        self.assertEqual([content[:1] for content in self.contents()], [b"C", b"D"], "all of them would not be enough")

    def test_evicted_for_inodes(self) -> None:
        """Versions are removed for free inodes too."""
        self.mounted(self.root, "size=1m", "nr_inodes=60")
        store = self.store(retention=Retention(percent=100, protected_seconds=0))
        for number in range(20):
            self.put(store, "file", b"%d" % number)
        for number in range(30):
            self.put(store, f"{number}", b"new")
        self.assertLess(len(self.contents()), 19)

    def test_another_disk(self) -> None:
        """Files on a disk that is mounted inside the root have their versions there, and the next start knows it."""
        self.mounted(self.path("disk"), "size=1m")
        store = self.store()
        for name in ("disk/a/file.txt", "here.txt"):
            for content in (b"one", b"two", b"three"):
                self.put(store, name, content)
        self.assertEqual(self.contents(), [b"one", b"two"], "those of the other one")
        self.assertEqual(len(list(os.scandir(self.path("disk/.homeftp/versions")))), 1)
        self.assertEqual(sorted({v.name for v in self.versions(store)}), ["disk/a/file.txt", "here.txt"])
        self.assertEqual([v.name for v in self.versions(store, "disk")], ["a/file.txt"] * 2)
        store.restore(parse("disk/a/file.txt"), None, None)
        self.assertEqual(self.content("disk/a/file.txt"), b"two")
        store.close()
        store = self.store(retention=Retention(seconds=1e-6))
        for _ in range(2):
            store.maintain()
        self.assertEqual(self.versions(store), [])
        listed = [entry.name for page in store.list(ROOT, True) for entry in page.entries]
        self.assertEqual(listed, ["disk", "disk/a", "disk/a/file.txt", "here.txt"])

    def test_not_mounted(self) -> None:
        """A disk that is no longer mounted has no versions, and prevents nothing."""
        where = self.path("disk")
        self.mounted(where, "size=1m")
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "disk/file.txt", content)
        subprocess.run([needs.program("umount"), "--lazy", where], check=True)
        subprocess.run([needs.program("mount"), "-t", "tmpfs", "tmpfs", where], check=True)
        self.assertEqual(self.versions(store), [])
        store.maintain()
        for content in (b"three", b"four"):
            self.put(store, "disk/file.txt", content)
        self.assertEqual([v.name for v in self.versions(store, "disk/file.txt")], [""])
