"""A download under a temporary name."""

from __future__ import annotations

import errno
import os
from typing import Any

from homeftp.client.errors import Corrupted
from homeftp.client.files.folders import OpenFolders
from homeftp.client.files.names import is_partial_name
from homeftp.client.files.tempfile import DownloadTempFile, TargetFile, UnnamedDownload
from homeftp.errors import Changed
from homeftp.hashing import filehash
from tests.support.downloads import MTIME, FailingSystem, require_unnamed_files
from tests.support.folders import QuickCase
from tests.support.transfers import stamp, tree

KEY = "0123456789abcdef" * 2
HASH = filehash.hash_bytes(b"content")


class TempFileTests(QuickCase):
    """A file `x/a` in an empty folder."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        self.system = FailingSystem()
        self.folders = OpenFolders(self.path, self.system, {})
        self.addCleanup(self.folders.close)

    def open(self, key: str | None = None, **fields: Any) -> DownloadTempFile:
        """A new temporary file."""
        target = TargetFile("x/a", **{"mtime_us": MTIME, "mode": 0o640, "replaces": None, **fields})
        return DownloadTempFile(self.folders, target, key)

    def complete(self, temp: DownloadTempFile, *, sync: bool = True) -> DownloadTempFile:
        """Write its content, and verify it."""
        temp.write(b"con")
        temp.write(b"tent")
        temp.complete(HASH, sync=sync)
        return temp

    def existing(self, content: bytes) -> os.stat_result:
        """A file of the target's name."""
        with open(f"{self.path}/x/a", "wb") as file:
            file.write(content)
        return os.lstat(f"{self.path}/x/a")

    def test_committed(self) -> None:
        """It appears at the target with content, time and mode, after an fsync; until then it has a hidden name."""
        temp = self.complete(self.open())
        (name,) = os.listdir(f"{self.path}/x")
        self.assertTrue(is_partial_name(name))
        stat = temp.commit()
        self.assertEqual(tree(self.path), {"x/a": b"content"})
        self.assertEqual(stamp(f"{self.path}/x/a"), (MTIME, 0o640))
        self.assertEqual(stat.st_ino, os.stat(f"{self.path}/x/a").st_ino)
        self.assertEqual(self.system.calls, ["write", "write", "fsync", "rename"])

    def test_no_sync(self) -> None:
        """Without `sync` the caller makes it durable."""
        self.complete(self.open(), sync=False)
        self.assertNotIn("fsync", self.system.calls)

    def test_corrupted(self) -> None:
        """Content without the hash leaves nothing."""
        temp = self.open()
        temp.write(b"other")
        with self.assertRaises(Corrupted):
            temp.complete(HASH, sync=True)
        self.assertEqual(tree(self.path), {})

    def test_replaces_what_was_compared(self) -> None:
        """The compared file is replaced; a file that changed, appeared or vanished since is an error, unless forced."""
        temp = self.complete(self.open())
        compared = self.existing(b"old")
        with self.assertRaisesRegex(Changed, "made a local file"):
            temp.commit()
        self.complete(self.open(replaces=compared)).commit()
        self.assertEqual(tree(self.path), {"x/a": b"content"})
        self.existing(b"changed")
        temp = self.complete(self.open(replaces=compared))
        with self.assertRaisesRegex(Changed, "changed since"):
            temp.commit()
        os.unlink(f"{self.path}/x/a")
        temp = self.complete(self.open(replaces=compared))
        with self.assertRaisesRegex(Changed, "changed since"):
            temp.commit()
        self.assertEqual(tree(self.path), {})
        self.existing(b"newer")
        self.complete(self.open(force=True)).commit()
        self.assertEqual(tree(self.path), {"x/a": b"content"})

    def test_already_there(self) -> None:
        """The same content, put there meanwhile, is what was wanted; not another one, nor what is no file."""
        temp = self.complete(self.open())
        compared = self.existing(b"old")
        found = self.existing(b"content")
        self.assertEqual(filehash.signature(temp.commit()), filehash.signature(found))
        self.assertEqual(self.complete(self.open(replaces=compared)).commit().st_ino, found.st_ino)
        self.assertEqual(tree(self.path), {"x/a": b"content"})
        temps = [self.complete(self.open(replaces=replaced)) for replaced in (None, compared)]
        os.unlink(f"{self.path}/x/a")
        with open(f"{self.path}/elsewhere", "wb") as file:
            file.write(b"content")
        os.symlink("../elsewhere", f"{self.path}/x/a")
        for temp in temps:
            self.assertRaises(Changed, temp.commit)
        self.assertEqual(os.listdir(f"{self.path}/x"), ["a"])

    def test_named_elsewhere(self) -> None:
        """A file that the system does not name by its descriptor is written once more, under a temporary name."""
        require_unnamed_files()

        class Refusing(FailingSystem):
            def name_new(self, fd: int, target: bytes, *, target_dir: int) -> None:
                raise OSError(errno.ENOENT, "no /proc")

        system = Refusing(unnamed=True)
        folders = OpenFolders(self.path, system, {})
        self.addCleanup(folders.close)
        target = TargetFile("x/a", MTIME, 0o640, None)
        temp = UnnamedDownload(folders, target, b"content", HASH, sync=False)
        self.assertEqual(os.listdir(f"{self.path}/x"), [])
        temp.commit()
        self.assertEqual((tree(self.path), stamp(f"{self.path}/x/a")), ({"x/a": b"content"}, (MTIME, 0o640)))
        self.assertEqual(system.calls, ["write", "write", "fsync", "rename"])

    def test_unnamed_corrupted(self) -> None:
        """Content without the hash is not written."""
        with self.assertRaises(Corrupted):
            UnnamedDownload(self.folders, TargetFile("x/a", MTIME, 0o640, None), b"other", HASH, sync=True)
        self.assertEqual(self.system.calls, [])

    def test_suspended(self) -> None:
        """A suspended file is resumed by its key, verified first; an aborted one leaves nothing."""
        temp = self.open(KEY)
        temp.write(b"con")
        temp.suspend()
        resumed = self.open(KEY)
        self.assertEqual(resumed.size, 3)
        list(resumed.verify_resumed())
        self.assertEqual(resumed.hash, filehash.hash_bytes(b"con"))
        resumed.write(b"tent")
        self.assertEqual(resumed.hash, HASH)
        resumed.abort()
        resumed.abort()
        self.assertEqual(tree(self.path), {})
