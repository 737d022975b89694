"""Directories are made, and files and directories get another mtime and mode."""

from __future__ import annotations

import os
import stat
import threading

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest, Changed, WrongKind
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.syscalls import System
from tests.support.stores import LONG_AGO, Recording, StoreCase, sha


class DirectoryTests(StoreCase):
    """make_directory."""

    def mode(self, name: str) -> int:
        """A path's permission bits, and those besides."""
        return stat.S_IMODE(os.stat(self.path(name)).st_mode)

    def test_made(self) -> None:
        """A directory is made with its parents, its mtime and its mode, whatever the umask."""
        store = self.store()
        before = os.umask(0o077)
        try:
            entry = store.make_directory(WriteRequest(endpoint=parse("a/b/c"), mtime_us=LONG_AGO, mode=0o750))
        finally:
            os.umask(before)
        self.assertEqual(entry, Entry("", "directory", 0, LONG_AGO, 0o750))
        self.assertEqual((self.mode("a"), self.mode("a/b"), self.mode("a/b/c")), (0o755, 0o755, 0o750))
        self.assertEqual(store.stat(parse("a/b/c")), entry)

    def test_is_there(self) -> None:
        """One that is there gets the metadata that is given and keeps the rest, and what it holds."""
        self.lay("a/file")
        os.chmod(self.path("a"), 0o2711)
        store = self.store()
        store.make_directory(WriteRequest(endpoint=parse("a"), mtime_us=LONG_AGO))
        self.assertEqual((self.mode("a"), os.stat(self.path("a")).st_mtime_ns), (0o2711, LONG_AGO * 1000))
        store.make_directory(WriteRequest(endpoint=parse("a"), mode=0o4700))
        self.assertEqual((self.mode("a"), self.content("a/file")), (0o2700, b"old"))

    def test_root(self) -> None:
        """The root is a directory like others."""
        entry = self.store().make_directory(WriteRequest(endpoint=ROOT, mtime_us=LONG_AGO))
        self.assertEqual(entry.mtime_us, LONG_AGO)

    def test_refused(self) -> None:
        """A file, a link or a FIFO is never replaced by a directory, and conditions are kept."""
        self.lay("file")
        os.mkdir(self.path("directory"))
        os.symlink(self.outside, self.path("link"))
        os.mkfifo(self.path("fifo"))
        store = self.store()
        for name in ("file", "file/below", "link", "link/below", "fifo"):
            with self.assertRaises(WrongKind):
                store.make_directory(WriteRequest(endpoint=parse(name), mode=0o777))
        with self.assertRaises(Changed):
            store.make_directory(WriteRequest(endpoint=parse("directory"), precondition=ABSENT))
        with self.assertRaises(WrongKind):
            store.make_directory(WriteRequest(endpoint=parse("directory"), precondition=sha(b"")))
        with self.assertRaises(BadRequest):
            store.make_directory(WriteRequest(endpoint=parse("directory"), mtime_us=2**63))
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])

    def test_durable(self) -> None:
        """The directory, the parent of each that was made, and its metadata are on the disk before the answer."""
        system = Recording()
        self.store(system).make_directory(WriteRequest(endpoint=parse("a/b")))
        inodes = [os.stat(self.path(name)).st_ino for name in ("a/b", "a", "", "a/b")]
        self.assertEqual(system.calls, [("fsync_directory", inode) for inode in inodes])

    def test_without_a_journal(self) -> None:
        """First of all what was removed from our own folders is: a new directory may have its place on the disk."""

        class Unordered(Recording):
            def keeps_order(self, fd: int) -> bool:
                return False

        system = Unordered()
        self.store(system).make_directory(WriteRequest(endpoint=parse("a")))
        inodes = [os.stat(self.path(f".homeftp/{name}")).st_ino for name in ("incoming", "partial")]
        self.assertEqual(system.calls[:2], [("fsync_directory", inode) for inode in inodes])

    def test_race(self) -> None:
        """Many make the same directories at once, and all succeed."""
        store = self.store(System())
        results: list[Entry] = []

        def work() -> None:
            results.append(store.make_directory(WriteRequest(endpoint=parse("a/b/c/d"))))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), 8)
