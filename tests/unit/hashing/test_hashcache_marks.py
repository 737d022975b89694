"""Marks of damaged files and versions in the hash cache."""

from __future__ import annotations

import os

from homeftp.hashing.hashcache import CONTENT, MOVED_AT_ONCE, UNREADABLE, KnownHash
from tests.support.hashcaches import HASH, OTHER, HashCacheCase


class MarkTests(HashCacheCase):
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

    def test_without_database(self) -> None:
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
