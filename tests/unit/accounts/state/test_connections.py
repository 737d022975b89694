"""Connections to an SQLite file that are kept: never to another file, never to what was, never from another process."""

from __future__ import annotations

import os
import sqlite3
from contextlib import ExitStack, closing
from unittest import mock

from homeftp.accounts.state.connections import IDLE, SqliteConnections, SqliteStatements
from tests.support.folders import QuickCase


class SqliteConnectionsTests(QuickCase):
    """The connections to one file."""

    def setUp(self) -> None:
        """A file with a table, which is empty."""
        folder = os.path.dirname(self.mktemp())
        self.path = os.path.join(folder, "state")
        self.make("")
        self.connections = SqliteConnections(self.path, 5.0)
        self.addCleanup(self.connections.close)

    def make(self, suffix: str, *names: str) -> str:
        """A file beside that of the test, with some rows."""
        with closing(sqlite3.connect(self.path + suffix, isolation_level=None)) as made:
            made.execute("PRAGMA journal_mode = WAL")
            made.execute("CREATE TABLE names (name)")
            made.executemany("INSERT INTO names VALUES (?)", [(name,) for name in names])
        return self.path + suffix

    def add(self, name: str) -> None:
        """As another program does."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("INSERT INTO names VALUES (?)", (name,))

    def names(self) -> list[str]:
        """All rows."""
        with self.connections.use() as statements:
            return [name for (name,) in statements.execute("SELECT name FROM names ORDER BY name")]

    def is_new(self, statements: SqliteStatements) -> bool:
        """Whether the connection was not asked before: what is temporary belongs to it alone."""
        new = not statements.execute("SELECT 1 FROM sqlite_temp_master").fetchall()
        statements.execute("CREATE TEMPORARY TABLE IF NOT EXISTS mark (x)")
        return new

    def uses_new(self) -> bool:
        """Whether the next use opens one."""
        with self.connections.use() as statements:
            return self.is_new(statements)

    def test_kept(self) -> None:
        """The next use has the same one; two at a time never do."""
        self.assertEqual([self.uses_new() for _ in range(3)], [True, False, False])
        with self.connections.use() as one, self.connections.use() as other:
            self.assertEqual((self.is_new(one), self.is_new(other)), (False, True))

    def test_few(self) -> None:
        """Only some are kept."""

        def use_many() -> int:
            with ExitStack() as stack:
                return sum(self.is_new(stack.enter_context(self.connections.use())) for _ in range(IDLE + 3))

        self.assertEqual(use_many(), IDLE + 3)
        self.assertEqual(use_many(), 3)

    def test_committed(self) -> None:
        """Each use sees what was committed before it, although the last one has left rows that nobody has read."""
        self.assertTrue(self.uses_new())
        self.add("a")
        self.add("b")
        with self.connections.use() as statements:
            unread = statements.execute("SELECT name FROM names ORDER BY name")
            self.assertEqual(unread.fetchone(), ("a",))
        self.add("c")
        self.assertEqual(self.names(), ["a", "b", "c"])
        self.assertFalse(self.uses_new())
        self.assertRaises(sqlite3.Error, unread.fetchone)

    def test_unread(self) -> None:
        """Control: within one use, rows that nobody has read keep it at what they saw."""
        self.add("a")
        self.add("b")
        with self.connections.use() as statements:
            unread = statements.execute("SELECT name FROM names")
            unread.fetchone()
            self.add("c")
            self.assertEqual(statements.execute("SELECT count(*) FROM names").fetchone(), (2,))
            del unread
            self.assertEqual(statements.execute("SELECT count(*) FROM names").fetchone(), (3,))

    def test_replaced(self) -> None:
        """A file that was replaced is never read or written again, whichever connections were open."""
        self.add("old")
        with self.connections.use() as statements:
            self.assertEqual(self.names(), ["old"])
            os.replace(self.make("new", "new"), self.path)
            self.assertEqual(self.names(), ["new"])
            self.assertEqual(statements.execute("SELECT name FROM names").fetchall(), [("old",)])
        self.assertEqual(self.names(), ["new"])

    def test_replaced_meanwhile(self) -> None:
        """Nor where it is replaced while it is opened."""
        opened = sqlite3.connect

        def replace_first(*args: object, **options: object) -> sqlite3.Connection:
            other = self.path + "other"
            if os.path.exists(other):
                os.replace(other, self.path)
            return opened(*args, **options)  # type: ignore[call-overload, no-any-return]

        self.make("other", "other")
        with mock.patch("sqlite3.connect", replace_first):
            self.assertEqual(self.names(), ["other"])
        self.assertTrue(self.uses_new())
        self.assertFalse(self.uses_new())

    def test_vanished(self) -> None:
        """A file that vanished is an error, and not made again."""
        self.names()
        os.unlink(self.path)
        self.assertRaises(sqlite3.OperationalError, self.names)
        self.assertFalse(os.path.exists(self.path))

    def test_failed(self) -> None:
        """What a block began before it failed is not done, and its connection is closed."""
        self.assertTrue(self.uses_new())
        with self.assertRaisesRegex(ValueError, "on purpose"), self.connections.use() as statements:
            self.assertFalse(self.is_new(statements))
            statements.execute("BEGIN")
            statements.execute("INSERT INTO names VALUES ('x')")
            raise ValueError("on purpose")
        self.assertTrue(self.uses_new())
        self.assertEqual(self.names(), [])

    def test_open_transaction(self) -> None:
        """A transaction that a block leaves open is not done, and holds up nobody."""
        with self.connections.use() as statements:
            statements.execute("BEGIN IMMEDIATE")
            statements.execute("INSERT INTO names VALUES ('x')")
            self.assertTrue(statements.in_transaction)
        self.add("y")
        self.assertEqual(self.names(), ["y"])

    def test_close(self) -> None:
        """None stays open after `close`, not even one that was used meanwhile; the last one tidies up."""
        with self.connections.use() as statements:
            statements.execute("INSERT INTO names VALUES ('x')")
            self.names()
            self.connections.close()
            self.assertTrue(os.path.exists(self.path + "-wal"))
        self.assertFalse(os.path.exists(self.path + "-wal"))
        self.assertEqual(self.names(), ["x"])
        self.assertTrue(os.path.exists(self.path + "-wal"))
        self.connections.close()
        self.connections.close()
        self.assertFalse(os.path.exists(self.path + "-wal"))

    def test_dropped(self) -> None:
        """They are closed with the object that has them."""
        connections = SqliteConnections(self.path, 5.0)
        with connections.use() as statements:
            statements.execute("INSERT INTO names VALUES ('x')")
        self.assertTrue(os.path.exists(self.path + "-wal"))
        del connections, statements
        self.assertFalse(os.path.exists(self.path + "-wal"))

    def test_forked(self) -> None:
        """After a fork those of before it are neither used nor closed."""
        self.assertTrue(self.uses_new())
        with mock.patch("os.getpid", return_value=os.getpid() + 1):
            self.assertTrue(self.uses_new())
            self.assertFalse(self.uses_new())
            self.connections.close()
            self.assertTrue(os.path.exists(self.path + "-wal"))
