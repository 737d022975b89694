"""A transaction is only taken for committed where the database has it, and not another one that has its number."""

from __future__ import annotations

import signal

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster import commits
from homeftp.cluster.database import Commit, Database, Transaction
from homeftp.cluster.migrations import migrate
from homeftp.errors import Busy
from tests.support import engines


def insert(transaction: Transaction) -> str:
    """Keep a row; the number of the transaction."""
    transaction.execute("INSERT INTO kept VALUES (%s)", (transaction.xid,))
    return transaction.xid


class CommitsTests(SynchronousTestCase):
    """A table, and what is known of the transactions that write to it."""

    def setUp(self) -> None:
        """Make it."""
        self.database = self.connect(engines.empty_schema())
        migrate(self.database, [])
        self.database.transact(lambda transaction: transaction.execute("CREATE TABLE kept (xid text)"))

    def connect(self, url: str) -> Database:
        """A database that is closed after the test."""
        database = Database(url, connections=2)
        self.addCleanup(database.close)
        return database

    def committed(self, transaction: Transaction) -> bool | None:
        """What is known of a transaction."""
        return self.known(transaction.key, transaction.xid)

    def known(self, key: str, xid: str) -> bool | None:
        """The same, by the key of its connection and its number."""
        with self.database.connection() as connection:
            return commits.was_committed(connection, key, xid)

    def test_known(self) -> None:
        """A transaction is under way, and then committed; or it is rolled back; or nothing has its number yet."""
        made: list[Transaction] = []

        def work(transaction: Transaction) -> None:
            insert(transaction)
            made.append(transaction)
            self.assertIsNone(self.committed(transaction))

        self.database.transact(work)
        self.database.transact_read_only(work)
        self.assertEqual([self.committed(each) for each in made], [True, False])
        ahead = str(int(made[0].xid) + 10**6)
        self.assertIs(self.known(made[0].key, ahead), False)
        self.assertIs(self.known(commits.new_key(), made[0].xid), False, "another one has it")

    def test_forgotten(self) -> None:
        """Rows of connections that ended long ago go, and others stay."""
        self.database.transact(insert)
        count = "SELECT count(*) FROM homeftp_commits"
        self.database.transact(lambda transaction: transaction.execute(commits.FORGET_OLD))
        self.assertEqual(self.database.row(count), (1,))
        self.database.row("UPDATE homeftp_commits SET at = at - interval '2 days', connection = 'old' RETURNING 1")
        self.database.transact(lambda transaction: transaction.execute(commits.FORGET_OLD))
        self.assertEqual(self.database.rows("SELECT connection FROM homeftp_commits WHERE connection = 'old'"), [])

    def test_number_given_again(self) -> None:
        """A database that crashes at a commit gives the number to another transaction: that one is not taken for it."""
        server = engines.PostgreSQL(durable=True)
        self.addCleanup(server.stop, signal.SIGQUIT)
        url = server.create("crashing")
        self.database, other = self.connect(url), self.connect(url)
        migrate(self.database, [])
        self.database.transact(lambda transaction: transaction.execute("CREATE TABLE kept (xid text)"))

        def crash(commit: Commit, xid: str) -> None:
            server.stop(signal.SIGQUIT)
            server.start()
            while int(other.transact(insert)) < int(xid):
                continue
            commit()

        numbers: list[str] = []

        def work(transaction: Transaction) -> str:
            numbers.append(transaction.xid)
            transaction.execute("INSERT INTO kept VALUES ('lost')")
            return transaction.xid

        self.assertRaises(Busy, self.database.transact, work, crash)
        (status,) = other.row("SELECT pg_xact_status(%s::text::xid8)", tuple(numbers))
        self.assertEqual(status, "committed", "the control: the number alone says that it was made")
        self.assertEqual(other.rows("SELECT 1 FROM kept WHERE xid = 'lost'"), [])
