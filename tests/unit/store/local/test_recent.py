"""What jobs have found of files counts for a while, for the same files."""

from __future__ import annotations

import os
import time
from unittest import mock

from msgspec import structs
from twisted.internet.task import Clock

from homeftp.hashing.hashcache import CONTENT, CachedHash
from homeftp.interfaces.immediate import RECENT_SECONDS
from homeftp.model import Entry
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.recent import RecentFiles
from homeftp.syscalls import System
from homeftp.syscalls.disks import Disks
from tests.support.stores import StoreCase, sha

PARTS = ("a.txt",)


class RecentFilesTests(StoreCase):
    """One file, of which a job has found the entry."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        disks = Disks(System())
        self.recent = RecentFiles(self.cache, disks, monotonic=self.clock.seconds, kept=2)
        self.lay("a.txt", b"content")
        self.entry = entry_of(os.stat(self.path("a.txt")), disks, sha(b"content"))

    def add(self) -> os.stat_result:
        """A job finds it."""
        found = os.stat(self.path("a.txt"))
        self.recent.add(PARTS, found, self.entry, self.recent.marked)
        return found

    def test_recent(self) -> None:
        """It counts for a second."""
        found = self.add()
        self.clock.advance(RECENT_SECONDS)
        self.assertEqual(self.recent.entry(PARTS, found), self.entry)
        self.assertIsNone(self.recent.entry(("b.txt",), found))
        self.clock.advance(RECENT_SECONDS)
        self.assertIsNone(self.recent.entry(PARTS, found))

    def test_untagged(self) -> None:
        """An entry that was made while the file could still change within its stat has no tag, and does not count."""
        self.entry = structs.replace(self.entry, tag="")
        self.assertIsNone(self.recent.entry(PARTS, self.add()))

    def test_changed(self) -> None:
        """Another stat is that of another file, or of another content, though size and mtime are the same."""
        before = self.add()
        os.chmod(self.path("a.txt"), 0o640)
        with open(self.path("a.txt"), "r+b") as file:
            file.write(b"CONTENT")
        os.utime(self.path("a.txt"), ns=(before.st_mtime_ns, before.st_mtime_ns))
        self.assertIsNone(self.recent.entry(PARTS, os.stat(self.path("a.txt"))))
        self.assertEqual(self.recent.entry(PARTS, before), self.entry)

    def test_undamaged(self) -> None:
        """That no file is damaged is known for a second after a look, and not once one is marked."""
        self.assertFalse(self.recent.undamaged)
        self.recent.look_for_damage()
        self.assertTrue(self.recent.undamaged)
        self.clock.advance(2 * RECENT_SECONDS)
        self.assertFalse(self.recent.undamaged)
        self.recent.look_for_damage()
        self.assertTrue(self.recent.undamaged)
        found = os.stat(self.path("a.txt"))
        self.cache.mark(CachedHash(self.root, "a.txt", found, sha(b"content"), time.time_ns(), CONTENT))
        self.assertFalse(self.recent.undamaged)
        with mock.patch.object(self.cache, "damaged", side_effect=self.cache.damaged) as looks:
            for _ in range(3):
                self.recent.look_for_damage()
                self.assertFalse(self.recent.undamaged)
            self.assertEqual(looks.call_count, 1)
            self.clock.advance(2 * RECENT_SECONDS)
            self.recent.look_for_damage()
            self.assertEqual(looks.call_count, 2)

    def test_marked(self) -> None:
        """A mark of damage shows in no stat: nothing counts that was found before it, or while it was made."""
        found = self.add()
        marked = self.recent.marked
        self.cache.mark(CachedHash(self.root, "a.txt", found, sha(b"content"), time.time_ns(), CONTENT))
        self.assertIsNone(self.recent.entry(PARTS, found))
        self.recent.add(PARTS, found, self.entry, marked)
        self.assertIsNone(self.recent.entry(PARTS, found))

    def test_unsettled(self) -> None:
        """What may change without another stat is not kept, nor what has no known hash."""
        os.utime(self.path("a.txt"))
        self.assertIsNone(self.recent.entry(PARTS, self.add()))
        self.lay("a.txt", b"content")
        self.entry = Entry("", "file", 7)
        self.assertIsNone(self.recent.entry(PARTS, self.add()))

    def test_bound(self) -> None:
        """The files that were found last are kept, and never more than twice their number."""
        found = os.stat(self.path("a.txt"))
        for number in range(9):
            self.recent.add((str(number),), found, self.entry, self.recent.marked)
        kept = [number for number in range(9) if self.recent.entry((str(number),), found) is not None]
        self.assertEqual(kept, [6, 7, 8])
