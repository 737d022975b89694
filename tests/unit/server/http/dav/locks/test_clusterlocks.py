"""Locks in the database of a cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, TypeVar

import attrs
from twisted.internet.defer import Deferred

from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import migrate
from homeftp.endpoint import parse
from homeftp.errors import Busy
from homeftp.server.http.dav.locks.clusterlocks import LOCKS, ClusterLocks
from homeftp.server.http.dav.locks.interface import ILocks
from homeftp.server.http.dav.locks.lockset import Lock, LockConflict
from homeftp.workers import InlineWorkers
from tests.support import engines, lockcontract
from tests.support.kepttables import kept_database, tables_of_test
from tests.support.pauses import paused

T = TypeVar("T")

QUICK = DatabaseTimeouts(operation=0.1)


class ClusterLocksTests(lockcontract.LocksContract):
    """Two servers."""

    def setUp(self) -> None:
        self.begin(tables_of_test(self, LOCKS))

    def begin(self, url: str) -> None:
        """Keep the locks in a database."""
        self.url = url
        self.database = self.connect()
        migrate(self.database, [LOCKS])
        self.locks, self.others = self.server(self.database), self.server(self.connect())

    def connect(self) -> Database:
        database = kept_database(self.url, 2, DatabaseTimeouts())
        self.addCleanup(database.close)
        return database

    def server(self, database: Database) -> ClusterLocks:
        return ClusterLocks(InlineWorkers(), lambda: database)

    def execute(self, statement: str, *values: object) -> None:
        self.database.transact(lambda transaction: transaction.execute(statement, values))

    def advance(self, seconds: float) -> None:
        self.execute("UPDATE webdav_lock SET ends = ends - make_interval(secs => %s)", seconds)

    def fill(self, locks: list[Lock]) -> None:
        def work(transaction: Transaction) -> None:
            with transaction.connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO webdav_lock VALUES (%s, %s, %s, true, true, '', false, 100, %s, 1,"
                    " clock_timestamp() + make_interval(secs => 100))",
                    [(lock.token, lock.account, lock.endpoint.whole, f"{lock.endpoint}/") for lock in locks],
                )

        self.database.transact(work)

    def test_forgotten(self) -> None:
        """Locks that ended are not kept: the table has no more rows than there may be locks."""
        self.add("a", seconds=1), self.add("b", seconds=50)
        self.advance(2)
        self.add("c")
        self.assertEqual(self.database.rows("SELECT endpoint FROM webdav_lock ORDER BY 1"), [("b",), ("c",)])

    def test_order(self) -> None:
        """What is beneath a folder is found whatever order the database has for texts, such as one without `/`."""
        self.begin(engines.postgresql().create("locks_order", "und-u-ka-shifted"))
        self.assertEqual(self.database.row("SELECT 'a/b/' < 'a0'"), (False,), "the control")
        lock, beside = self.add("a/b"), self.add("ab")
        self.assertEqual(self.beneath("a", deep=True), {lock.token})
        self.assertEqual(self.beneath("", deep=True), {lock.token, beside.token})

    def test_at_once(self) -> None:
        """Of two servers that lock the same at once one gets it: the other one looks when that has been written."""
        with ThreadPoolExecutor() as threads, paused(self.url, "webdav_lock") as go_on:
            asked = [
                threads.submit(self.admitted, locks, account)
                for locks, account in ((self.locks, "ann"), (self.others, "bob"))
            ]
            go_on()
            self.assertEqual(sorted(each.result() for each in asked), [False, True])
        self.assertEqual(len(self.on("a")), 1)

    def admitted(self, locks: ILocks, account: str) -> bool:
        """Whether a server gives a lock."""

        async def add() -> bool:
            try:
                await locks.add(lockcontract.new_lock("a", account))
            except LockConflict:
                return False
            return True

        return self.done(add())

    def test_down(self) -> None:
        """Where the database does not answer it is not known what is locked: nothing is allowed."""
        down = Database("postgresql:///x?host=%2Fnowhere", connections=1, timeouts=QUICK)
        self.addCleanup(down.close)
        locks, lock = self.server(down), lockcontract.new_lock("a")
        for waited in (locks.near(parse("a")), locks.add(lock), locks.refresh(lock, 1), locks.remove(lock)):
            self.refused(waited, Busy)
        self.done(locks.removed([lock]))

    def test_secret(self) -> None:
        """What is written of a lock, such as into a log, does not show its token."""
        lock = lockcontract.new_lock("a")
        self.assertNotIn(lock.token, repr(lock))
        self.assertIn(lock.token, repr(attrs.asdict(lock)), "the control")

    def test_workers(self) -> None:
        """The database is asked in the turn of the account, and not at once."""
        asked = []

        class Workers(InlineWorkers):
            def of(self, account: str) -> Workers:
                asked.append(account)
                return self

            def run_unbounded(self, job: Callable[..., T], *args: Any) -> Deferred[T]:
                return Deferred()

        locks = ClusterLocks(Workers(), lambda: self.database).of("ann")
        self.assertNoResult(Deferred.fromCoroutine(locks.near(parse("a"))))
        self.assertEqual(asked, ["ann"])
