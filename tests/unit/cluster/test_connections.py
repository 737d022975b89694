"""Connections: what they are opened with, and that none waits after its deadline."""

from __future__ import annotations

import psycopg
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.connections import BoundedConnection, DatabaseTimeouts, connection_info
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
