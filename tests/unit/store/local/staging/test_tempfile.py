"""Temp files: names that no other write can use, and their removal at the start."""

from __future__ import annotations

import errno
import os
import shutil
import time

from homeftp.endpoint import ROOT, parse
from homeftp.errors import BadEndpoint, Internal
from homeftp.model import ABSENT, Entry
from homeftp.store.local.disk.inheritance import Inheritance
from homeftp.store.local.staging.tempfile import TempFiles
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from homeftp.syscalls.disks import Disks
from tests.support import needs
from tests.support.stores import Journaled, Lying, StoreCase, put_of, sha

TOKEN = "0123456789abcdef" * 2


class TempFileTests(StoreCase):
    """Temp files in the metadata directory."""

    def test_names(self) -> None:
        """No endpoint names a temp file or the metadata directory, in any spelling."""
        for name in (
            ".homeftp",
            ".homeftp/incoming/x",
            "a/.HomeFTP",
            f".homeftp-{TOKEN}",
            "a/.HOMEFTP-x",
            ".\uff48omeftp-x",
        ):
            with self.assertRaises(BadEndpoint):
                parse(name)
        self.assertEqual(str(parse(".homeftp2")), ".homeftp2", "the control")

    def test_leftovers(self) -> None:
        """Everything that a crash left is removed at the start; nothing else is touched."""
        os.makedirs(self.path(".homeftp/incoming/planted"))
        self.lay(".homeftp/incoming/orphan", b"half a file")
        self.lay(".homeftp/incoming/\udcff", b"half a file")
        self.lay(".homeftp/kept", b"")
        os.symlink(self.outside, self.path(".homeftp/incoming/link"))
        self.store()
        self.assertEqual(self.left(), ["planted"])
        self.assertEqual(sorted(os.listdir(self.path(".homeftp"))), ["incoming", "kept", "lock", "partial", "versions"])
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])

    def test_never_opened_twice(self) -> None:
        """A name that exists is refused, not reused."""
        root, metadata_dir = self.opened_root()
        temp_files = TempFiles(root, System(), metadata_dir, time.time)
        handle = root.open_directory(ROOT)
        self.addCleanup(os.close, handle.fd)
        temp_file = temp_files.create(TOKEN, handle, ROOT, None)
        self.addCleanup(temp_file.close)
        temp_file.make_name()
        with self.assertRaises(FileExistsError):
            other = temp_files.create(TOKEN, handle, ROOT, None)
            self.addCleanup(other.close)
            other.make_name()

    def test_unnamed(self) -> None:
        """On a disk for that a new file has no name until its own, and a crash before it leaves nothing."""
        listed: list[list[str]] = []
        case = self

        class Looking(Journaled):
            def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
                listed.append(sorted(case.left() + os.listdir(case.path("a"))))
                super().name_new(fd, target, target_dir=target_dir)

        os.mkdir(self.path("a"))
        root, metadata_dir = self.opened_root()
        system = Looking(unnamed=True)
        needs.require("a disk for files without a name", lambda: system.names_later(metadata_dir.incoming))
        metadata_dir.close()
        root.close()
        store = self.store(system)
        listed.clear()
        self.put(store, "a/one", b"new", precondition=ABSENT)
        self.put(store, "a/two", b"new")
        self.put(store, "a/one", b"newer")
        self.assertEqual(listed, [[], ["one"], ["one", "two"]])
        self.assertEqual((self.content("a/one"), self.content("a/two"), self.left()), (b"newer", b"new", []))

    def test_cannot_be_unnamed(self) -> None:
        """Where that is not there, or only looks so, each temp file has a name, and files are stored as well."""

        class Without(Journaled):
            number = 0

            def open_unnamed(self, directory: int, mode: int) -> int:
                if self.number == errno.EOPNOTSUPP:
                    raise OSError(self.number, os.strerror(self.number))
                return super().open_unnamed(directory, mode)

            def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
                raise OSError(errno.ENOENT, "no /proc")

        for Without.number in (errno.EOPNOTSUPP, 0):
            store = self.store(Without(unnamed=True))
            self.put(store, "file", b"new")
            self.put(store, "file", b"newer", precondition=sha(b"new"))
            self.assertEqual((self.content("file"), self.left()), (b"newer", []))
            store.close()
            os.unlink(self.path("file"))

    def test_directory_removed(self) -> None:
        """A directory that is removed while a file for it arrives is no error of the disk: the file is refused."""
        root, metadata_dir = self.opened_root()
        os.mkdir(self.path("a"))
        handle = root.open_directory(parse("a"))
        self.addCleanup(os.close, handle.fd)
        temp_files = TempFiles(root, Journaled(unnamed=True), metadata_dir, time.time)
        os.rmdir(self.path("a"))
        temp_files.create(TOKEN, handle, parse("a"), None).close()
        self.assertEqual(self.left(), [])

    def test_different_names(self) -> None:
        """Each temp file has a name of its own with 128 random bits."""
        store = self.store()
        uploads = [store.upload(put_of("same", b"")[0]) for _ in range(20)]
        names = self.left()
        self.assertEqual(len(set(names)), 20)
        for name in names:
            self.assertRegex(name, r"\A[0-9a-f]{32}\Z")
        for upload in uploads:
            upload.abort()
        self.assertEqual(self.left(), [])


class OtherDiskTests(StoreCase):
    """Another disk that is mounted inside the root: a rename from the metadata directory cannot reach it."""

    def setUp(self) -> None:
        """Make a directory that counts as one on another disk."""
        super().setUp()
        os.makedirs(self.path("disk/a"))

    def other_disk(self) -> LocalStore:
        """A store for which every directory is on another disk."""
        store = self.store()
        store._folder.get().root.device += 1
        return store

    def abandon(self) -> None:
        """Leave a temp file on the other disk, as a crash does."""
        root, metadata_dir = self.opened_root()
        root.device += 1
        handle = root.open_directory(parse("disk/a"))
        TempFiles(root, System(), metadata_dir, time.time).create(TOKEN, handle, parse("disk/a"), None).write(b"half")
        os.close(handle.fd)
        metadata_dir.close()
        root.close()
        self.assertEqual(os.listdir(self.path("disk/a")), [f".homeftp-{TOKEN}"])

    def test_beside(self) -> None:
        """The temp file is created on the target's disk under a reserved name."""
        store = self.other_disk()
        request, content = put_of("disk/a/new/file.txt", b"content" * 500)
        for write in (self.streamed, self.together):
            (result,) = write(store, (request, content))
            self.assertIsInstance(result, Entry)
            self.assertEqual(self.content("disk/a/new/file.txt"), content)
            self.assertEqual((self.left(), os.listdir(self.path("disk/a"))), ([], ["new"]))
            self.assertEqual(os.listdir(self.path("disk/a/new")), ["file.txt"])

    def test_refused(self) -> None:
        """A refused write leaves nothing there either."""
        store = self.other_disk()
        for write in (self.streamed, self.together):
            (result,) = write(store, put_of("disk/a/file.txt", b"content", hash="sha256:" + "0" * 64))
            self.assertIsInstance(result, Exception)
            self.assertEqual((self.left(), os.listdir(self.path("disk/a"))), ([], []))

    def test_unmounted(self) -> None:
        """A temp file on a disk that is not mounted at the next start is removed once it is mounted again."""
        disk = self.path("disk")
        for empty_mount_point in (False, True):
            self.abandon()
            os.rename(disk, self.outside + "/disk")
            if empty_mount_point:
                os.makedirs(self.path("disk/a"))
            self.store().close()
            self.assertEqual(len(self.left()), 1)
            shutil.rmtree(disk, ignore_errors=True)
            os.rename(self.outside + "/disk", disk)
            self.store().close()
            self.assertEqual((os.listdir(self.path("disk/a")), self.left()), ([], []))

    def test_leftovers(self) -> None:
        """A temp file there is removed at the next start; damaged locators do no harm."""
        self.abandon()
        locators = (b"", b"../../outside", b"/etc", b"missing/x", b"\xff", b"disk", b"x" * 70_000)
        for number, locator in enumerate(locators):
            self.lay(f".homeftp/incoming/{number}.elsewhere", locator)
        self.lay("disk/a/kept")
        self.store()
        self.assertEqual((self.left(), os.listdir(self.path("disk/a"))), ([], ["kept"]))
        self.assertEqual(os.listdir(self.outside), ["secret.txt"])


class LyingDiskTests(StoreCase):
    """A disk that claims to have written more than it did."""

    def test_size(self) -> None:
        """A file with fewer bytes than were written is refused; one with all of them is not."""
        for system in (Lying(), System()):
            root, metadata_dir = self.opened_root(system)
            handle = root.open_directory(ROOT)
            request, content = put_of("file", b"content")
            temp_file = TempFiles(root, system, metadata_dir, time.time).create(TOKEN, handle, ROOT, None)
            temp_file.write(content)
            if isinstance(system, Lying):
                with self.assertRaises(Internal):
                    temp_file.set_metadata(request, len(content), Inheritance.of(Disks(System()), handle), None)
            else:
                temp_file.set_metadata(request, len(content), Inheritance.of(Disks(System()), handle), None)
            temp_file.close()
            os.close(handle.fd)
            metadata_dir.close()
            root.close()
