"""Renaming in a local folder."""

from __future__ import annotations

import os

from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.model import FileStat
from homeftp.client.sync.local.rename import rename_local
from homeftp.errors import Changed
from homeftp.syscalls import System
from tests.support.folders import QuickCase


class RenameTests(QuickCase):
    """A folder with a file in a folder."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        os.makedirs(f"{self.path}/d")
        with open(f"{self.path}/d/x", "wb") as file:
            file.write(b"x")

    def found(self, name: str) -> FileStat:
        return FileStat(name, f"{self.path}/{name}", os.stat(f"{self.path}/{name}"))

    def rename(self, *renames: tuple[FileStat, str], local_names: dict[str, str] | None = None) -> list[object]:
        with OpenFolders(self.path, System(), local_names or {}) as folders:
            return [rename_local(folders, found, new) for found, new in renames]

    def test_renamed(self) -> None:
        """A file goes into a folder that is made for it, and a folder goes with what it holds."""
        self.assertEqual(self.rename((self.found("d/x"), "e/f/y"), (self.found("d"), "g")), [None, None])
        self.assertTrue(os.path.isfile(f"{self.path}/e/f/y"))
        self.assertEqual(sorted(os.listdir(self.path)), ["e", "g"])

    def test_one_after_the_other(self) -> None:
        """A file in a folder that was renamed just now is found under its new name, also after another has the old."""
        file = self.found("d/x")
        os.mkdir(f"{self.path}/other")
        renames = [(self.found("d"), "g"), (self.found("other"), "d"), (file._replace(name="g/x"), "g/y")]
        self.assertEqual(self.rename(*renames), [None, None, None])
        self.assertEqual((os.listdir(f"{self.path}/g"), os.listdir(f"{self.path}/d")), (["y"], []))

    def test_spelling(self) -> None:
        """Names are spelled as they are locally."""
        self.assertEqual(self.rename((self.found("d/x"), "d/y"), local_names={"d/y": "Y:"}), [None])
        self.assertEqual(os.listdir(f"{self.path}/d"), ["Y:"])

    def test_refused(self) -> None:
        """What has changed since, or would replace something, stays; so does a folder that is a file now."""
        folder = self.found("d")
        os.link(f"{self.path}/d/x", f"{self.path}/d/X")
        file = self.found("d/x")
        for taken in self.rename((file, "d"), (file, "d/X")):
            self.assertIsInstance(taken, Changed)
        self.assertEqual(sorted(os.listdir(f"{self.path}/d")), ["X", "x"])
        os.unlink(f"{self.path}/d/X")
        file = self.found("d/x")
        with open(f"{self.path}/d/x", "ab") as more:
            more.write(b"!")
        (changed,) = self.rename((file, "d/y"))
        self.assertIsInstance(changed, Changed)
        os.rename(f"{self.path}/d/x", f"{self.path}/x")
        os.rmdir(f"{self.path}/d")
        os.rename(f"{self.path}/x", f"{self.path}/d")
        (other,) = self.rename((folder, "e"))
        self.assertIsInstance(other, Changed)
        self.assertEqual(os.listdir(self.path), ["d"])
