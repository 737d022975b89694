"""The hash cache when something happens to its database: it begins anew, and says nothing wrong."""

from __future__ import annotations

import os
import sqlite3
from typing import Callable

from homeftp.hashing.filehash import signature
from homeftp.hashing.hashcache import CONTENT, HashCache
from tests.support.hashcaches import HASH, HashCacheCase


class DamageTests(HashCacheCase):
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
