"""Commits whose answer is late, or lost: what is said of them is true, and what is not known is said to be."""

from __future__ import annotations

import threading

from twisted.internet.task import Clock

from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Commit, Transaction
from homeftp.errors import Busy, Internal
from homeftp.workers.deadline import OperationDeadline, under
from tests.support.databasecase import QUICK, DatabaseCase
from tests.support.databaseproxy import DatabaseProxy
from tests.support.waiting import wait_until

SHORT = 3.0
"""Seconds for a transaction that comes as far as its commit, and is not answered then."""


class CommitTests(DatabaseCase):
    """The database, the connection, or a standby is lost around the commit."""

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

    def test_too_late(self) -> None:
        """Where the time is over before the commit nothing is changed: it is not left to chance."""
        clock = Clock()

        def around(commit: Commit, result: int) -> None:
            clock.advance(5.0)
            commit()

        with under(OperationDeadline(5.0, clock.seconds)):
            refused = self.assertRaises(Busy, self.database.transact, self.increment, around)
        self.assertIn("nothing was changed", refused.message)
        self.assertEqual(self.value(), 0)

    def test_silent_commit(self) -> None:
        """Where the database says nothing from the commit on, it is not known whether it was made: that is said."""
        proxy = DatabaseProxy(self.server)
        self.addCleanup(proxy.close)
        database = self.connect(proxy.url("postgres"), DatabaseTimeouts(operation=SHORT, outcome=1.0))
        database.row("SELECT 1")  # what follows need not connect
        proxy.silent_from = b"COMMIT"
        refused = self.assertRaises(Internal, database.transact, self.increment)
        self.assertIn("check that before", refused.message)
        self.assertEqual(self.value(), 1, "the control: it was made")

    def test_commit_lost(self) -> None:
        """A commit that never got to the database is looked up: it was not made, and may be tried again."""
        proxy, database = self.proxied()
        proxy.swallowed = b"COMMIT"
        self.assertRaises(Busy, database.transact, self.increment)
        self.assertIsNone(proxy.swallowed, "the control: it was lost")
        self.assertEqual(self.value(), 0)
        self.assertEqual(database.transact(self.increment), 1)

    def test_standby_away(self) -> None:
        """A commit for which no standby answers is not acknowledged, however long that takes."""
        self.wait_for_standby("gone")
        database = self.connect(self.server.url("postgres"), DatabaseTimeouts(operation=SHORT, outcome=1.0))
        database.row("SELECT 1")  # what follows need not connect

        def work(transaction: Transaction) -> None:
            transaction.execute("SET LOCAL synchronous_commit = on")
            self.increment(transaction)

        try:
            self.assertRaises(Internal, database.transact, work)
        finally:
            self.wait_for_standby("")

    def test_ended_while_standby_is_away(self) -> None:
        """A commit that no standby has is not acknowledged where its connection ends: that it is there is no proof."""
        url = f"{self.server.url('postgres')}&options=-c%20synchronous_commit%3Don&application_name={self.table}"
        database = self.connect(url, DatabaseTimeouts(operation=SHORT, outcome=1.0))
        database.row("SELECT 1")  # what follows need not connect
        waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = %s"
        ended: list[int] = []

        def end() -> None:
            wait_until(lambda: self.database.row(waiting, (self.table,)) is not None)
            (pid,) = self.database.row(waiting, (self.table,))
            ended.append(pid)
            self.database.row("SELECT pg_terminate_backend(%s, 5000)", (pid,))

        def is_unknown() -> bool:
            try:
                database.transact(self.increment)
            except Internal:
                return True
            self.assertEqual(ended, [], "it waited for no standby yet: the database takes up its settings later")
            return False

        thread = threading.Thread(target=end)
        self.wait_for_standby("gone")
        try:
            thread.start()
            wait_until(is_unknown)
        finally:
            thread.join()
            self.wait_for_standby("")
        self.assertEqual(len(ended), 1, "the control: its connection was ended")
        made = self.value()
        self.assertGreater(made, 0, "the control: it was made, in this database")
        self.assertEqual(database.transact(self.increment), made + 1, "it is not taken for unreachable")

    def wait_for_standby(self, name: str) -> None:
        """From now on commits wait for a standby with that name, if they are to be durable."""
        with self.database.connection() as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'".encode())
            connection.execute("SELECT pg_reload_conf()")
        shown = (name,)
        wait_until(lambda: self.database.row("SHOW synchronous_standby_names") == shown)
