"""Transactions that are made whole or not at all, and never wait forever, whatever the database does."""

from __future__ import annotations

import contextlib
import threading
from typing import Callable
from unittest import mock

import psycopg
from psycopg_pool import ConnectionPool
from twisted.internet.task import Clock

from homeftp.cluster.breaker import OPEN_SECONDS
from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import TRIES, Commit, Database, Transaction, TransactionConflict
from homeftp.cluster.faults import reason_of
from homeftp.errors import Busy, NoSpace, OperatorError
from homeftp.workers.deadline import OperationDeadline, under
from tests.support.databasecase import QUICK, DatabaseCase, no_pause
from tests.support.databaseproxy import DatabaseProxy


class TransactionTests(DatabaseCase):
    """Transactions."""

    def test_commit(self) -> None:
        """What a transaction did is there when it returns, and what it returned comes back."""
        self.assertEqual(self.database.transact(self.increment), 1)
        self.assertEqual(self.value(), 1)
        self.assertIsNone(self.database.row(f"SELECT n FROM {self.table} WHERE n = 7"))
        self.assertEqual(self.database.rows(f"SELECT n, n FROM {self.table} WHERE n = %s", (1,)), [(1, 1)])

    def test_connection_apart(self) -> None:
        """A connection beside the pool's, which takes none of those."""
        with contextlib.closing(self.database.connect("SET work_mem = '70kB'")) as apart:
            self.assertEqual(apart.execute("SHOW work_mem").fetchone(), ("70kB",))
            self.assertEqual(self.database.usage().open, 1)
        self.assertRaises(Busy, self.connect("postgresql:///x?host=%2Fnowhere", QUICK).connect, "SELECT 1")

    def test_connection_apart_ends(self) -> None:
        """Where it ends before it has answered for the first time, that is the database's trouble, and it is closed."""
        ending = "SELECT pg_terminate_backend(pg_backend_pid())"
        self.assertRaises(Busy, self.database.connect, ending)
        self.assertEqual(self.database.rows("SELECT pid FROM pg_stat_activity WHERE query = %s", (ending,)), [])

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

    def test_slow(self) -> None:
        """A statement that takes too long, or waits too long for others, is given up: try again later."""
        database = self.connect(self.server.url("postgres"), QUICK)
        self.assertRaises(Busy, database.row, "SELECT pg_sleep(20)")

        def work(transaction: Transaction) -> None:
            self.increment(transaction)
            self.assertRaises(Busy, database.transact, self.increment)

        self.database.transact(work)
        self.assertEqual(database.transact(self.increment), 2)

    def test_ended_connection(self) -> None:
        """A connection that ended while it was free costs no operation; one that is of use is not asked first."""
        database = Database(self.server.url("postgres"), connections=1, timeouts=QUICK, pause=no_pause)
        self.addCleanup(database.close)

        def end_free_connection() -> None:
            (pid,) = database.row("SELECT pg_backend_pid()")
            self.database.row("SELECT pg_terminate_backend(%s, 5000)", (pid,))

        end_free_connection()
        self.assertEqual(database.row("SELECT 1"), (1,))
        with mock.patch.object(ConnectionPool, "check_connection") as asked:
            self.assertEqual(database.row("SELECT 1"), (1,))
            asked.assert_not_called()
            end_free_connection()
            self.assertRaises(Busy, database.row, "SELECT 1")  # the control: nothing was found out
            asked.assert_called_once()

    def test_silent(self) -> None:
        """A database that says nothing any more is given up in time, and used again when it answers.

        Until then others do not wait for it in turn, once it is known that it does not only take long.
        """
        proxy, database = self.proxied()
        self.assertEqual(database.transact(self.increment), 1)
        proxy.silent.set()
        for _ in range(2):
            self.assertRaises(Busy, database.row, "SELECT 1")
        proxy.silent.clear()
        self.assertRaises(Busy, database.row, "SELECT 1")
        self.clock.advance(OPEN_SECONDS)
        self.assertEqual(database.row("SELECT 1"), (1,))

    def test_slow_answers(self) -> None:
        """Statements that are each in time are not together: nothing is changed, and the control has time enough."""
        proxy = DatabaseProxy(self.server)
        self.addCleanup(proxy.close)
        begun: list[int] = []

        def work(transaction: Transaction) -> None:
            begun.extend(self.increment(transaction) for _ in range(10))

        operation = 0.8
        while not begun:  # on a busy machine the time may be over before the first one
            proxy.seconds = operation / 8
            database = self.connect(proxy.url("postgres"), DatabaseTimeouts(operation=operation))
            refused = self.assertRaises(Busy, database.transact, work)
            operation *= 3
        self.assertIn("try again", refused.message)
        self.assertLess(len(begun), 10)
        self.assertEqual(self.value(), 0)
        database = self.connect(proxy.url("postgres"), DatabaseTimeouts(operation=operation * 30))
        database.transact(work)
        self.assertEqual(self.value(), 10)

    def test_shared_deadline(self) -> None:
        """All that an operation asks the database has one deadline; what is maintained has its own."""
        clock = Clock()
        with under(OperationDeadline(5.0, clock.seconds)):
            self.assertEqual(self.database.transact(self.increment), 1)
            clock.advance(5.0)
            self.assertRaises(Busy, self.database.row, "SELECT 1")
            self.clock.advance(OPEN_SECONDS)
            self.assertRaises(Busy, self.database.transact, self.increment)
            self.clock.advance(OPEN_SECONDS)
            self.assertEqual(self.database.transact(self.increment, maintenance=True), 2)

    def test_full(self) -> None:
        """A database without space is said to be full."""
        fill = "DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$"
        self.assertRaises(NoSpace, self.database.transact, lambda transaction: transaction.execute(fill))

    def test_unreachable(self) -> None:
        """Where there is no database that is said, as soon as the time is over."""
        database = self.connect("postgresql://ann@/x?host=%2Fnowhere", DatabaseTimeouts(operation=1.0))
        refused = self.assertRaises(Busy, database.row, "SELECT 1")
        self.assertNotIn("nowhere", refused.message)

    def test_old_reason(self) -> None:
        """A connection that failed is not the reason for what is refused after one that was made."""
        url = self.server.url(f"late_{self.table.lower()}")
        database = self.connect(url, DatabaseTimeouts(operation=0.5))
        self.assertIn("does not exist", reason_of(self.assertRaises(Busy, database.row, "SELECT 1")))
        self.server.create(f"late_{self.table.lower()}")
        self.clock.advance(OPEN_SECONDS)
        used = database.connection(maintenance=True), database.connection(maintenance=True)
        with used[0], used[1], under(OperationDeadline(0.5)):  # there are no more
            busy = self.assertRaises(Busy, database.row, "SELECT 1")
        self.assertEqual(reason_of(busy), "")

    def test_mistake(self) -> None:
        """A mistake in a statement is a fault of the server, and no refusal."""
        self.assertRaises(psycopg.errors.SyntaxError, self.database.row, "SELECT FROM WHERE")

    def test_password(self) -> None:
        """A URL with a password is refused, and the message does not show it: others could see it already."""
        for url in ("postgresql://ann:s3cret@db/x", "postgresql://ann@db/x?password=s3cret"):
            with self.assertRaisesRegex(OperatorError, "PGPASSFILE") as caught:
                self.connect(url, QUICK)
            self.assertNotIn("s3cret", str(caught.exception))
