"""A replica of the database takes over while servers write: they find it by themselves, and nothing is lost."""

from __future__ import annotations

import contextlib
import signal
from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.connections import TablesWatch
from homeftp.cluster.database import Database
from homeftp.cluster.identity import IDENTITY
from homeftp.cluster.migrations import migrate
from homeftp.errors import Busy
from tests.support.crashcase import CrashCase
from tests.support.engines import PostgreSQL
from tests.support.waiting import wait_until


class FailoverTests(CrashCase):
    """Two PostgreSQL, both of which the URL names."""

    def create(self) -> str:
        """Make the database, and its replica."""
        self.postgresql.create("homeftp")
        self.replica = PostgreSQL(durable=True, replica_of=self.postgresql)
        self.addCleanup(self.replica.stop, signal.SIGQUIT)
        folders = ",".join(quote(each.folder, safe="") for each in (self.postgresql, self.replica))
        return f"postgresql://postgres@/homeftp?host={folders}"

    def test_failover(self) -> None:
        """What was acknowledged is there, where nothing is acknowledged before the replica has it."""
        self.postgresql.await_replica()

        def fail_over(number: int) -> None:
            if number == 0:
                self.postgresql.stop(signal.SIGQUIT)
                self.replica.promote()

        self.assert_survives(fail_over, 1)

    def test_asynchronous(self) -> None:
        """The control: something is lost where the replica was behind."""

        def fail_over(number: int) -> None:
            if number == 0:
                self.replica.stop()
            elif number == 1:
                self.postgresql.stop(signal.SIGQUIT)
                self.replica.start()
                self.replica.promote()

        self.assertRaises(self.failureException, self.assert_survives, fail_over, 2)


class NoticedFailoverTests(SynchronousTestCase):
    """What runs while a replica takes over that may lack what was acknowledged."""

    def setUp(self) -> None:
        """Start both, of which the URL names both."""
        self.primary = PostgreSQL()
        self.addCleanup(self.primary.stop, signal.SIGQUIT)
        self.primary.create("homeftp")
        self.replica = PostgreSQL(replica_of=self.primary)
        self.addCleanup(self.replica.stop, signal.SIGQUIT)
        folders = ",".join(quote(each.folder, safe="") for each in (self.primary, self.replica))
        self.url = f"postgresql://postgres@/homeftp?host={folders}"
        self.tables = TablesWatch()
        self.database = Database(self.url, connections=2, tables=self.tables)
        self.addCleanup(self.database.close)
        migrate(self.database, [IDENTITY])

    def reconnect(self) -> None:
        """Have the database answer on a new connection."""

        def answers() -> bool:
            with contextlib.suppress(Busy):
                return bool(self.database.row("SELECT 1"))
            return False

        wait_until(answers, lambda: "the database answers")

    def restart(self, *, promoted: bool) -> None:
        """Stop the primary, and go on with it, or with the replica."""
        self.primary.stop()
        if promoted:
            self.replica.promote()
        else:
            self.primary.start()
        self.reconnect()

    def test_id(self) -> None:
        """The tables have another id at once, before any checkpoint; and the same where the database only restarted."""
        heard: list[str | None] = []
        self.tables.follow(lambda: heard.append(self.tables.id))
        self.restart(promoted=False)
        before = self.tables.id
        self.assertIsNotNone(before)
        self.restart(promoted=False)
        self.assertEqual((self.tables.id, heard), (before, []))
        self.restart(promoted=True)
        self.assertNotEqual(self.tables.id, before)
        self.assertEqual(heard, [self.tables.id])
