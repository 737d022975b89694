"""Helpers for names and modes."""

from __future__ import annotations

import os
import stat

from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import BadEndpoint
from homeftp.store.local.disk.handles import raw, raw_path, set_metadata, set_mode
from homeftp.syscalls import System
from homeftp.syscalls.disks import Disks
from tests.support.folders import QuickCase


class RawTests(SynchronousTestCase):
    """Names and paths for system calls."""

    def test_paths(self) -> None:
        """Names become a path of as many names."""
        self.assertEqual(raw("ä"), "ä".encode())
        for names, path in (((), b""), (("a",), b"a"), (("a", "...", "b c"), b"a/.../b c")):
            self.assertEqual(raw_path(names), path)

    def test_more_than_names(self) -> None:
        """A name that would lead elsewhere is refused, at every place in a path."""
        for bad in ("", ".", "..", "/", "a/b", "../x", "a\0", "\ud800"):
            self.assertRaises(BadEndpoint, raw, bad)
            for names in ((bad, "a"), ("a", bad), ("a", bad, "b")):
                self.assertRaises(BadEndpoint, raw_path, names)


class ModeTests(QuickCase):
    """Permission bits."""

    def test_only_nine_bits(self) -> None:
        """No set-user-ID bit can be set; existing special bits of a folder stay."""
        path = os.path.abspath(self.mktemp())
        os.mkdir(path)
        fd = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        set_mode(Disks(System()), fd, 0o7750)
        self.assertEqual(stat.S_IMODE(os.fstat(fd).st_mode), 0o750)
        os.chmod(path, 0o2755)
        set_mode(Disks(System()), fd, 0o700)
        self.assertEqual(stat.S_IMODE(os.fstat(fd).st_mode), 0o2700)

    def test_set(self) -> None:
        """Mode and time are set, and it is told whether that changed any; what is None stays."""
        path = os.path.abspath(self.mktemp())
        os.mkdir(path, 0o755)
        fd = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        disks, before = Disks(System()), os.fstat(fd)
        self.assertFalse(set_metadata(disks, fd, None, None))
        self.assertEqual(os.fstat(fd).st_mtime_ns, before.st_mtime_ns)
        self.assertEqual([set_metadata(disks, fd, 1_500_000_000_000_000, 0o700) for _ in range(2)], [True, False])
        found = os.fstat(fd)
        self.assertEqual((found.st_mtime_ns, stat.S_IMODE(found.st_mode)), (1_500_000_000_000_000_000, 0o700))
