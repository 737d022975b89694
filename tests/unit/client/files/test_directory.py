"""Open folders: both kinds behave alike, and follow no link."""

from __future__ import annotations

import os
from typing import Any

from homeftp.client.files.directory import DescriptorDirectory, PathDirectory, open_top_directory
from homeftp.syscalls import System
from tests.support.downloads import MTIME
from tests.support.folders import QuickCase


class DirectoryTests(QuickCase):
    """A folder held by its descriptor, and one known by its path."""

    def test_same_contract(self) -> None:
        """Both kinds open, list, create, link, move, replace, set metadata and remove alike, and follow no link."""
        for kind in (DescriptorDirectory, PathDirectory):
            path = self.mktemp()
            os.makedirs(f"{path}/real")
            os.symlink("real", f"{path}/link")
            system = System()
            held = DescriptorDirectory(os.open(path, os.O_RDONLY), system)
            top: Any = held if kind is DescriptorDirectory else PathDirectory(path, system)
            self.addCleanup(held.close)
            for name in ("link", "missing"):
                with self.assertRaises(OSError):
                    top.open_directory(name, make=False)
            with self.assertRaises(OSError):
                top.open_directory("link", make=True)
            top.open_directory("made", make=True).close()
            fd = top.create("temporary")
            with self.assertRaises(FileExistsError):
                top.create("temporary")
            os.write(fd, b"one")
            top.set_metadata(fd, "temporary", MTIME, 0o644)
            os.close(fd)
            top.rename_new("temporary", "a")
            os.close(top.create("temporary"))
            with self.assertRaises(FileExistsError):
                top.rename_new("temporary", "a")
            self.assertEqual(top.stat("a").st_size, 3)
            self.assertIsNone(top.stat("missing"))
            self.assertEqual(top.stat("a").st_mtime_ns, MTIME * 1000)
            top.replace("temporary", "a")
            self.assertEqual(top.stat("a").st_size, 0)
            os.close(top.open("a"))
            inner = top.open_directory("made", make=False)
            for give in (top.link_to, top.move_to):
                give("a", inner, "given")
                with self.assertRaises(FileExistsError):
                    give("link", inner, "given")
                self.assertEqual(list(inner.names()), ["given"])
                self.assertEqual("a" in top.names(), give == top.link_to)
                inner.remove("given")
            inner.set_metadata(None, "", MTIME, None)
            inner.sync()
            inner.close()
            self.assertEqual(os.stat(f"{path}/made").st_mtime_ns, MTIME * 1000)
            self.assertEqual(sorted(os.listdir(path)), ["link", "made", "real"])

    def test_no_folder(self) -> None:
        """A path that is not a folder is refused."""
        path = self.mktemp()
        with open(path, "wb"):
            pass
        with self.assertRaises(NotADirectoryError):
            open_top_directory(path, System())
