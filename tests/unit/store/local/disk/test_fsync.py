"""Fsync: few files one by one, many at once, and never a second attempt."""

from __future__ import annotations

import errno
import os

from homeftp.endpoint import ROOT
from homeftp.store.local.disk.fsync import FEW, Fsync
from homeftp.store.local.disk.handles import DirHandle
from tests.support.stores import Failing, Recording, StoreCase


class FsyncTests(StoreCase):
    """Files and directories of one root."""

    def setUp(self) -> None:
        """Open the root, and some files in it."""
        super().setUp()
        self.handle = DirHandle(os.open(self.root, os.O_RDONLY), same_mount=True)
        self.fds = [os.open(self.lay(f"f{number}"), os.O_RDONLY) for number in range(FEW + 1)]
        for fd in (self.handle.fd, *self.fds):
            self.addCleanup(os.close, fd)

    def calls(self, count: int, *, whole: bool, same_mount: bool = True) -> list[str]:
        """The calls for so many files."""
        system = Recording()
        system.opened = True
        handle = DirHandle(self.handle.fd, same_mount)
        self.assertEqual(Fsync(system, whole).files([(fd, handle) for fd in self.fds[:count]]), [None] * count)
        return [name for name, _ in system.calls]

    def test_few(self) -> None:
        """Few files get an fsync each, so that other programs' data is not written too."""
        self.assertEqual(self.calls(FEW, whole=True), ["fsync"] * FEW)

    def test_many(self) -> None:
        """Many files get one syncfs for all."""
        self.assertEqual(self.calls(FEW + 1, whole=True), ["syncfs"])

    def test_unreliable_syncfs(self) -> None:
        """Without a reliable syncfs, and on another disk, each file gets its fsync."""
        self.assertEqual(self.calls(FEW + 1, whole=False), ["fsync"] * (FEW + 1))
        self.assertEqual(self.calls(FEW + 1, whole=True, same_mount=False), ["fsync"] * (FEW + 1))

    def test_failures(self) -> None:
        """A failed fsync concerns its file only, a failed syncfs all of them; neither is repeated."""
        for count, expected in ((FEW, [False, True, False]), (FEW + 1, [True] * (FEW + 1))):
            system = Failing(2 if count == FEW else 1)
            system.opened = True
            results = Fsync(system, True).files([(fd, self.handle) for fd in self.fds[:count]])
            self.assertEqual([result is not None for result in results], expected)
            self.assertEqual({result.errno for result in results if result is not None}, {errno.EIO})

    def test_existing_file(self) -> None:
        """A file that another program wrote is made durable by its name, and its failure is raised."""
        root, _ = self.opened_root()
        handle = root.open_directory(ROOT)
        self.addCleanup(os.close, handle.fd)
        system = Recording()
        system.opened = True
        Fsync(system, True).existing_file(handle.fd, b"f0", handle)
        self.assertEqual(system.calls, [("fsync", os.stat(self.path("f0")).st_ino)])
        failing = Failing(1)
        failing.opened = True
        with self.assertRaises(OSError):
            Fsync(failing, True).existing_file(handle.fd, b"f0", handle)
