"""A replica of the database takes over while servers write: they find it by themselves, and nothing is lost."""

from __future__ import annotations

import signal
from urllib.parse import quote

from tests.support.crashcase import CrashCase
from tests.support.engines import PostgreSQL


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
