"""What is shown of a file, and which files."""

from __future__ import annotations

import os

from homeftp.endpoint import parse
from homeftp.errors import WrongKind
from homeftp.model import Entry
from homeftp.store.local.disk.entries import entry_of, kind_of
from homeftp.syscalls import System
from homeftp.syscalls.disks import Disks
from tests.support.folders import QuickCase


class EntryTests(QuickCase):
    """entry_of."""

    def test_file(self) -> None:
        """Name, size, mtime in microseconds, the nine permission bits, and the hash where it is known."""
        path = os.path.abspath(self.mktemp())
        with open(path, "wb") as file:
            file.write(b"12345")
        os.chmod(path, 0o4640)
        os.utime(path, ns=(0, 1_714_560_000_123_456_789))
        mtime_us, mode = 1_714_560_000_123_456, 0o640
        found = os.stat(path)
        self.assertEqual(entry_of(found, Disks(System()), name="a/b"), Entry("a/b", "file", 5, mtime_us, mode))
        self.assertEqual(entry_of(found, Disks(System()), "sha256:x").hash, "sha256:x")

    def test_directory(self) -> None:
        """A directory has no size and no hash, whatever the file system says."""
        path = os.path.abspath(self.mktemp())
        os.mkdir(path, 0o755)
        entry = entry_of(os.stat(path), Disks(System()), "sha256:x")
        self.assertEqual((entry.kind, entry.size, entry.hash), ("directory", 0, None))

    def test_kind(self) -> None:
        """Files and directories have a kind; anything else is refused."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        file, link = os.path.join(folder, "file"), os.path.join(folder, "link")
        with open(file, "wb"):
            pass
        os.symlink(file, link)
        self.assertEqual(kind_of(parse("a"), os.stat(folder)), "directory")
        self.assertEqual(kind_of(parse("a"), os.stat(file)), "file")
        refused = self.assertRaises(WrongKind, kind_of, parse("a"), os.lstat(link))
        self.assertIn("symbolic link", refused.message)
