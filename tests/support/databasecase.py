"""A table of a test in the PostgreSQL of this process."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.breaker import CircuitBreaker
from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import migrate
from tests.support import engines
from tests.support.databaseproxy import DatabaseProxy

QUICK = DatabaseTimeouts(operation=2.0, connect=2.0, lock=0.5)
"""For a database that is in trouble."""


def no_pause(seconds: float) -> None:
    """What a test does between two attempts."""


class DatabaseCase(SynchronousTestCase):
    """A table with a name of its own, in the database of this process."""

    def setUp(self) -> None:
        """One row: 0."""
        self.server = engines.postgresql()
        self.table = f"t{self.id().rsplit('.', 1)[-1]}"
        self.database = self.connect(self.server.url("postgres"), DatabaseTimeouts())
        migrate(self.database, [])
        self.database.transact(self.make)
        self.addCleanup(self.database.transact, lambda transaction: transaction.execute(f"DROP TABLE {self.table}"))

    def connect(self, url: str, timeouts: DatabaseTimeouts) -> Database:
        """A database that is closed after the test; `clock` is that of its circuit breaker."""
        self.clock = Clock()
        breaker = CircuitBreaker(self.clock.seconds)
        database = Database(url, connections=2, timeouts=timeouts, breaker=breaker, pause=no_pause)
        self.addCleanup(database.close)
        return database

    def make(self, transaction: Transaction) -> None:
        """Make the table."""
        transaction.execute(f"CREATE TABLE {self.table} (n integer)")
        transaction.execute(f"INSERT INTO {self.table} VALUES (0)")

    def increment(self, transaction: Transaction) -> int:
        """Add one; what there is then."""
        return int(transaction.row(f"UPDATE {self.table} SET n = n + 1 RETURNING n")[0])

    def value(self) -> int:
        """What is committed."""
        return int(self.database.row(f"SELECT n FROM {self.table}")[0])

    def proxied(self) -> tuple[DatabaseProxy, Database]:
        """A relay, and the database behind it."""
        proxy = DatabaseProxy(self.server)
        self.addCleanup(proxy.close)
        return proxy, self.connect(proxy.url("postgres"), QUICK)
