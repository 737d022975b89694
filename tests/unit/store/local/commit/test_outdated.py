"""On a disk where another content of the same size and time looks the same, what the server writes is never mistaken.

The hash that is known of a file must be that of its content, whichever request has put it there.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from typing import Any, Callable

from homeftp.endpoint import parse
from homeftp.errors import Busy, Damaged, Forbidden, Refusal
from homeftp.hashing.hashcache import HashCache
from homeftp.model import SECOND_US
from homeftp.store.local.store import LocalStore
from tests.support.coarsedisks import CoarseDisk
from tests.support.stores import LONG_AGO, StoreCase, damages_in, sha

OLD, NEW = b"old content", b"new content"
TIME = LONG_AGO // (2 * SECOND_US) * 2 * SECOND_US
"""A time that the disk keeps."""


class WithoutVersions(CoarseDisk):
    """exFAT: neither hard links nor an exchange of two files."""

    def link(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Refuse."""
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def exchange(self, one: bytes, other: bytes, *, one_dir: int, other_dir: int) -> None:
        """Refuse."""
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


class DoubtfulDisk(CoarseDisk):
    """Fails once a name was changed."""

    def rename(self, source: bytes, target: bytes, **directories: Any) -> None:
        """Rename, and fail."""
        super().rename(source, target, **directories)
        raise OSError(errno.EIO, os.strerror(errno.EIO))


class OutdatedHashesTests(StoreCase):
    """A store on a disk as FAT, with the file `a` of a known hash."""

    def setUp(self) -> None:
        super().setUp()
        self.opened = self.store(CoarseDisk())
        self.put(self.opened, "a", OLD)

    def known(self, name: str = "a") -> str | None:
        """The hash that is known of a file."""
        entry = self.opened.stat(parse(name))
        self.assertIsNotNone(entry)
        return None if entry is None else entry.hash

    def test_control(self) -> None:
        """Another program's content of the same size and time passes for the old one; one of another time does not."""
        self.lay("a", NEW, mtime_us=TIME)
        self.assertEqual(self.known(), sha(OLD))
        self.lay("a", NEW, mtime_us=TIME + 2 * SECOND_US)
        self.assertIsNone(self.known())

    def test_replaced(self) -> None:
        """What is written in small or large pieces, moved, copied or restored has its own hash, or none."""

        def move() -> object:
            self.lay("b", NEW, mtime_us=TIME)
            return self.opened.move(parse("b"), parse("a"), None, None)

        def copy() -> object:
            self.lay("b", NEW, mtime_us=TIME)
            return list(self.opened.copy(parse("b"), parse("a"), source_precondition=None, target_precondition=None))

        def restore() -> object:
            self.put(self.opened, "a", NEW)
            self.put(self.opened, "a", OLD)
            self.assertEqual(self.known(), sha(OLD))
            return self.opened.restore(parse("a"), None, None)

        changes: tuple[Callable[[], object], ...] = (
            lambda: self.put(self.opened, "a", NEW),
            lambda: self.stream(self.opened, "a", NEW),
            move,
            copy,
            restore,
        )
        for change in changes:
            self.put(self.opened, "a", OLD)
            self.assertEqual(self.known(), sha(OLD))
            change()
            self.assertEqual(self.content("a"), NEW)
            self.assertIn(self.known(), (sha(NEW), None), change)
        self.put(self.opened, "a", OLD)
        self.put(self.opened, "a", NEW)
        self.assertEqual(self.known(), sha(NEW), "what was pushed needs no hashing")

    def test_time_set(self) -> None:
        """The hash of before is not that of a file which gets its old time back after somebody has changed it."""
        self.lay("a", NEW, mtime_us=TIME + 2 * SECOND_US)
        self.opened.set_metadata(parse("a"), mtime_us=TIME, mode=None, precondition=None)
        self.assertEqual(os.stat(self.path("a")).st_mtime_ns, TIME * 1000)
        self.assertIsNone(self.known())

    def test_directory(self) -> None:
        """What is known of files goes with their directory, and nothing stays of the one that had its name before."""
        for name in ("d/a", "e/a", "e/deep/a"):
            self.put(self.opened, name, OLD)
        os.rename(self.path("d"), self.path("gone"))
        self.lay("d/a", NEW, mtime_us=TIME)
        self.lay("new/a", NEW, mtime_us=TIME)
        self.assertEqual(self.known("d/a"), sha(OLD), "the control")
        os.rename(self.path("d"), self.path("gone-too"))
        self.opened.move(parse("new"), parse("d"), None, None)
        self.assertIsNone(self.known("d/a"))
        self.opened.move(parse("e"), parse("f"), None, None)
        self.assertEqual([self.known(f"f/{name}") for name in ("a", "deep/a")], [sha(OLD)] * 2)

    def test_slow_reader(self) -> None:
        """A reader that opened the old file does not have its hash remembered for the new one."""
        file = self.opened.open(parse("a"))
        self.addCleanup(file.close)
        self.lay("b", NEW, mtime_us=TIME)
        self.opened.move(parse("b"), parse("a"), None, None)
        file.close_verified(sha(OLD))
        self.assertIsNone(self.known())
        file = self.opened.open(parse("a"))
        file.close_verified(sha(NEW))
        self.assertEqual(self.known(), sha(NEW), "the control")

    def test_not_replaced(self) -> None:
        """What is known, and that a file is damaged, stays so where the disk refuses to replace it."""
        self.opened.close()
        self.opened = self.store(WithoutVersions())
        self.assertRaises(Forbidden, self.put, self.opened, "a", NEW)
        self.assertEqual(self.known(), sha(OLD))
        self.lay("a", b"bad content", mtime_us=TIME)
        for _ in range(2):
            self.assertEqual([damage.name for damage in damages_in(self.opened)], ["a"])
            self.assertRaises(Forbidden, self.put, self.opened, "a", OLD)
        self.assertRaises(Damaged, self.opened.open, parse("a"))

    def test_replaced_and_failed(self) -> None:
        """The old hash does not come back where the disk fails after it has replaced the file."""
        self.opened.close()
        self.opened = self.store(DoubtfulDisk())
        with self.assertRaises(Refusal):
            self.put(self.opened, "a", NEW)
        self.assertEqual(self.content("a"), NEW)
        self.assertIsNone(self.known())

    def test_busy(self) -> None:
        """Where the old hash cannot be removed nothing is changed; what has no old one is written."""
        self.put(self.opened, "d/a", OLD)
        os.rename(self.path("d"), self.path("gone"))
        self.opened.close()
        self.cache.close()
        cache = HashCache(self.cache_path, busy_seconds=0)
        self.addCleanup(cache.close)
        self.opened = LocalStore(self.root, cache, system=CoarseDisk())
        self.addCleanup(self.opened.close)
        other = sqlite3.connect(self.cache_path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.assertRaises(Busy, self.put, self.opened, "a", NEW)
        with self.assertRaises(Busy):
            self.opened.set_metadata(parse("a"), mtime_us=TIME + 4 * SECOND_US, mode=None, precondition=None)
        for target in ("d", "e"):
            os.makedirs(self.path(f"new-{target}"))
        self.assertRaises(Busy, self.opened.move, parse("new-d"), parse("d"), None, None)
        self.opened.move(parse("new-e"), parse("e"), None, None)
        self.put(self.opened, "b", NEW)
        self.assertEqual((self.content("a"), self.content("b"), self.left()), (OLD, NEW, []))
        self.assertEqual(self.known(), sha(OLD))
        self.assertEqual([each for page in self.opened.versions(parse("a")) for each in page], [])
        other.execute("ROLLBACK")
        self.put(self.opened, "a", NEW)
        self.assertEqual(self.known(), sha(NEW))
