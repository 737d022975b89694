"""Local files as values."""

from __future__ import annotations

import os

from homeftp.client.files.model import PACKING, FileStat, LocalTree
from homeftp.client.tables.nametable import NameTable
from homeftp.hashing.filehash import signature
from tests.support.folders import QuickCase


class FileStatTests(QuickCase):
    """A file and its stat."""

    def test_file_and_directory(self) -> None:
        """Kind, size and time come from the stat; a FIFO is neither file nor directory."""
        folder = self.mktemp()
        os.makedirs(folder)
        path = os.path.join(folder, "a")
        with open(path, "wb") as file:
            file.write(b"content")
        os.utime(path, ns=(0, 1_234_567_891))
        found = FileStat("a", path, os.stat(path))
        self.assertEqual((found.is_file, found.is_directory, found.size), (True, False, 7))
        self.assertEqual(found.mtime_us, 1_234_567)
        found = FileStat("", folder, os.stat(folder))
        self.assertEqual((found.is_file, found.is_directory), (False, True))
        os.mkfifo(f"{folder}/fifo")
        found = FileStat("fifo", f"{folder}/fifo", os.stat(f"{folder}/fifo"))
        self.assertEqual((found.is_file, found.is_directory), (False, False))


class LocalTreeTests(QuickCase):
    """A tree."""

    def test_mount_points(self) -> None:
        """A folder on another disk than the one around it is one; a link is none, nor what has no known disk."""
        disks = {"": 1, "a": 1, "a/disk": 2, "a/disk/b": 2, "link": 3, "link/c": 3, "unknown": 0, "unknown/d": 4}
        folders = {name: FileStat(name, name, os.stat_result((0, 0, disk, *[0] * 7))) for name, disk in disks.items()}
        self.assertEqual(LocalTree(".", directories=folders, links={"link": "/c"}).mount_points, {"a/disk"})


class PackingTests(QuickCase):
    """Files in a table that packs all its rows."""

    def check(self, names: dict[str, str]) -> None:
        """Each file, whose local name is given, has the same path, kind, size, time, mode and signature as before.

        Their number is a multiple of four: all are packed then.
        """
        folder = self.mktemp()
        files = {}
        for number, (name, local) in enumerate(names.items()):
            path = os.path.join(folder, *local.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as opened:
                opened.write(bytes(number))
            os.chmod(path, 0o600 + number)
            os.utime(path, ns=(1, 10**18 + number))
            files[name] = FileStat(name, path, os.stat(path))
        table = NameTable(PACKING, files, plain=0, together=1)
        for name, file in files.items():
            found = table[name]
            self.assertIsNot(found, file, "it was packed")
            self.assertEqual((found.name, found.path, found.mtime_us), (name, file.path, file.mtime_us))
            self.assertEqual((found.is_file, found.size), (True, file.size))
            self.assertEqual((found.stat.st_mode, found.stat.st_dev), (file.stat.st_mode, file.stat.st_dev))
            self.assertEqual(signature(found.stat), signature(file.stat))

    def test_names(self) -> None:
        """Names that are the same here and on the wire, in several folders."""
        self.check({name: name for name in ("a", "b", "c/a", "c/b", "c/d/a", "c/d/b", "c/d/c", "d")})

    def test_local_names(self) -> None:
        """Names of which a part is spelled otherwise here."""
        self.check({"a": "a", "caf\u00e9": "cafe\u0301", "caf\u00e9/a": "cafe\u0301.d/a", "z": "z"})
