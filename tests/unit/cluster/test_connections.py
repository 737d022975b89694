"""Connections: what they are opened with, and that none waits after its deadline."""

from __future__ import annotations

import psycopg
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.connections import BoundedConnection, DatabaseTimeouts, TablesWatch, connection_info
from homeftp.cluster.database import Database
from homeftp.cluster.identity import IDENTITY
from homeftp.cluster.migrations import migrate
from homeftp.errors import OperatorError
from homeftp.workers.deadline import OperationDeadline, under
from tests.support import engines


class ConnectionTests(SynchronousTestCase):
    """One connection."""

    def setUp(self) -> None:
        url = engines.postgresql().url("postgres")
        self.connection = BoundedConnection.connect(connection_info(url, DatabaseTimeouts()), autocommit=True)
        self.addCleanup(self.connection.close)

    def test_deadline(self) -> None:
        """Nothing is waited for after the deadline, and the connection is of no use any more."""
        clock = Clock()
        with under(OperationDeadline(5.0, clock.seconds)):
            self.assertEqual(self.connection.execute("SELECT 1").fetchone(), (1,))
            clock.advance(5.0)
            self.assertRaises(psycopg.OperationalError, self.connection.execute, "SELECT 1")
        self.assertTrue(self.connection.closed)

    def test_keys(self) -> None:
        """Each connection has a key of its own."""
        url = engines.postgresql().url("postgres")
        with BoundedConnection.connect(connection_info(url, DatabaseTimeouts())) as other:
            self.assertNotEqual(other.key, self.connection.key)
        other.close()

    def test_settings(self) -> None:
        """The database ends what takes too long, and looks for no other plan than by an index."""
        for name, value in (("statement_timeout", "6s"), ("lock_timeout", "5s"), ("enable_seqscan", "off")):
            self.assertEqual(self.connection.execute(f"SHOW {name}".encode()).fetchone(), (value,))

    def test_url(self) -> None:
        """A URL that is none is refused without a word of it: it may hold a password."""
        with self.assertRaises(OperatorError) as caught:
            connection_info("postgresql://ann:secret@[x", DatabaseTimeouts())
        self.assertNotIn("secret", str(caught.exception))


class TablesWatchTests(SynchronousTestCase):
    """Connections to the tables of one cluster."""

    def test_other_tables(self) -> None:
        """The tables have an id, and another one once they were made anew, which the next connection notices."""
        url, heard = engines.empty_schema(), []
        tables, other = TablesWatch(), TablesWatch()
        tables.follow(lambda: heard.append(tables.id))
        self.look(url, tables)
        self.assertIsNone(tables.id, "there are none yet")
        self.make(url)
        for each in (tables, tables, other):
            self.look(url, each)
        before = tables.id
        assert before is not None
        self.assertEqual((len(before), other.id, heard), (32, before, []))
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE identity, homeftp_schema")
        self.make(url)
        self.look(url, tables)
        self.assertNotEqual(tables.id, before)
        self.assertEqual(heard, [tables.id])

    def look(self, url: str, tables: TablesWatch) -> None:
        database = Database(url, connections=1, tables=tables)
        self.addCleanup(database.close)
        self.assertEqual(database.row("SELECT 1"), (1,))
        database.close()

    def make(self, url: str) -> None:
        database = Database(url, connections=1)
        self.addCleanup(database.close)
        migrate(database, [IDENTITY])
