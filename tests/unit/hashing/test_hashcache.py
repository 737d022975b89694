"""The hash cache: right or silent, whatever happens to its database."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from homeftp.hashing.filehash import hash_bytes, signature
from homeftp.hashing.hashcache import CONTENT, MOVED_AT_ONCE, UNREADABLE, CachedHash, HashCache, KnownHash
from homeftp.metadata.kept import ChangeTime

HASH = hash_bytes(b"content")
OTHER = hash_bytes(b"other")
LATER = 10_000_000_000
"""Nanoseconds."""


class IndexCase(SynchronousTestCase):
    """A file, and a hash cache."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.file = os.path.join(self.folder, "file.txt")
        with open(self.file, "wb") as file:
            file.write(b"content")
        os.utime(self.file, (1_700_000_000, 1_700_000_000))
        self.found = os.stat(self.file)
        self.path = os.path.join(self.folder, "state", "index.sqlite")
        self.cache = self.open()

    def open(self, busy_seconds: float = 2.0) -> HashCache:
        """The cache, closed at the end of the test."""
        cache = HashCache(self.path, busy_seconds=busy_seconds)
        self.addCleanup(cache.close)
        return cache

    def row(self, name: str = "file.txt", *, directory: str = "/d", hash: str = HASH, age: int = LATER) -> CachedHash:
        """A row about the file, hashed `age` nanoseconds after its mtime."""
        return CachedHash(directory, name, self.found, hash, self.found.st_mtime_ns + age)

    def known(self, name: str = "file.txt", directory: str = "/d") -> str | None:
        """What the cache knows of the file."""
        return self.cache.lookup(directory, {name: os.stat(self.file)}).get(name)


class LookupTests(IndexCase):
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


class MarkTests(IndexCase):
    """Files that are damaged are marked, and stay so until they are changed, or read well."""

    def mark(self, damage: str = CONTENT, hash: str = HASH) -> None:
        """Record that the file was read, and what was found."""
        self.cache.record_reads([self.row(hash=hash)._replace(damage=damage, read_us=5)])

    def marked(self) -> tuple[str, str, int] | None:
        """What is known of the file, damaged or not: its hash, the damage, and when it was read."""
        known = self.known_file()
        return None if known is None else known[:3]

    def known_file(self) -> KnownHash | None:
        """All that is known."""
        return self.cache.known_file("/d", "file.txt", os.stat(self.file))

    def test_marked(self) -> None:
        """The mark outlives a restart; the hash is not offered as that of the content any more."""
        self.cache.record([self.row()])
        self.assertEqual(self.marked(), (HASH, "", 0))
        self.mark(hash=OTHER)
        self.cache.close()
        self.cache = self.open()
        self.assertEqual(self.marked(), (HASH, CONTENT, 5), "the hash that it had")
        self.assertIsNone(self.known())
        self.assertEqual([(each.name, each.hash) for each in self.cache.damaged()], [("file.txt", HASH)])
        self.assertEqual(self.cache.with_hash(HASH), [])

    def test_marked_anew(self) -> None:
        """A mark is new once, also after one that a reader left; after a change the next one is new again."""
        damaged = self.row()._replace(damage=CONTENT, read_us=5)
        self.cache.record_reads([damaged._replace(read_us=0)])
        self.assertEqual([self.cache.mark(damaged) for _ in range(2)], [True, False])
        self.assertEqual(self.marked(), (HASH, CONTENT, 5))
        os.utime(self.file, (1_700_000_000, 1_600_000_000))
        self.assertTrue(self.cache.mark(damaged._replace(found=os.stat(self.file))))
        self.cache.close()
        self.assertTrue(self.cache.mark(damaged), "it cannot be known")

    def test_not_cleared_by_a_hash(self) -> None:
        """Recording a hash for the same stat does not clear the mark; a well read content does."""
        self.cache.record([self.row()])
        self.mark()
        self.cache.record([self.row(hash=OTHER)])
        self.assertEqual(self.marked(), (HASH, CONTENT, 5))
        self.mark("")
        self.assertEqual(self.marked(), (HASH, "", 5))
        self.assertEqual(self.cache.damaged(), [])
        self.assertEqual([each.name for each in self.cache.with_hash(HASH)], ["file.txt"])

    def test_changed(self) -> None:
        """A file that somebody changed is not damaged, and has the hash that it is read with."""
        self.cache.record([self.row()])
        self.mark()
        os.utime(self.file, (1_700_000_000, 1_600_000_000))
        self.assertIsNone(self.marked())
        self.found = os.stat(self.file)
        self.mark("", OTHER)
        self.assertEqual(self.marked(), (OTHER, "", 5))

    def test_second_name(self) -> None:
        """A mark outlives what moves only the ctime, and says so; a hash that is not marked does not."""
        self.cache.record([self.row()])
        self.cache.record_reads([self.row()._replace(damage=CONTENT, content=OTHER, read_us=5)])
        os.link(self.file, self.file + ".second")
        self.assertEqual(self.known_file(), KnownHash(HASH, CONTENT, 5, OTHER, is_same=False))
        self.found = os.stat(self.file)
        self.mark("")
        self.assertEqual(self.known_file(), KnownHash(HASH, "", 5))
        os.unlink(self.file + ".second")
        self.assertIsNone(self.known_file())

    def test_unreadable(self) -> None:
        """A file that could never be read is marked without a hash, and gets one once it can be."""
        self.mark(UNREADABLE, "")
        self.assertEqual(self.marked(), ("", UNREADABLE, 5))
        self.mark("", HASH)
        self.assertEqual(self.marked(), (HASH, "", 5))

    def test_moved(self) -> None:
        """What is known in a directory and beneath it moves with the directory, and nothing beside it does."""
        beside, beneath = ("/d-e", "/d0", "/de", "/"), ("/d", "/d/e", "/d/é/f")
        for directory in (*beside, *beneath):
            self.cache.record([self.row()._replace(directory=directory)])
        self.cache.moved("/d", "/new/é")
        known = sorted(row.directory for row in self.cache.with_hash(HASH))
        self.assertEqual(known, sorted([*beside, "/new/é", "/new/é/e", "/new/é/é/f"]))

    def test_moved_in_steps(self) -> None:
        """Of many files few are moved at a time, so that others learn hashes in between; and at the end all are."""
        names = [f"{number:04}" for number in range(2 * MOVED_AT_ONCE + 1)]
        self.cache.record([self.row(name) for name in names])
        files = dict.fromkeys(names, self.found)

        def there(directory: str) -> int:
            return len(self.cache.lookup(directory, files))

        self.cache.moved("/d", "/new")
        self.assertEqual((there("/new"), there("/d")), (MOVED_AT_ONCE, MOVED_AT_ONCE + 1))
        self.assertTrue(self.cache.do_deferred())
        self.assertEqual(there("/new"), 2 * MOVED_AT_ONCE)
        self.assertFalse(self.cache.do_deferred())
        self.assertEqual((there("/new"), there("/d")), (len(names), 0))
        self.assertFalse(self.cache.do_deferred())

    def test_moved_on(self) -> None:
        """A directory that is moved on, or back, before all is known of it, takes everything with it."""
        names = [f"{number:04}" for number in range(2 * MOVED_AT_ONCE)]
        for last in ("/newer", "/d"):
            self.cache.record([self.row(name) for name in names])
            self.cache.moved("/d", "/new")
            self.cache.moved("/new", last)
            while self.cache.do_deferred():
                pass
            self.assertEqual(len(self.cache.lookup(last, dict.fromkeys(names, self.found))), len(names), last)

    def test_marks_are_moved_first(self) -> None:
        """Damage is known at the new place at once, however much else there is, and stays known when the rest comes."""
        names = [f"{number:04}" for number in range(2 * MOVED_AT_ONCE)]
        self.cache.record([self.row(name) for name in names])
        mark = self.row("zzz")._replace(damage=CONTENT, content=OTHER, read_us=5)
        self.cache.record_reads([mark])
        self.cache.moved("/d", "/new")
        self.assertEqual([(row.directory, row.name) for row in self.cache.damaged()], [("/new", "zzz")])
        self.cache.mark(mark._replace(directory="/new", name=names[-1]))
        while self.cache.do_deferred():
            pass
        self.assertEqual({row.name for row in self.cache.damaged()}, {"zzz", names[-1]})

    def test_settle_without_database(self) -> None:
        """Where nothing can be stored any more nothing is left to do."""
        self.cache.record([self.row(f"{number:04}") for number in range(2 * MOVED_AT_ONCE)])
        self.cache.moved("/d", "/new")
        self.cache.close()
        self.assertFalse(self.cache.do_deferred())

    def test_forget(self) -> None:
        """A row is removed only as long as it is about that file."""
        self.mark()
        (row,) = self.cache.damaged()
        self.cache.forget(row._replace(signature="other"))
        self.assertEqual(len(self.cache.damaged()), 1)
        self.cache.forget(row)
        self.assertEqual(self.cache.damaged(), [])


class OwnChangeTests(IndexCase):
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


class DamageTests(IndexCase):
    """What may happen to a database: it costs time, and no more."""

    def damaged(self, harm: Callable[[], None]) -> None:
        """Apply `harm` to the closed database, and open it again."""
        self.cache.record([self.row(str(number)) for number in range(2000)])
        self.cache.close()
        for suffix in ("-wal", "-shm"):
            if os.path.exists(self.path + suffix):
                os.unlink(self.path + suffix)
        harm()
        self.cache = self.open()
        self.assertIn(self.known("7"), (None, HASH))
        self.cache.record([self.row()])
        self.cache.record([self.row()])
        self.assertEqual(self.known(), HASH)

    def overwrite(self, start: int) -> None:
        """Put something else in the place of the database from `start` on."""
        with open(self.path, "r+b") as file:
            file.seek(start)
            file.write(b"garbage!" * ((os.path.getsize(self.path) - start) // 8))

    def test_lost(self) -> None:
        """A database that was deleted is made anew."""
        self.damaged(lambda: os.unlink(self.path))

    def test_garbage(self) -> None:
        """A database that is none is made anew."""
        self.damaged(lambda: self.overwrite(0))

    def test_truncated(self) -> None:
        """A database that lost its end is made anew."""
        self.damaged(lambda: os.truncate(self.path, 5000))

    def test_damaged_inside(self) -> None:
        """A damage that only shows later is noticed then, and the database is made anew."""
        self.cache.record([self.row(str(number)) for number in range(2000)])
        self.cache.close()
        self.overwrite(8192)
        self.cache = self.open()
        self.cache.lookup("/d", dict.fromkeys(map(str, range(2000)), self.found))
        self.cache.record([self.row()])
        self.assertEqual(self.known(), HASH)

    def test_newer_version(self) -> None:
        """A database of another version is made anew, not misread."""
        self.cache.record([self.row()])
        self.cache.close()
        connection = sqlite3.connect(self.path)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        self.cache = self.open()
        self.assertIsNone(self.known())
        self.cache.record([self.row()])
        self.assertEqual(self.known(), HASH)

    def test_earlier_version(self) -> None:
        """The hashes of a database from before damage was recorded are kept."""
        self.cache.close()
        os.unlink(self.path)
        connection = sqlite3.connect(self.path)
        connection.execute(
            "CREATE TABLE hashes (directory BLOB NOT NULL, name BLOB NOT NULL, signature TEXT NOT NULL, "
            "hash TEXT NOT NULL, PRIMARY KEY (directory, name)) WITHOUT ROWID"
        )
        row = (b"/d", b"file.txt", signature(self.found), HASH)
        connection.execute("INSERT INTO hashes VALUES (?, ?, ?, ?)", row)
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
        connection.close()
        self.cache = self.open()
        self.assertEqual(self.known(), HASH)
        self.cache.record_reads([self.row()._replace(damage=CONTENT, read_us=5)])
        self.assertEqual(len(self.cache.damaged()), 1)

    def test_locked(self) -> None:
        """A database that another program holds for too long is done without."""
        self.cache.close()
        self.cache = self.open(busy_seconds=0)
        self.cache.record([self.row()])
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.cache.record([self.row("more")])
        self.assertEqual(self.known(), HASH, "known hashes can still be read")
        self.assertIsNone(self.known("more"))
        other.execute("ROLLBACK")
        self.cache.record([self.row("more")])
        self.assertEqual(self.known("more"), HASH)

    def test_no_place(self) -> None:
        """A cache without a possible database remembers nothing, and raises nothing."""
        cache = HashCache(os.path.join(self.file, "index.sqlite"))
        cache.record([self.row()])
        self.assertEqual(cache.lookup("/d", {"file.txt": self.found}), {})
        cache.close()

    def test_closed(self) -> None:
        """A job that still runs when the server ends finds nothing, and raises nothing."""
        self.cache.record([self.row()])
        self.cache.close()
        self.cache.close()
        self.cache.record([self.row()])
        self.assertIsNone(self.known())
        self.cache = self.open()
        self.assertEqual(self.known(), HASH)
