"""Guesses that all servers of a cluster count together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Awaitable, Callable, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.state.guesses import GUESSES, ClusterGuesses
from homeftp.accounts.throttle import address_group, too_many
from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from homeftp.errors import Busy
from tests.support.engines import empty_schema
from tests.support.pauses import paused

T = TypeVar("T")


async def run_now(job: Callable[[str], T], address: str) -> T:
    """A pool without threads."""
    return job(address)


class ClusterGuessesTests(SynchronousTestCase):
    """Two servers."""

    def setUp(self) -> None:
        self.url = empty_schema()
        self.database = self.connect()
        migrate(self.database, [GUESSES])
        self.first, self.second = self.make(self.database), self.make(self.connect())

    def connect(self) -> Database:
        database = Database(self.url, connections=2)
        self.addCleanup(database.close)
        return database

    def make(self, database: Database, kind: str = "login", seconds: float = 600) -> ClusterGuesses:
        """What one server counts with: three in ten minutes."""
        return ClusterGuesses(
            database=lambda: database,
            run=run_now,
            kind=kind,
            most=3,
            seconds=seconds,
            group=address_group,
            too_many=too_many,
        )

    def done(self, waited: Awaitable[object]) -> None:
        self.successResultOf(Deferred.fromCoroutine(waited))  # type: ignore[arg-type]

    def refused(self, waited: Awaitable[object]) -> str:
        return str(self.failureResultOf(Deferred.fromCoroutine(waited), Busy).value.message)  # type: ignore[arg-type]

    def test_together(self) -> None:
        """What is tried at one server counts at the other; another address, and another kind of secret, is free."""
        self.done(self.first.count("192.0.2.1"))
        self.done(self.second.count("192.0.2.1"))
        self.done(self.first.count("192.0.2.1"))
        self.assertIn("try again in 10 minutes", self.refused(self.second.count("192.0.2.1")))
        self.done(self.second.count("192.0.2.2"))
        self.done(self.make(self.database, "pairing").count("192.0.2.1"))

    def test_at_once(self) -> None:
        """Of two servers that are asked for the last guess at once, one refuses it."""
        for _ in range(2):
            self.done(self.first.count("192.0.2.1"))
        with ThreadPoolExecutor() as threads, paused(self.url, "guesses") as go_on:
            asked = [threads.submit(self.is_taken, server) for server in (self.first, self.second)]
            go_on()
            self.assertEqual(sorted(each.result() for each in asked), [False, True])

    def is_taken(self, server: ClusterGuesses) -> bool:
        """Whether a server lets somebody guess."""
        taken = Deferred.fromCoroutine(server.count("192.0.2.1"))
        return taken.addErrback(lambda failure: failure.trap(Busy)).result is not Busy

    def test_network(self) -> None:
        """An IPv6 network in which one machine can take any address counts as one."""
        for number in range(3):
            self.done(self.first.count(f"2001:db8::{number}"))
        self.refused(self.second.count("2001:db8::ffff"))
        self.done(self.second.count("2001:db8:0:1::1"))

    def test_right(self) -> None:
        """A guess that was right does not count, and gives back no other."""
        for _ in range(5):
            self.done(self.first.count("192.0.2.1"))
            self.done(self.first.uncount("192.0.2.1"))
        for _ in range(3):
            self.done(self.first.count("192.0.2.1"))
        self.done(self.first.uncount("192.0.2.2"))
        self.refused(self.first.count("192.0.2.1"))

    def test_over(self) -> None:
        """After its time a guess does not count any more, and is forgotten."""
        for _ in range(3):
            self.done(self.first.count("192.0.2.1"))
        self.refused(self.first.count("192.0.2.1"))
        past = "UPDATE guesses SET at = at - interval '600 seconds'"
        self.database.transact(lambda transaction: transaction.execute(past))
        self.done(self.first.count("192.0.2.1"))
        self.assertEqual(self.database.row("SELECT count(*) FROM guesses"), (1,))
