"""The hash cache: right or silent about files that change, whoever changes them."""

from __future__ import annotations

import _sqlite3
import contextlib
import ctypes
import os
import sqlite3
import stat
import threading

from homeftp.hashing.hashcache import CONTENT, HashCache, KnownHash
from homeftp.metadata.kept import ChangeTime
from tests.support import needs
from tests.support.hashcaches import HASH, OTHER, HashCacheCase

KEPT_BYTES = 500_000
"""What SQLite may keep in memory of ten thousand rows, at most; by its own limit it keeps more than twice as much."""


class LookupTests(HashCacheCase):
    """Which hashes are known, and when."""

    def test_known(self) -> None:
        """A hash that was recorded is known while the file looks the same, after a restart too."""
        self.cache.record([self.row()])
        self.assertEqual(self.known(), HASH)
        self.cache.close()
        self.cache = self.open()
        self.assertEqual(self.known(), HASH)
        self.assertIsNone(self.known("other.txt"))
        self.assertIsNone(self.known(directory="/d/e"))

    def test_whole(self) -> None:
        """What is known of all files in a directory is what is known of each; what is gone by now is not told."""
        names = ["a", "b", "e", "\u00e9"]
        self.cache.record([self.row(name) for name in (*names, "c", "z")])
        self.cache.record([self.row("d", hash=OTHER), self.row("a", directory="/other", hash=OTHER)])
        files = dict.fromkeys((*names, "new"), self.found)
        self.assertEqual(self.cache.known("/d", files, whole=True), self.cache.known("/d", files))
        self.assertEqual(self.cache.lookup("/d", files, whole=True), dict.fromkeys(names, HASH))
        self.assertEqual(self.cache.lookup("/d", {}, whole=True), {})

    def test_memory(self) -> None:
        """Many rows are not kept in memory. The control: with SQLite's own limit they are."""
        library = ctypes.CDLL(_sqlite3.__file__)
        needs.require("a SQLite that tells what it uses", lambda: hasattr(library, "sqlite3_memory_used"))
        before = library.sqlite3_memory_used()
        rows = [self.row(f"{number:05}") for number in range(10_000)]
        self.cache.record(rows)
        self.assertEqual(len(self.cache.with_hash(HASH)), len(rows))
        self.assertLess(library.sqlite3_memory_used(), before + KEPT_BYTES)
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            connection.execute("SELECT count(signature) FROM hashes").fetchone()
            self.assertGreater(library.sqlite3_memory_used(), before + 2 * KEPT_BYTES)

    def test_has_beneath(self) -> None:
        """Whether anything is known in or beneath a directory, and not only beside it."""
        self.cache.record([self.row(directory="/a b/c/d")])
        for directory, known in (("/", True), ("/a b", True), ("/a b/c/d", True), ("/a", False), ("/a b/c/d/e", False)):
            self.assertEqual(self.cache.has_beneath(directory), known, directory)
        self.cache.close()
        self.assertFalse(self.cache.has_beneath("/a b"))

    def test_former(self) -> None:
        """What a file had when it was last hashed is told, also after it changed."""
        self.cache.record([self.row(), self.row(directory="/other", hash=OTHER)])
        os.utime(self.file, (1_700_000_000, 1_700_000_001))
        self.assertIsNone(self.known(), "the control")
        self.assertEqual(self.cache.former("/d", ["file.txt", "none"]), {"file.txt": HASH})
        self.assertEqual(self.cache.former("/d", []), {})

    def test_any_change_of_the_stat(self) -> None:
        """Another size, mtime, ctime or inode: the hash is no longer known."""
        self.cache.record([self.row()])
        os.chmod(self.file, 0o600)
        self.assertIsNone(self.known(), "the ctime")
        self.found = os.stat(self.file)
        self.cache.record([self.row()])
        self.assertEqual(self.known(), HASH, "the control")
        os.utime(self.file, (1_700_000_000, 1_700_000_001))
        self.assertIsNone(self.known(), "the mtime")
        self.found = os.stat(self.file)
        self.cache.record([self.row()])
        os.rename(self.file, self.file + ".old")
        with open(self.file, "wb") as file:
            file.write(b"content")
        os.utime(self.file, ns=(0, self.found.st_mtime_ns))
        self.assertIsNone(self.known(), "the inode")

    def test_racily_clean(self) -> None:
        """A file that was hashed within 2 s of its mtime is not kept: a later change might not show."""
        for age in (0, 1_999_999_999, -1_999_999_999):
            self.cache.record([self.row(age=age)])
            self.assertIsNone(self.known(), age)
        self.cache.record([self.row(age=2_000_000_000)])
        self.assertEqual(self.known(), HASH)

    def test_first_one_counts(self) -> None:
        """The hash of a file that nobody has changed stays: another one would be that of damaged content."""
        self.cache.record([self.row()])
        self.cache.record([self.row(hash=OTHER)])
        self.assertEqual(self.known(), HASH)
        os.chmod(self.file, 0o600)
        self.found = os.stat(self.file)
        self.cache.record([self.row(hash=OTHER)])
        self.assertEqual(self.known(), OTHER, "the control: it was changed")

    def test_many(self) -> None:
        """A directory of thousands is looked up at once, whatever the names are."""
        names = [f"{number}-é'\"%" for number in range(2500)] + ["\udcff", "*", ""]
        self.cache.record([self.row(name) for name in names])
        found = self.cache.lookup("/d", dict.fromkeys([*names, "missing"], self.found))
        self.assertEqual(found, dict.fromkeys(names, HASH))
        self.assertEqual(self.cache.lookup("/d", {}), {})

    def test_hostile_times(self) -> None:
        """A stat of any size is kept: some file systems have inodes of 64 bits and files from the year 9999."""
        times = {"st_mtime_ns": 253_402_300_799 * 10**9, "st_ctime_ns": -(2**63)}
        self.found = os.stat_result([0o100644, 2**64 - 1, 1, 1, 0, 0, 2**63 - 1, 0, 0, 0], times)
        self.cache.record([self.row()])
        self.assertEqual(self.cache.lookup("/d", {"file.txt": self.found}), {"file.txt": HASH})

    def test_private(self) -> None:
        """Names of files are private: the database is 0600, its folder 0700."""
        self.cache.record([self.row()])
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.path)).st_mode), 0o700)
        for name in os.listdir(os.path.dirname(self.path)):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.folder, "state", name)).st_mode), 0o600, name)

    def test_threads(self) -> None:
        """Several threads record and look up at once, and each finds what it recorded."""
        wrong = []

        def work(thread: int) -> None:
            for number in range(50):
                name = f"{thread}-{number}"
                self.cache.record([self.row(name)])
                if self.cache.lookup("/d", {name: self.found}) != {name: HASH}:
                    wrong.append(name)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class OwnChangeTests(HashCacheCase):
    """A disk without ctime and inodes: what this program writes is never taken for what was there before."""

    FILE = ("/d", "file.txt")

    def setUp(self) -> None:
        super().setUp()
        self.cache.change_time = lambda device: ChangeTime.MTIME
        self.cache.record([self.row()])

    def open(self, busy_seconds: float = 2.0) -> HashCache:
        """The cache, closed at the end of the test."""
        cache = super().open(busy_seconds)
        cache.change_time = lambda device: ChangeTime.MTIME
        return cache

    def test_same_stat(self) -> None:
        """Size and mtime count alone, and are not certain to show a change; another mtime does."""
        os.chmod(self.file, 0o600)
        self.assertEqual(self.known(), HASH)
        known = self.cache.known_file("/d", "file.txt", os.stat(self.file))
        self.assertEqual(known, KnownHash(HASH, "", 0, is_certain=False))
        os.utime(self.file, (1_700_000_000, 1_700_000_002))
        self.assertIsNone(self.known())

    def test_replaced(self) -> None:
        """What could be taken for what is known of the new file is removed before, for good; nothing else is."""
        self.cache.record([self.row("other.txt")])
        self.assertTrue(self.cache.begin_change(self.FILE, self.found))
        self.cache.close()
        self.cache = self.open()
        self.assertIsNone(self.known())
        self.assertEqual(self.known("other.txt"), HASH)

    def test_other_stat(self) -> None:
        """What is known of the old file stays for its version, where the new one looks different; or nothing does."""
        found = self.found
        os.utime(self.file, (1_700_000_000, 1_700_000_002))
        self.assertTrue(self.cache.begin_change(self.FILE, os.stat(self.file)))
        self.assertEqual(self.cache.lookup("/d", {"file.txt": found}), {"file.txt": HASH})
        self.assertTrue(self.cache.begin_change(self.FILE, None))
        self.assertEqual(self.cache.lookup("/d", {"file.txt": found}), {})

    def test_readers(self) -> None:
        """A hash that was computed from the content before is not recorded after the change; the new one is."""
        self.cache.begin_change(self.FILE, self.found)
        self.cache.record([self.row(hash=OTHER)])
        changed_ns = self.cache.end_change(self.FILE)
        for record in (self.cache.record, self.cache.record_reads):
            record([self.row(hash=OTHER)])
            self.assertIsNone(self.known())
        self.cache.record([self.row(hash=OTHER)._replace(changed_ns=changed_ns)])
        self.assertEqual(self.known(), OTHER)

    def test_written(self) -> None:
        """What was written takes the place of what another process has recorded meanwhile."""
        self.cache.begin_change(self.FILE, self.found)
        self.open().record([self.row()])
        changed_ns = self.cache.end_change(self.FILE)
        self.assertEqual(self.known(), HASH, "the control")
        self.cache.record([self.row(hash=OTHER)._replace(changed_ns=changed_ns)])
        self.assertEqual(self.known(), OTHER)

    def test_locked(self) -> None:
        """Where nothing can be removed that is told, and still known."""
        self.cache.close()
        self.cache = self.open(busy_seconds=0)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.assertFalse(self.cache.begin_change(self.FILE, self.found))
        self.assertFalse(self.cache.forget_beneath("/d"))
        self.assertEqual(self.known(), HASH)
        self.assertTrue(self.cache.forget_beneath("/e"), "nothing is known there")
        other.execute("ROLLBACK")
        self.assertTrue(self.cache.forget_beneath("/d"))
        self.assertIsNone(self.known())

    def test_not_changed(self) -> None:
        """What was removed for a change that was not made is known again."""
        for new in (self.found, None):
            self.cache.begin_change(self.FILE, new)
            self.assertIsNone(self.known())
            self.cache.end_change(self.FILE, changed=False)
            self.assertEqual(self.known(), HASH)
        self.cache.begin_change(self.FILE, self.found)
        self.cache.end_change(self.FILE)
        self.assertIsNone(self.known(), "the control")

    def test_marked(self) -> None:
        """A mark goes only once the damaged file was replaced: a crash before that must not make it pass for sound."""
        self.cache.mark(self.row()._replace(damage=CONTENT, content=OTHER, read_us=5))
        for changed in (False, True):
            self.cache.begin_change(self.FILE, self.found)
            self.assertEqual(len(self.cache.damaged()), 1)
            self.cache.end_change(self.FILE, changed=changed)
            self.assertEqual(len(self.cache.damaged()), 0 if changed else 1)

    def test_noticed(self) -> None:
        """Whoever remembers digests notices the change, though no stat shows it."""
        before = self.cache.marked
        self.cache.begin_change(self.FILE, self.found)
        begun = self.cache.marked
        self.cache.end_change(self.FILE)
        self.assertLess(before, begun)
        self.assertLess(begun, self.cache.marked)
