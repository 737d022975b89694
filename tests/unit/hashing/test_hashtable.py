"""The table of the hash cache: its statements do what they say, one by one."""

from __future__ import annotations

import sqlite3

from twisted.trial.unittest import SynchronousTestCase

from homeftp.hashing import hashtable


class HashTableTests(SynchronousTestCase):
    """A table in memory."""

    def setUp(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.addCleanup(self.connection.close)
        self.assertTrue(hashtable.prepare(self.connection))

    def insert(self, statement: str, signature: str, hash: str, damage: str = "", *, directory: str = "/d") -> None:
        """Insert a row."""
        self.connection.execute(statement, (directory.encode(), b"name", signature, hash, damage, "", 0))

    def hash(self) -> str:
        """The hash of the row."""
        ((_, _, found, *_),) = hashtable.known_rows(self.connection, "/d", ["name"], whole=False)
        return str(found)

    def test_which_hash_stays(self) -> None:
        """For the same stat the first one, also where its ctime moved late; but not what this program has written."""
        for first, second in (("1.2.3.4", "1.2.3.4"), ("1.2.~3.4", "1.2.~5.4"), ("1.2..", "1.2..")):
            for statement, expected in (
                (hashtable.RECORD, "first"),
                (hashtable.RECORD_READ, "first"),
                (hashtable.RECORD_WRITTEN, "second"),
            ):
                self.connection.execute("DELETE FROM hashes")
                self.insert(hashtable.RECORD, first, "first")
                self.insert(statement, second, "second")
                self.assertEqual(self.hash(), expected, (first, statement))
                self.insert(statement, "9.9.9.9", "third")
                self.assertEqual(self.hash(), "third", (first, statement))

    def test_marks_stay(self) -> None:
        """A row that comes to its new place does not replace a mark there."""
        for damage, expected in (("content", "first"), ("", "second")):
            self.connection.execute("DELETE FROM hashes")
            self.insert(hashtable.RECORD, "1.2.3.4", "first", damage)
            self.insert(hashtable.PLACE, "1.2.3.5", "second")
            self.assertEqual(self.hash(), expected)

    def test_beneath(self) -> None:
        """What is in a directory or beneath it, and nothing beside it."""
        directories = ("/", "/d", "/d-e", "/d/e", "/d/e/f", "/d0", "/de")
        for directory in directories:
            self.insert(hashtable.RECORD, "1.2.3.4", "hash", directory=directory)
        self.connection.execute(hashtable.DELETE_BENEATH, hashtable.beneath(b"/d"))
        left = [row[0].decode() for row in self.connection.execute("SELECT directory FROM hashes ORDER BY directory")]
        self.assertEqual(left, ["/", "/d-e", "/d0", "/de"])

    def test_versions(self) -> None:
        """The table of another version is refused, the own one is not."""
        self.assertTrue(hashtable.prepare(self.connection))
        self.connection.execute("PRAGMA user_version = 99")
        self.assertFalse(hashtable.prepare(self.connection))
