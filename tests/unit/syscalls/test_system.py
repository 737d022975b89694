"""System calls: each call, and its portable replacement."""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import sys
import weakref
from typing import Any
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from homeftp.syscalls import System
from tests.support import needs
from tests.support.folders import open_folder
from tests.support.stores import Journaled


class NoCallSystem(System):
    """The kernel has no renameat2 for this file system."""

    def __init__(self) -> None:
        super().__init__()
        self._renameat2 = self._refuse

    def _refuse(self, *arguments: Any) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


class PlainSystem(System):
    """The C library has none of the calls."""

    def __init__(self) -> None:
        super().__init__()
        self._renameat2 = self._syncfs = self._sync_file_range = self._malloc_trim = None


class NoLinkSystem(NoCallSystem):
    """The file system has no hard links either."""

    def link(self, *names: Any, **directories: Any) -> None:
        raise OSError(errno.EPERM, "no hard links here")


class NoBirthSystem(System):
    """The C library does not tell when files were made."""

    def __init__(self) -> None:
        super().__init__()
        self._statx = None


class SyscallCase(SynchronousTestCase):
    """A folder with a file, open."""

    def setUp(self) -> None:
        self.folder, self.fd = open_folder(self)
        self.write("a", b"a")

    def write(self, name: str, content: bytes) -> None:
        """Make a file."""
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(content)

    def read(self, name: str) -> bytes:
        """A file's content."""
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()


class RenameTests(SyscallCase):
    """Renames, with each way that a system may have for them."""

    systems = (System, NoCallSystem, NoLinkSystem, PlainSystem)

    def test_new(self) -> None:
        """A file is renamed to a free name."""
        for kind in self.systems:
            system = kind()
            self.write("from", b"content")
            system.rename_new(b"from", b"to", source_dir=self.fd, target_dir=self.fd)
            self.assertEqual(sorted(os.listdir(self.folder)), ["a", "to"], kind)
            self.assertEqual(self.read("to"), b"content")
            os.unlink(os.path.join(self.folder, "to"))

    def test_not_new(self) -> None:
        """A name that is taken, even by a dangling link, is refused, and nothing changes."""
        os.symlink("nowhere", os.path.join(self.folder, "link"))
        os.mkdir(os.path.join(self.folder, "directory"))
        for kind in self.systems:
            for there in (b"a", b"link", b"directory"):
                self.write("from", b"content")
                with self.assertRaises(FileExistsError):
                    kind().rename_new(b"from", there, source_dir=self.fd, target_dir=self.fd)
                self.assertEqual(self.read("from"), b"content")
                self.assertEqual(self.read("a"), b"a")

    def test_paths(self) -> None:
        """Without directories the names are paths."""
        for kind in self.systems:
            self.write("from", b"content")
            source, target = os.fsencode(f"{self.folder}/from"), os.fsencode(f"{self.folder}/to")
            kind().rename_new(source, target)
            self.assertEqual(self.read("to"), b"content")
            kind().rename(target, os.fsencode(f"{self.folder}/a"))
            self.assertEqual(self.read("a"), b"content")

    def test_other_errors(self) -> None:
        """Other errors are raised unchanged."""
        for kind in self.systems:
            with self.assertRaises(FileNotFoundError):
                kind().rename_new(b"missing", b"to", source_dir=self.fd, target_dir=self.fd)

    def test_replace(self) -> None:
        """A plain rename replaces what is there."""
        self.write("from", b"content")
        System().rename(b"from", b"a", source_dir=self.fd, target_dir=self.fd)
        self.assertEqual(self.read("a"), b"content")


class UnnamedTests(SyscallCase):
    """Files that have no name at first."""

    def setUp(self) -> None:
        super().setUp()
        needs.require("a disk for files without a name", lambda: Journaled(unnamed=True).names_later(self.fd))
        self.file = System().open_unnamed(self.fd, 0o640)

    def test_named(self) -> None:
        """Such a file shows nowhere until it gets its name, and has the mode that was asked for."""
        self.addCleanup(os.close, self.file)
        os.write(self.file, b"content")
        self.assertEqual(os.listdir(self.folder), ["a"])
        System().name_new(self.file, b"new", target_dir=self.fd)
        self.assertEqual((sorted(os.listdir(self.folder)), self.read("new")), (["a", "new"], b"content"))
        found = os.fstat(self.file)
        self.assertEqual((found.st_nlink, found.st_mode & 0o707), (1, 0o600))

    def test_not_new(self) -> None:
        """A name that is taken is refused, and nothing changes."""
        self.addCleanup(os.close, self.file)
        for by_descriptor in (True, False):
            with self.assertRaises(FileExistsError):
                self.system(by_descriptor).name_new(self.file, b"a", target_dir=self.fd)
        self.assertEqual(self.read("a"), b"a")

    def test_without_descriptors(self) -> None:
        """Where the kernel does not name a file by its descriptor it gets its name by its path in /proc."""
        self.addCleanup(os.close, self.file)
        os.write(self.file, b"content")
        self.system(False).name_new(self.file, b"new", target_dir=self.fd)
        self.assertEqual(self.read("new"), b"content")

    def test_missing_directory(self) -> None:
        """A directory that was removed is no reason to name the next file another way."""
        self.addCleanup(os.close, self.file)
        os.mkdir(f"{self.folder}/gone")
        gone = os.open(f"{self.folder}/gone", os.O_RDONLY)
        self.addCleanup(os.close, gone)
        os.rmdir(f"{self.folder}/gone")
        system = System()
        with self.assertRaises(FileNotFoundError):
            system.name_new(self.file, b"new", target_dir=gone)
        self.assertEqual(system.names_by_descriptor, System().names_by_descriptor)

    def system(self, by_descriptor: bool) -> System:
        system = System()
        system.names_by_descriptor = system.names_by_descriptor and by_descriptor
        return system


class Openat2Tests(SyscallCase):
    """Resolving beneath a directory."""

    def setUp(self) -> None:
        super().setUp()
        self.system = System()
        needs.require("openat2(2)", lambda: self.system.has_openat2)

    def refusal(self, path: bytes, **options: bool) -> int | None:
        """The errno for a path; None when it opens."""
        try:
            os.close(self.system.openat2(self.fd, path, os.O_RDONLY, **options))
        except OSError as error:
            return error.errno
        return None

    def test_beneath(self) -> None:
        """A path beneath the directory opens; the kernel refuses any other."""
        os.symlink("a", os.path.join(self.folder, "link"))
        self.assertIsNone(self.refusal(b"a"))
        self.assertEqual(self.refusal(b"missing"), errno.ENOENT)
        self.assertEqual(self.refusal(b"link"), errno.ELOOP)
        self.assertEqual(self.refusal(b"../x"), errno.EXDEV)
        self.assertEqual(self.refusal(b"/etc/passwd"), errno.EXDEV)
        self.assertEqual(self.refusal(b"a/x"), errno.ENOTDIR)

    def test_closed_in_children(self) -> None:
        """Child processes do not inherit what it opens."""
        fd = self.system.openat2(self.fd, b"a", os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assertFalse(os.get_inheritable(fd))

    def test_one_mount(self) -> None:
        """Crossing into another mount is refused where that is asked for."""
        needs.require("/proc", lambda: os.path.ismount("/proc"))
        top = os.open("/", os.O_RDONLY)
        self.addCleanup(os.close, top)
        os.close(self.system.openat2(top, b"proc", os.O_RDONLY))
        with self.assertRaises(OSError) as caught:
            self.system.openat2(top, b"proc", os.O_RDONLY, one_mount=True)
        self.assertEqual(caught.exception.errno, errno.EXDEV)


class CachedTests(SyscallCase):
    """What is in memory is told, and no disk is waited for."""

    def test_path(self) -> None:
        """A path that was just looked up opens; one that never was is not looked for, and is tried once."""
        system = System()
        needs.require("openat2(2)", lambda: system.has_openat2)
        os.stat(os.path.join(self.folder, "a"))
        os.close(system.openat2(self.fd, b"a", os.O_RDONLY, cached=True))
        with self.assertRaises(BlockingIOError):
            system.openat2(self.fd, b"missing", os.O_RDONLY, cached=True)

    def test_content(self) -> None:
        """A content that was just written is read, up to its end; a pipe is not taken for a file in memory."""
        system = System()
        path = os.path.join(self.folder, "content")
        with open(path, "wb") as file:
            file.write(b"content")
        fd = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.assertEqual((system.read_cached(fd, 3), system.read_cached(fd, 100)), (b"con", b"content"))
        for end in os.pipe():
            self.addCleanup(os.close, end)
        with self.assertRaises(OSError):
            system.read_cached(end, 1)


class SyncTests(SyscallCase):
    """Durability: the calls succeed and report errors. tests/system/powercut shows what reaches the disk."""

    def test_files_and_directories(self) -> None:
        """Files and directories can be made durable; a closed one is an error."""
        system = System()
        system.fsync(self.fd)
        system.fsync_directory(self.fd)
        gone = os.dup(self.fd)
        os.close(gone)
        for sync in (system.fsync, system.fsync_directory):
            with self.assertRaises(OSError):
                sync(gone)

    def test_whole(self) -> None:
        """A whole file system is made durable where that is known to work, and only there."""
        system = System()
        if system.syncs_whole(self.fd):
            system.syncfs(self.fd)
            gone = os.dup(self.fd)
            os.close(gone)
            with self.assertRaises(OSError):
                system.syncfs(gone)
        self.assertFalse(PlainSystem().syncs_whole(self.fd))
        if sys.platform == "linux":
            proc = os.open("/proc", os.O_RDONLY)
            self.addCleanup(os.close, proc)
            self.assertFalse(system.syncs_whole(proc))

    def test_writeback(self) -> None:
        """A hint to the disk is only a hint: it never fails."""
        for system in (System(), PlainSystem()):
            system.start_writeback(self.fd, 0, 4096)
            system.start_writeback(-1, 0, 4096)

    def test_awaited_writeback(self) -> None:
        """The end of the writing can be awaited; where the disk, or the descriptor, fails, that is told."""
        system = System()
        with open(self.mktemp(), "wb", buffering=0) as file:
            file.write(bytes(4096))
            system.start_writeback(file.fileno(), 0, 4096)
            system.await_writeback(file.fileno(), 0, 4096)
        if sys.platform == "linux":
            with self.assertRaises(OSError) as caught:
                system.await_writeback(-1, 0, 4096)
            self.assertEqual(caught.exception.errno, errno.EBADF)
        PlainSystem().await_writeback(-1, 0, 4096)


class BirthTests(SyscallCase):
    """When files were made."""

    def test_made(self) -> None:
        """A file was made when it was, whatever its times say, and whatever name it has by now."""
        system = System()
        made_us = system.made_us(self.fd, b"a")
        needs.require("a file system that knows when files were made", lambda: made_us is not None)
        assert made_us is not None
        self.assertLess(abs(system.wall_us() - made_us), 60_000_000)
        os.utime("a", (0, 0), dir_fd=self.fd)
        os.rename("a", "b", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        self.assertEqual(system.made_us(self.fd, b"b"), made_us)

    def test_unknown(self) -> None:
        """Of what is not there, and where the system does not tell, nothing is known; links are not followed."""
        os.symlink("nowhere", os.path.join(self.folder, "link"))
        self.assertIsNone(System().made_us(self.fd, b"none"))
        self.assertIsNone(NoBirthSystem().made_us(self.fd, b"a"))
        self.assertEqual(System().made_us(self.fd, b"link") is None, System().made_us(self.fd, b"a") is None)


class MemoryTests(SynchronousTestCase):
    """Memory that is needed no more."""

    def test_code(self) -> None:
        """Code that has run is given back alone, or with all else that only work needs."""
        with mock.patch("homeftp.syscalls.system.release_code") as release:
            System().release_code()
            System().release_memory()
            self.assertEqual(release.call_count, 1)
            System().rest()
        self.assertEqual(release.call_count, 2)

    def test_released(self) -> None:
        """Python gives up what only refers to itself, also where the C library has nothing to say."""

        class Circle:
            """Refers to itself."""

            def __init__(self) -> None:
                self.itself = self

        gc.freeze()  # what the other tests have loaded takes seconds to look through
        self.addCleanup(gc.unfreeze)
        for system in (System(), PlainSystem()):
            for release in (system.release_memory, system.rest):
                found = weakref.ref(Circle())
                self.assertIsNotNone(found(), "the control")
                release()
                self.assertIsNone(found())
