"""The shared database: it works, or is silent; a damaged one is put aside by one process only."""

from __future__ import annotations

import _sqlite3
import contextlib
import ctypes
import os
import shutil
import sqlite3
import stat
import tempfile

from homeftp.hashing.database import SharedDatabase, select_in, tables
from homeftp.hashing.hashcache import HashCache
from tests.support import needs
from tests.support.folders import QuickCase
from tests.support.users import as_nobody

prepare = tables(1, ["CREATE TABLE IF NOT EXISTS words (word TEXT)"])
"""One table, of version 1."""


class DatabaseTests(QuickCase):
    """SharedDatabase."""

    def setUp(self) -> None:
        self.path = os.path.join(os.path.abspath(self.mktemp()), "state", "words.sqlite")
        self.aside: list[str] = []

    def open(self, busy_seconds: float = 2.0) -> SharedDatabase:
        """The database, closed at the end of the test; a damaged one is renamed."""
        database = SharedDatabase(self.path, prepare, busy_seconds=busy_seconds, put_aside=self.rename)
        self.addCleanup(database.close)
        return database

    def rename(self, path: str) -> None:
        self.aside.append(path)
        os.rename(path, f"{path}.{len(self.aside)}")

    def add(self, database: SharedDatabase, word: str) -> bool:
        """Add a word; whether that was done."""

        def insert(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("INSERT INTO words VALUES (?)", (word,))

        return database.run(insert)

    def words(self, database: SharedDatabase) -> list[str] | None:
        """All words; None where they cannot be read."""
        found: list[str] = []
        read = database.run(
            lambda connection: found.extend(word for (word,) in connection.execute("SELECT word FROM words"))
        )
        return found if read else None

    def damage(self) -> None:
        """Overwrite what is in the file."""
        with sqlite3.connect(self.path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        size = os.path.getsize(self.path)
        with open(self.path, "r+b") as file:
            file.write(b"\xff" * size)

    def test_shared(self) -> None:
        """Two processes see what the other has written; only their user may read the file."""
        one, other = self.open(), self.open()
        self.assertTrue(self.add(one, "a") and self.add(other, "b"))
        self.assertEqual((self.words(one), self.words(other)), (["a", "b"], ["a", "b"]))
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_opened_again(self) -> None:
        """To open a database writes nothing, which would take an fsync, unless it has no version yet."""
        for opened in (self.open, lambda: HashCache(self.path)):
            opened().close()
            beside = sqlite3.connect(self.path)
            self.addCleanup(beside.close)
            changes = []
            for _ in range(2):
                opened().close()
                changes += beside.execute("PRAGMA data_version").fetchone()
                beside.execute("PRAGMA user_version = 0")
                opened().close()
                changes += beside.execute("PRAGMA data_version").fetchone()
            beside.close()
            os.unlink(self.path)
            self.assertEqual(len(set(changes)), 3, changes)

    def test_damaged(self) -> None:
        """A damaged database is put aside, when it is opened or used, and a new one takes its place."""
        database = self.open()
        self.add(database, "a")
        database.close()
        self.damage()
        self.assertEqual(self.words(self.open()), [])
        self.assertEqual(self.aside, [self.path])
        self.assertTrue(os.path.exists(f"{self.path}.1"))

    def test_damaged_while_open(self) -> None:
        """Damage is found in use too: that work fails, the next works. Another process does not put the new one aside.

        The control is the first process, which puts the damaged one aside.
        """
        one, other = self.open(), self.open()
        self.add(one, "a")
        self.damage()
        self.assertIsNone(self.words(one))
        self.assertEqual(len(self.aside), 1, "the control")
        self.assertTrue(self.add(one, "b"))
        self.words(other)
        self.words(other)
        self.assertEqual(len(self.aside), 1)
        self.assertEqual(self.words(one), ["b"])

    def test_other_version(self) -> None:
        """The database of another version is put aside."""
        self.open().close()
        with sqlite3.connect(self.path) as connection:
            connection.execute("PRAGMA user_version = 7")
        connection.close()
        self.assertEqual(self.words(self.open()), [])
        self.assertEqual(len(self.aside), 1)

    def test_locked(self) -> None:
        """What cannot be written in time is not written; nothing is raised, and the next is."""
        database = self.open(busy_seconds=0)
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        self.assertFalse(self.add(database, "a"))
        other.execute("ROLLBACK")
        self.assertTrue(self.add(database, "b"))
        self.assertEqual(self.words(database), ["b"])

    def test_impossible(self) -> None:
        """Where there cannot be a file there is no database; a closed one does nothing either."""
        database = self.open()
        database.close()
        self.assertFalse(self.add(database, "a"))
        self.path = "/proc/no/words.sqlite"
        self.assertIsNone(self.words(self.open()))

    def test_forgotten(self) -> None:
        """A database that nobody has closed is closed when it is collected: Python 3.13 would warn."""
        database = self.open()
        connections: list[sqlite3.Connection] = []
        database.run(connections.append)
        database.__del__()
        self.assertRaises(sqlite3.ProgrammingError, connections[0].execute, "SELECT 1")

    def test_writable(self) -> None:
        """Whether a database can be written is found out without writing; it can be read in both cases."""
        database = self.open(busy_seconds=0.01)
        self.assertTrue(database.is_writable())
        self.assertTrue(self.add(database, "one"))
        database.run(lambda connection: connection.execute("PRAGMA query_only = 1"))
        self.assertFalse(database.is_writable())
        self.assertEqual(self.words(database), ["one"])
        database.run(lambda connection: connection.execute("PRAGMA query_only = 0"))
        self.assertTrue(database.is_writable())
        with contextlib.closing(sqlite3.connect(self.path)) as other:
            other.execute("BEGIN IMMEDIATE")
            self.assertFalse(database.is_writable(), "another process writes for too long")
        database.close()
        self.assertFalse(database.is_writable())

    def test_read_only(self) -> None:
        """A file that the user may only read cannot be written."""
        folder = tempfile.mkdtemp()  # the folders around it are open to all
        self.addCleanup(shutil.rmtree, folder)
        self.path = os.path.join(folder, "words.sqlite")
        with as_nobody(folder):
            database = self.open()
            self.assertTrue(database.is_writable(), "the control")
            database.close()
            os.chmod(self.path, 0o400)
            database = self.open()
            self.assertEqual((self.words(database), database.is_writable()), ([], False))
            database.close()

    def test_many_keys(self) -> None:
        """A query gives the rows of any number of keys, more than SQLite takes parameters of, and no others."""
        database = self.open()
        for word in ("a", "b", "c"):
            self.add(database, word)
        found: list[str] = []
        keys = ["a", *map(str, range(40_000)), "c"]

        def select(connection: sqlite3.Connection) -> None:
            rows = select_in(connection, "SELECT word FROM words WHERE word != ? AND word IN", ["c"], keys)
            found.extend(word for (word,) in rows)

        self.assertTrue(database.run(select))
        self.assertEqual(found, ["a"])

    def test_release_memory(self) -> None:
        """SQLite gives back memory, and everything is as it was. The control: it has used some."""
        library = ctypes.CDLL(_sqlite3.__file__)
        needs.require("a SQLite that tells what it uses", lambda: hasattr(library, "sqlite3_memory_used"))
        database = self.open()
        empty = library.sqlite3_memory_used()
        for word in ("a", "b"):
            for _ in range(100):
                self.add(database, word * 4000)
        self.words(database)
        self.assertGreater(library.sqlite3_memory_used(), empty + 500_000)
        database.release_memory()
        self.assertLess(library.sqlite3_memory_used(), empty + 100_000)
        self.assertEqual(self.words(database), [word * 4000 for word in "ab" for _ in range(100)])

    def test_in_memory(self) -> None:
        """Without a path it lives as long as its object."""
        database = SharedDatabase(None, prepare, busy_seconds=0)
        self.assertTrue(self.add(database, "a"))
        self.assertEqual(self.words(database), ["a"])
