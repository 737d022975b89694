"""What a folder keeps of files that are replaced or deleted in it."""

from __future__ import annotations

import errno
import os

from homeftp.client.files.directory import DescriptorDirectory, Directory
from homeftp.client.files.folders import MOST_OPEN, OpenFolders
from homeftp.client.files.model import FileStat
from homeftp.client.files.tempfile import TargetFile
from homeftp.client.files.write import DownloadTarget, SmallDownload
from homeftp.client.sync.local.versions import VERSIONS, LocalVersions, prune_versions
from homeftp.config import DAY
from homeftp.errors import Changed
from homeftp.hashing.filehash import hash_bytes
from homeftp.syscalls import System
from tests.support.folders import QuickCase


class LocalVersionsTests(QuickCase):
    """A folder with one file, deep in it."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.name = "/".join([*("d" for _ in range(MOST_OPEN + 2)), "x"])
        self.local = os.path.join(self.path, *self.name.split("/"))
        os.makedirs(os.path.dirname(self.local))
        self.write(b"then")
        self.versions = LocalVersions(1_780_000_000)
        self.kept = os.path.join(self.path, *self.versions.folder.split("/"), *self.name.split("/"))

    def write(self, content: bytes) -> None:
        with open(self.local, "wb") as file:
            file.write(content)

    def read(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()

    def stat(self) -> FileStat:
        return FileStat(self.name, self.local, os.stat(self.local))

    def remove(self, file: FileStat) -> Exception | None:
        with OpenFolders(self.path, System(), {}) as folders:
            return self.versions.remove(folders, file)

    def test_removed(self) -> None:
        """A file that is deleted is kept under its name, in a folder that has the time of the run."""
        self.assertIsNone(self.remove(self.stat()))
        self.assertEqual(self.versions.folder, f"{VERSIONS}/2026-05-28T202640.000000Z")
        self.assertEqual(self.read(self.kept), b"then")
        self.assertFalse(os.path.exists(self.local))

    def test_same_second(self) -> None:
        """Of two runs in one second one keeps a file, and the other a file in a folder of that name."""
        path = os.path.join(self.path, "name")
        for started, local in ((1_780_000_000.25, path), (1_780_000_000.5, os.path.join(path, "x"))):
            os.makedirs(os.path.dirname(local), exist_ok=True)
            with open(local, "wb"):
                pass
            self.versions = LocalVersions(started)
            name = os.path.relpath(local, self.path)
            self.assertIsNone(self.remove(FileStat(name, local, os.stat(local))))

    def test_removed_twice(self) -> None:
        """Two files of one name are both kept."""
        self.remove(self.stat())
        self.write(b"again")
        self.remove(self.stat())
        self.assertEqual([self.read(self.kept), self.read(f"{self.kept}~2")], [b"then", b"again"])

    def test_changed(self) -> None:
        """A file that has changed since its stat stays. The control is the first test."""
        found = self.stat()
        self.write(b"newer")
        self.assertIsInstance(self.remove(found), Changed)
        self.assertEqual(self.read(self.local), b"newer")
        self.assertFalse(os.path.exists(self.kept))

    def test_missing(self) -> None:
        """A file whose folder is gone is no longer there."""
        found = self.stat()
        os.rename(f"{self.path}/d", f"{self.path}/e")
        self.assertIsInstance(self.remove(found), OSError)

    def test_replaced(self) -> None:
        """A download keeps the file that it replaces; one that replaces nothing keeps nothing."""
        target = DownloadTarget(self.path, System(), before_replace=self.versions.keep)
        new = SmallDownload(TargetFile("new", None, None, None), b"1", hash_bytes(b"1"))
        old = SmallDownload(TargetFile(self.name, None, None, self.stat().stat), b"now", hash_bytes(b"now"))
        target.write_many([new, old])
        self.assertEqual((self.read(self.local), self.read(self.kept)), (b"now", b"then"))
        self.assertFalse(os.path.exists(os.path.join(self.path, *self.versions.folder.split("/"), "new")))

    def test_not_kept(self) -> None:
        """A file that cannot be kept is not replaced."""
        os.makedirs(os.path.join(self.path, os.path.dirname(VERSIONS)))
        with open(os.path.join(self.path, *VERSIONS.split("/")), "w", encoding="utf-8"):
            pass
        target = DownloadTarget(self.path, System(), before_replace=self.versions.keep)
        download = SmallDownload(TargetFile(self.name, None, None, self.stat().stat), b"now", hash_bytes(b"now"))
        (result,) = target.write_many([download])
        self.assertIsInstance(result, OSError)
        self.assertEqual(self.read(self.local), b"then")
        self.assertEqual(os.listdir(os.path.dirname(self.local)), ["x"])

    def test_nowhere(self) -> None:
        """Where the folder of the versions is no folder the file stays, and the error says what is wrong."""
        os.makedirs(os.path.join(self.path, ".homeftp"))
        with open(os.path.join(self.path, VERSIONS), "w"):
            pass
        error = self.remove(self.stat())
        assert isinstance(error, NotADirectoryError)
        self.assertEqual(
            error.strerror, "its content here cannot be kept as a version in .homeftp/versions: Not a directory"
        )
        self.assertEqual(self.read(self.local), b"then")

    def test_no_links(self) -> None:
        """Where the disk has no hard links the file is copied, with its time and mode."""
        os.utime(self.local, ns=(5_000_000_000, 5_000_000_000))
        os.chmod(self.local, 0o640)

        class NoLinks(DescriptorDirectory):
            """A folder on such a disk."""

            def link_to(self, name: str, folder: Directory, new: str) -> None:
                raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        class Folders(OpenFolders):
            """The folders there."""

            def open(self, name: str, *, make: bool = True) -> Directory:
                folder = super().open(name, make=make)
                if isinstance(folder, DescriptorDirectory):
                    folder.__class__ = NoLinks
                return folder

        with Folders(self.path, System(), {}) as folders:
            self.assertIsNone(self.versions.remove(folders, self.stat()))
        found = os.stat(self.kept)
        self.assertEqual((self.read(self.kept), found.st_mtime, found.st_mode & 0o777), (b"then", 5, 0o640))
        self.assertFalse(os.path.exists(self.local))

    def test_pruned(self) -> None:
        """Versions of old runs are removed; younger ones, and what is none, stay."""
        self.remove(self.stat())
        os.mkdir(os.path.join(self.path, *VERSIONS.split("/"), "2020 is no run"))
        os.mkdir(os.path.join(self.path, *VERSIONS.split("/"), "2026-04-28T202640Z"))  # by an earlier version
        prune_versions(self.path, now=1_780_000_000 + 30 * DAY, seconds=30 * DAY)
        self.assertTrue(os.path.exists(self.kept))
        prune_versions(self.path, now=1_780_000_001 + 30 * DAY, seconds=30 * DAY)
        self.assertEqual(os.listdir(os.path.join(self.path, *VERSIONS.split("/"))), ["2020 is no run"])
        prune_versions(self.mktemp())
