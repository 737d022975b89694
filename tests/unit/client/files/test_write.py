"""Files that are written to a local folder: whole or not at all, and nowhere else."""

from __future__ import annotations

import os
import resource

from homeftp.client.files.write import DownloadTarget, LocalMetadata
from homeftp.errors import (
    Changed,
    ContentMismatch,
)
from homeftp.hashing import filehash
from homeftp.hashing.hashcache import HashCache
from homeftp.syscalls import System
from tests.support.downloads import MTIME, DownloadCase, FailingSystem, require_unnamed_files
from tests.support.transfers import stamp, tree


class SmallTests(DownloadCase):
    """Small files, many at once."""

    def test_new(self) -> None:
        """New files appear with content, time and mode, in folders made for them."""
        results = self.folder.write_many([self.small("a"), self.small("x/y/b", b"")])
        self.assertTrue(all(isinstance(result, os.stat_result) for result in results))
        self.assertEqual(tree(self.path), {"a": b"content", "x/y/b": b""})
        self.assertEqual(stamp(f"{self.path}/a"), (MTIME, 0o640))

    def test_replaced(self) -> None:
        """The compared file is replaced."""
        found = self.make_file("a")
        self.folder.write_many([self.small("a", replaces=found)])
        self.assertEqual(tree(self.path), {"a": b"content"})

    def test_not_what_was_compared(self) -> None:
        """A file that changed, vanished or appeared since is not replaced."""
        found = self.make_file("changed")
        self.make_file("changed", b"changed meanwhile")
        gone = self.make_file("gone")
        os.unlink(f"{self.path}/gone")
        self.make_file("appeared")
        results = self.folder.write_many(
            [self.small("changed", replaces=found), self.small("gone", replaces=gone), self.small("appeared")]
        )
        self.assertEqual([type(result) for result in results], [Changed] * 3)
        self.assertEqual(tree(self.path), {"changed": b"changed meanwhile", "appeared": b"old"})

    def test_force(self) -> None:
        """Unless the person wanted it so."""
        self.make_file("appeared")
        self.folder.write_many([self.small("appeared", force=True)])
        self.assertEqual(tree(self.path), {"appeared": b"content"})

    def test_wrong_content(self) -> None:
        """A file without its hash is not written; the others are."""
        wrong = self.small("wrong")._replace(data=b"c0ntent")
        results = self.folder.write_many([wrong, self.small("right")])
        self.assertIsInstance(results[0], ContentMismatch)
        self.assertEqual(tree(self.path), {"right": b"content"})

    def test_links(self) -> None:
        """No link below the folder is followed: not as a parent, and not as the file itself."""
        outside = self.mktemp()
        os.makedirs(outside)
        os.makedirs(self.path)
        os.symlink(os.path.abspath(outside), f"{self.path}/parent")
        os.symlink(os.path.abspath(f"{outside}/made"), f"{self.path}/leaf")
        results = self.folder.write_many(
            [self.small("parent/a"), self.small("parent/x/b"), self.small("leaf"), self.small("fine")]
        )
        self.assertEqual([isinstance(result, Exception) for result in results], [True, True, True, False])
        self.assertEqual(os.listdir(outside), [])
        self.folder.write_many([self.small("leaf", force=True)])
        self.assertEqual(os.listdir(outside), [])
        self.assertFalse(os.path.islink(f"{self.path}/leaf"))

    def test_folder_in_the_way(self) -> None:
        """A folder is not replaced by a file, nor a file by a folder."""
        self.make_file("folder/a")
        self.make_file("file")
        results = self.folder.write_many([self.small("folder", force=True), self.small("file/a")])
        self.assertTrue(all(isinstance(result, OSError) for result in results))
        self.assertEqual(tree(self.path), {"folder/a": b"old", "file": b"old"})

    def test_faults(self) -> None:
        """Whichever call fails, the old content stays, nothing is left, and the failure is given."""
        for fails in ("write", "fsync", "syncfs", "rename"):
            for count in (1, 20):
                if (fails, count) in (("fsync", 20), ("syncfs", 1)):
                    continue
                self.setUp()
                found = self.make_file("0")
                folder = DownloadTarget(self.path, FailingSystem(fails))
                downloads = [self.small(str(number), replaces=None if number else found) for number in range(count)]
                results = folder.write_many(downloads)
                self.assertTrue(all(isinstance(result, OSError) for result in results), (fails, results))
                self.assertEqual(tree(self.path), {"0": b"old"}, fails)

    def test_order(self) -> None:
        """Content is durable before any name is given: one sync for many, one each where there is no such call."""
        os.makedirs(self.path)
        for system, sync in ((FailingSystem(), ["syncfs"]), (FailingSystem(whole=False), [])):
            folder = DownloadTarget(self.path, system)
            folder.write_many([self.small(str(number), force=True) for number in range(10)])
            each = ["write"] if sync else ["write", "fsync"]
            self.assertEqual(system.calls, each * 10 + sync + ["rename"] * 10)
            system.calls.clear()
            folder.sync()
            self.assertEqual(system.calls, ["fsync"])
            folder.sync()
            self.assertEqual(system.calls, ["fsync"])

    def test_unnamed(self) -> None:
        """New files have no name until they are durable; those that replace something, or may, have one before."""
        require_unnamed_files()
        found = self.make_file("old")
        system = FailingSystem(unnamed=True)
        folder = DownloadTarget(self.path, system)
        new = [self.small(f"x/{number}") for number in range(10)]
        folder.write_many([*new, self.small("old", replaces=found), self.small("forced", force=True)])
        self.assertEqual(system.calls, ["write"] * 12 + ["syncfs"] + ["name"] * 10 + ["rename"] * 2)
        self.assertEqual(set(tree(self.path).values()), {b"content"})
        self.assertEqual(stamp(f"{self.path}/x/0"), (MTIME, 0o640))
        system.calls.clear()
        folder.write_many([self.small("alone")])
        self.assertEqual(system.calls, ["write", "fsync", "name"])

    def test_unnamed_faults(self) -> None:
        """Whichever call fails, nothing is left of a new file, and the failure is given."""
        require_unnamed_files()
        for fails, count in (("write", 1), ("fsync", 1), ("name", 1), ("write", 20), ("syncfs", 20), ("name", 20)):
            folder = DownloadTarget(self.path, FailingSystem(fails, unnamed=True))
            results = folder.write_many([self.small(str(number)) for number in range(count)])
            self.assertTrue(all(isinstance(result, OSError) for result in results), (fails, results))
            self.assertEqual(tree(self.path), {}, fails)

    def test_unnamed_and_not_new(self) -> None:
        """A file that appeared meanwhile is not replaced; one with the same content is what was wanted."""
        require_unnamed_files()
        self.make_file("other")
        same = self.make_file("same", b"content")
        folder = DownloadTarget(self.path, FailingSystem(unnamed=True))
        other, known = folder.write_many([self.small("other"), self.small("same")])
        self.assertIsInstance(other, Changed)
        assert isinstance(known, os.stat_result)
        self.assertEqual(filehash.signature(same), filehash.signature(known))
        self.assertEqual(tree(self.path), {"other": b"old", "same": b"content"})

    def test_few_descriptors(self) -> None:
        """More files than may be open at once are made durable in several steps."""
        system = FailingSystem()
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, limit[1]))
        DownloadTarget(self.path, system).write_many([self.small(str(number)) for number in range(200)])
        self.assertEqual(system.calls.count("syncfs"), 2)

    def test_remembered(self) -> None:
        """The hashes of written files are cached."""
        cache = HashCache(os.path.join(self.mktemp(), "index.sqlite"))
        self.addCleanup(cache.close)
        DownloadTarget(self.path, System(), cache).write_many([self.small("x/a")])
        folder = os.path.realpath(f"{self.path}/x")
        known = cache.lookup(folder, {"a": os.lstat(f"{folder}/a")})
        self.assertEqual(known, {"a": filehash.hash_bytes(b"content")})


class MetadataTests(DownloadCase):
    """Metadata without content."""

    def test_files(self) -> None:
        """A file that was compared gets time and mode; one that was changed does not."""
        found = {name: self.make_file(name) for name in ("a", "changed", "link")}
        self.make_file("changed", b"meanwhile")
        os.rename(f"{self.path}/link", f"{self.path}/moved")
        os.symlink("moved", f"{self.path}/link")
        results = self.folder.set_file_metadata([(LocalMetadata(name, MTIME, 0o600), found[name]) for name in found])
        self.assertEqual([isinstance(result, Exception) for result in results], [False, True, True])
        self.assertEqual(stamp(f"{self.path}/a"), (MTIME, 0o600))
        self.assertNotEqual(stamp(f"{self.path}/moved"), (MTIME, 0o600))

    def test_directories(self) -> None:
        """Directories are made and get their metadata; failures are given by name."""
        self.make_file("file")
        self.assertEqual([name for name, _ in self.folder.make_directories(["x/y", "file", "z"])], ["file"])
        wanted = [LocalMetadata(name, MTIME, 0o700) for name in ("x/y", "file/deep", "")]
        results = dict(self.folder.set_directory_metadata(wanted))
        self.assertEqual([name for name, result in results.items() if isinstance(result, OSError)], ["file/deep"])
        for name in ("x/y", ""):
            self.assertEqual(stamp(f"{self.path}/{name}"), (MTIME, 0o700))
