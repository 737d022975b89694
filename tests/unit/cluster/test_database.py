"""Transactions that are made whole or not at all, whatever the database and the network do, and never wait forever."""

from __future__ import annotations

import threading
from typing import Callable

import psycopg
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import (
    TRIES,
    Commit,
    Database,
    DatabaseTimeouts,
    Transaction,
    TransactionConflict,
)
from homeftp.cluster.migrations import migrate
from homeftp.errors import Busy, NoSpace, OperatorError
from tests.support import engines
from tests.support.databaseproxy import DatabaseProxy

QUICK = DatabaseTimeouts(pool=20.0, statement=1.0, lock=1.0, answer=4.0, idle=30.0)


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
        """A database that is closed after the test."""
        database = Database(url, connections=2, timeouts=timeouts, pause=no_pause)
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


class TransactionTests(DatabaseCase):
    """Transactions."""

    def test_commit(self) -> None:
        """What a transaction did is there when it returns, and what it returned comes back."""
        self.assertEqual(self.database.transact(self.increment), 1)
        self.assertEqual(self.value(), 1)
        self.assertIsNone(self.database.row(f"SELECT n FROM {self.table} WHERE n = 7"))
        self.assertEqual(self.database.rows(f"SELECT n, n FROM {self.table} WHERE n = %s", (1,)), [(1, 1)])

    def test_usage(self) -> None:
        """It tells how many connections are open, and how often one had to be waited for."""
        unused = self.connect(self.server.url("postgres"), DatabaseTimeouts()).usage()
        self.assertEqual((unused.most, unused.open, unused.idle, unused.failures), (2, 0, 0, 0))
        with self.database.transaction(), self.database.transaction():
            busy = self.database.usage()
        self.assertEqual((busy.open, busy.idle, busy.waiting), (2, 0, 0))
        self.assertGreaterEqual(busy.waits, 1)
        self.assertEqual(self.database.usage().idle, 2)

    def test_rolled_back(self) -> None:
        """A transaction that raises has changed nothing, and the connection is of use again."""

        def work(transaction: Transaction) -> None:
            self.increment(transaction)
            raise OperatorError("no")

        self.assertRaises(OperatorError, self.database.transact, work)
        self.assertEqual(self.value(), 0)
        self.assertEqual(self.database.transact(self.increment), 1)

    def test_tried_again(self) -> None:
        """Where somebody gets in the way all of it is done again; not for ever."""
        tries: list[int] = []

        def work(transaction: Transaction) -> int:
            tries.append(self.increment(transaction))
            if len(tries) < 3:
                raise TransactionConflict
            return tries[-1]

        self.assertEqual((self.database.transact(work), tries, self.value()), (1, [1, 1, 1], 1))
        del tries[:]

        def always(transaction: Transaction) -> None:
            tries.append(self.increment(transaction))
            raise TransactionConflict

        self.assertRaises(Busy, self.database.transact, always)
        self.assertEqual((len(tries), self.value()), (TRIES, 1))

    def test_deadlock(self) -> None:
        """Of two transactions that wait for each other one is done again: both are made."""
        self.database.transact(lambda transaction: transaction.execute(f"INSERT INTO {self.table} VALUES (100)"))
        barrier = threading.Barrier(2)

        def crossing(first: int, second: int) -> Callable[[Transaction], None]:
            met: list[bool] = []

            def work(transaction: Transaction) -> None:
                for number in (first, second):
                    query = f"UPDATE {self.table} SET n = n + 1 WHERE n BETWEEN %s AND %s"
                    transaction.execute(query, (number, number + 50))
                    if not met:
                        met.append(True)
                        barrier.wait(30)

            return work

        threads = [
            threading.Thread(target=self.database.transact, args=(crossing(*pair),)) for pair in ((0, 100), (100, 0))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(self.database.rows(f"SELECT n FROM {self.table} ORDER BY n"), [(2,), (102,)])

    def test_around_commit(self) -> None:
        """Something is done around the commit; where it raises before that, nothing was changed."""
        seen: list[int] = []

        def around(commit: Commit, result: int) -> None:
            seen.append(self.value())
            commit()
            seen.append(self.value())

        self.database.transact(self.increment, around)
        self.assertEqual(seen, [0, 1])

        def refuse(commit: Commit, result: int) -> None:
            raise OperatorError("no")

        self.assertRaises(OperatorError, self.database.transact, self.increment, refuse)
        self.assertEqual(self.value(), 1)


class TroubleTests(DatabaseCase):
    """A database that does not do what it should."""

    def proxied(self) -> tuple[DatabaseProxy, Database]:
        """A relay, and the database behind it."""
        proxy = DatabaseProxy(self.server)
        self.addCleanup(proxy.close)
        return proxy, self.connect(proxy.url("postgres"), QUICK)

    def test_answer_lost(self) -> None:
        """A commit whose answer was lost is looked up: it was made, and is not made twice."""
        proxy, database = self.proxied()
        proxy.lose_answer_to = b"COMMIT"
        self.assertEqual(database.transact(self.increment), 1)
        self.assertIsNone(proxy.lose_answer_to, "the control: an answer was lost")
        self.assertEqual(self.value(), 1)

    def test_not_committed(self) -> None:
        """Where the connection is lost before the commit nothing is changed, and that is what is said."""
        database = self.connect(self.server.url("postgres"), QUICK)

        def work(transaction: Transaction) -> None:
            self.increment(transaction)
            (pid,) = transaction.row("SELECT pg_backend_pid()")
            self.database.row("SELECT pg_terminate_backend(%s, 5000)", (pid,))

        self.assertRaises(Busy, database.transact, work)
        self.assertEqual(self.value(), 0)
        self.assertEqual(database.transact(self.increment), 1)

    def test_slow(self) -> None:
        """A statement that takes too long, or waits too long for others, is given up: try again later."""
        database = self.connect(self.server.url("postgres"), QUICK)
        self.assertRaises(Busy, database.row, "SELECT pg_sleep(20)")

        def work(transaction: Transaction) -> None:
            self.increment(transaction)
            self.assertRaises(Busy, database.transact, self.increment)

        self.database.transact(work)
        self.assertEqual(database.transact(self.increment), 2)

    def test_silent(self) -> None:
        """A database that says nothing any more is given up in time, and used again when it answers."""
        proxy, database = self.proxied()
        self.assertEqual(database.transact(self.increment), 1)
        proxy.silent.set()
        self.assertRaises(Busy, database.row, "SELECT 1")
        proxy.silent.clear()
        self.assertEqual(database.row("SELECT 1"), (1,))

    def test_full(self) -> None:
        """A database without space is said to be full."""
        fill = "DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$"
        self.assertRaises(NoSpace, self.database.transact, lambda transaction: transaction.execute(fill))

    def test_unreachable(self) -> None:
        """Where there is no database that is said, as soon as the time is over."""
        database = self.connect("postgresql://ann@/x?host=%2Fnowhere", DatabaseTimeouts(pool=1.0))
        refused = self.assertRaises(Busy, database.row, "SELECT 1")
        self.assertNotIn("nowhere", refused.message)

    def test_url(self) -> None:
        """A URL that is none is refused without a word of it: it may hold a password."""
        refused = self.assertRaises(OperatorError, Database, "postgresql://ann:secret@[x", connections=1)
        self.assertNotIn("secret", str(refused))

    def test_mistake(self) -> None:
        """A mistake in a statement is a fault of the server, and no refusal."""
        self.assertRaises(psycopg.errors.SyntaxError, self.database.row, "SELECT FROM WHERE")

    def test_password(self) -> None:
        """A URL with a password is refused, and the message does not show it: others could see it already."""
        for url in ("postgresql://ann:s3cret@db/x", "postgresql://ann@db/x?password=s3cret"):
            with self.assertRaisesRegex(OperatorError, "PGPASSFILE") as caught:
                self.connect(url, QUICK)
            self.assertNotIn("s3cret", str(caught.exception))
