"""Directories are made, and files and directories get another mtime and mode."""

from __future__ import annotations

import errno
import os
import stat
import threading
from typing import Sequence
from unittest import mock

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadRequest, Changed, Internal, NotFound, WrongKind
from homeftp.model import ABSENT, PRESENT, Change, Entry, WriteRequest
from homeftp.syscalls import System
from tests.support.descriptors import count_descriptors
from tests.support.stores import LONG_AGO, Recording, StoreCase, sha


def _refused() -> PermissionError:
    return PermissionError(errno.EPERM, os.strerror(errno.EPERM))


class DirectoryTests(StoreCase):
    """make_directory."""

    def mode(self, name: str) -> int:
        """A path's permission bits, and those besides."""
        return stat.S_IMODE(os.stat(self.path(name)).st_mode)

    def test_made(self) -> None:
        """A directory is made with its parents, mtime and mode, whatever the umask."""
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
        """An existing directory gets the given metadata and keeps the rest, and its content."""
        self.lay("a/file")
        os.chmod(self.path("a"), 0o2711)
        store = self.store()
        store.make_directory(WriteRequest(endpoint=parse("a"), mtime_us=LONG_AGO))
        self.assertEqual((self.mode("a"), os.stat(self.path("a")).st_mtime_ns), (0o2711, LONG_AGO * 1000))
        store.make_directory(WriteRequest(endpoint=parse("a"), mode=0o4700))
        self.assertEqual((self.mode("a"), self.content("a/file")), (0o2700, b"old"))

    def test_root(self) -> None:
        """The root exists, and keeps its time and mode."""
        store = self.store()
        os.chmod(self.root, 0o2711)
        entry = store.make_directory(WriteRequest(endpoint=ROOT, mtime_us=LONG_AGO, mode=0))
        self.assertNotEqual(entry.mtime_us, LONG_AGO)
        self.assertEqual((entry.mode, self.mode("")), (0o711, 0o2711))

    def test_not_allowed(self) -> None:
        """What belongs to another user keeps its metadata; no change is recorded, for a file or for a directory."""
        changes: list[Change] = []
        store = self.store(record_changes=changes.extend)
        self.lay("d/file")
        for path in ("d", "d/file"):
            with mock.patch("os.utime", side_effect=_refused()), mock.patch("os.fchmod", side_effect=_refused()):
                store.set_metadata(parse(path), mtime_us=LONG_AGO + 1, mode=0o700, precondition=None)
        self.assertEqual(changes, [])
        store.set_metadata(parse("d/file"), mtime_us=LONG_AGO + 1, mode=None, precondition=None)
        self.assertEqual([each.what for each in changes], ["metadata"], "the control")

    def test_refused(self) -> None:
        """A file, a link or a FIFO is never replaced by a directory, and preconditions are checked."""
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
        """The directory, its new parents and its metadata are durable before the answer."""
        system = Recording()
        self.store(system).make_directory(WriteRequest(endpoint=parse("a/b")))
        inodes = [os.stat(self.path(name)).st_ino for name in ("a/b", "a", "")]
        self.assertEqual(system.calls, [("fsync_directory", inode) for inode in inodes])

    def test_without_a_journal(self) -> None:
        """Without a journal the server's folders are durable before a directory that exists, as inodes are reused."""
        made = self.path("a")
        existed = []

        class Unordered(Recording):
            def keeps_order(self, fd: int) -> bool:
                return False

            def fsync_directory(self, fd: int) -> None:
                super().fsync_directory(fd)
                existed.append(os.path.isdir(made))

        system = Unordered()
        self.store(system).make_directory(WriteRequest(endpoint=parse("a")))
        inodes = [
            os.stat(self.path(path)).st_ino for path in (".homeftp", ".homeftp/incoming", ".homeftp/partial", "a")
        ]
        self.assertEqual(system.calls[:4], [("fsync_directory", inode) for inode in inodes])
        self.assertEqual(existed[-4:-1], [True, True, True], "what another thread removes until then is included")

    def test_race(self) -> None:
        """Many threads make the same directories at once, and all succeed."""
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


class SetMetadataTests(StoreCase):
    """set_metadata."""

    def setUp(self) -> None:
        """Make a file and a directory."""
        super().setUp()
        self.changes: list[Change] = []
        self.lay("d/file", b"content")
        os.chmod(self.path("d/file"), 0o644)

    def set(self, name: str, mtime_us: int | None, mode: int | None, precondition: str | None = None) -> Entry:
        """Set it in a new store."""
        store = self.store(record_changes=self.changes.extend)
        try:
            return store.set_metadata(parse(name), mtime_us=mtime_us, mode=mode, precondition=precondition)
        finally:
            store.close()

    def test_file(self) -> None:
        """The content stays, no version is made, and what is None keeps its value; the change is recorded."""
        entry = self.set("d/file", None, 0o600)
        self.assertEqual((entry.mtime_us, entry.mode), (LONG_AGO, 0o600))
        entry = self.set("d/file", LONG_AGO + 1, None, sha(b"content"))
        self.assertEqual((entry.mtime_us, entry.mode, entry.size), (LONG_AGO + 1, 0o600, 7))
        self.assertEqual(self.content("d/file"), b"content")
        self.assertEqual(os.listdir(self.path(".homeftp/versions")), [])
        self.assertEqual([(change.what, change.kind) for change in self.changes], [("metadata", "file")] * 2)

    def test_directory(self) -> None:
        """Directories have metadata too."""
        entry = self.set("d", LONG_AGO + 1, 0o750)
        self.assertEqual((entry.kind, entry.mtime_us, entry.mode), ("directory", LONG_AGO + 1, 0o750))

    def test_durable(self) -> None:
        """The file is made durable before the answer."""
        system = Recording()
        self.store(system).set_metadata(parse("d/file"), mtime_us=1, mode=None, precondition=None)
        self.assertEqual(system.calls, [("fsync", os.stat(self.path("d/file")).st_ino)])

    def test_together(self) -> None:
        """Many files are made durable by one syncfs, and recorded together; a directory is by itself."""
        batches: list[Sequence[Change]] = []
        system = Recording()
        names = [f"d/{number}" for number in range(9)]
        for name in names:
            self.lay(name)
        store = self.store(system, record_changes=batches.append)
        requests = [WriteRequest(endpoint=parse(name), mtime_us=1) for name in [*names[:5], "d", *names[5:]]]
        results = store.set_metadata_many(requests)
        self.assertEqual(
            [each.kind for each in results if isinstance(each, Entry)], ["file"] * 5 + ["directory"] + ["file"] * 4
        )
        self.assertEqual([len(each) for each in batches], [5, 1, 4])
        self.assertEqual([call for call, _ in system.calls], ["syncfs", "fsync_directory", "syncfs"])

    def test_not_durable(self) -> None:
        """Files whose metadata may not survive a power cut are refused; their changes are recorded."""

        names = [f"d/{number}" for number in range(5)]
        for name in names:
            self.lay(name)
        system = Recording()
        store = self.store(system, record_changes=self.changes.extend)
        before = count_descriptors()
        with mock.patch.object(system, "syncfs", side_effect=OSError(errno.EIO, os.strerror(errno.EIO))):
            results = store.set_metadata_many([WriteRequest(endpoint=parse(name), mtime_us=1) for name in names])
        self.assertEqual({type(each) for each in results}, {Internal})
        self.assertEqual(len(self.changes), 5)
        self.assertEqual(count_descriptors(), before)

    def test_hash(self) -> None:
        """A content that is changed with its mtime set back is not taken for the old one."""
        self.set("d/file", LONG_AGO, None, sha(b"content"))
        self.lay("d/file", b"CONTENT")
        entry = self.set("d/file", LONG_AGO, None)
        self.assertIn(entry.hash, (None, sha(b"CONTENT")))

    def test_refused(self) -> None:
        """A target that does not exist, has another kind or has changed is refused."""
        os.symlink("file", self.path("d/link"))
        os.mkfifo(self.path("d/fifo"))
        refusals: list[tuple[type[Exception], str, str | None]] = [
            (NotFound, "none", None),
            (NotFound, "none", PRESENT),
            (WrongKind, "d/link", None),
            (WrongKind, "d/fifo", None),
            (WrongKind, "d", sha(b"")),
            (Changed, "d", ABSENT),
            (Changed, "d/file", ABSENT),
            (Changed, "d/file", sha(b"other")),
        ]
        for kind, name, precondition in refusals:
            with self.assertRaises(kind):
                self.set(name, 1, 0o777, precondition)
        with self.assertRaises(BadRequest):
            self.set("d/file", 2**63, None)
        found = os.stat(self.path("d/file"))
        self.assertEqual((found.st_mtime_ns, stat.S_IMODE(found.st_mode)), (LONG_AGO * 1000, 0o644))
        self.assertEqual(self.changes, [])
