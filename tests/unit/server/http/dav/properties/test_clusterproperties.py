"""Properties in the database of a cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg

from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import migrate
from homeftp.config import Limits
from homeftp.endpoint import parse
from homeftp.errors import Busy, NoSpace
from homeftp.model import Change
from homeftp.server.http.dav.properties.bounds import MAX_BYTES
from homeftp.server.http.dav.properties.clusterproperties import PROPERTIES, ClusterProperties, follow
from tests.support import engines, propertycontract
from tests.support.kepttables import kept_database, tables_of_test
from tests.support.pauses import paused
from tests.support.propertycontract import ANN, BOB, ONE, TWO, property_change
from tests.support.waiting import wait_until

QUICK = DatabaseTimeouts(operation=0.1)


class ClusterPropertiesTests(propertycontract.PropertiesContract):
    """Two servers."""

    def setUp(self) -> None:
        self.begin(tables_of_test(self, PROPERTIES))

    def begin(self, url: str) -> None:
        """Keep the properties in a database."""
        self.url = url
        self.database = self.connect()
        migrate(self.database, [PROPERTIES])
        self.properties = self.bounded(Limits())
        other = self.connect()
        self.others = ClusterProperties(lambda: other, Limits())

    def connect(self) -> Database:
        database = kept_database(self.url, 2, DatabaseTimeouts())
        self.addCleanup(database.close)
        return database

    def bounded(self, limits: Limits, most_bytes: int = MAX_BYTES) -> ClusterProperties:
        return ClusterProperties(lambda: self.database, limits, most_bytes)

    def follow(self, *changes: Change) -> None:
        self.database.transact(lambda transaction: follow(transaction, changes))

    def forget(self) -> None:
        self.execute("DELETE FROM webdav_property")

    def execute(self, statement: str) -> None:
        self.database.transact(lambda transaction: transaction.execute(statement))

    def test_order(self) -> None:
        """What is beneath a folder is found whatever order the database has for texts, such as one without `/`."""
        self.begin(engines.postgresql().create("properties_order", "und-u-ka-shifted"))
        self.assertEqual(self.database.row("SELECT 'a/b/' < 'a0'"), (False,), "the control")
        self.set("a/b/c", "ab/c", "a/b", "a")
        self.follow(property_change("move", "a", "d"))
        found = [self.others.of(parse(path)) for path in ("d", "d/b", "d/b/c", "ab/c", "a/b/c")]
        self.assertEqual(found, [{ONE: "a"}, {ONE: "a/b"}, {ONE: "a/b/c"}, {ONE: "ab/c"}, {}])

    def test_rolled_back(self) -> None:
        """What is not moved after all keeps its properties: they follow in the transaction of the change."""
        self.set("a")
        with self.assertRaises(ZeroDivisionError):
            self.database.transact(self.move_and_fail)
        self.assertEqual((self.others.of(parse("a")), self.others.of(parse("b"))), ({ONE: "a"}, {}))

    def move_and_fail(self, transaction: Transaction) -> None:
        follow(transaction, [property_change("move", "a", "b")])
        self.assertEqual(transaction.row("SELECT name FROM webdav_property"), ("b",))
        raise ZeroDivisionError

    def test_at_once(self) -> None:
        """Of two servers that set one property more than there may be, at once, one is refused."""
        with ThreadPoolExecutor() as threads, paused(self.url, "webdav_property") as go_on:
            asked = [threads.submit(self.is_set, path) for path in "ab"]
            go_on()
            self.assertEqual(sorted(each.result() for each in asked), [False, True])

    def is_set(self, path: str) -> bool:
        """Whether a server of which an account may have one property sets it."""
        try:
            self.bounded(Limits(account_properties=1)).change(parse(path), {ONE: "1"}, ANN)
        except NoSpace:
            return False
        return True

    def test_met(self) -> None:
        """A move to a place where somebody sets properties meanwhile is done again, and takes their place."""
        self.set("a")
        with ThreadPoolExecutor() as threads, psycopg.connect(self.url) as connection:
            connection.execute(
                "INSERT INTO webdav_property VALUES ('', 'b', 'urn:x', 'one', 'late', '', 0),"
                " ('', 'b', '', 'two', '', '', 0)"
            )
            moved = threads.submit(self.follow, property_change("move", "a", "b"))
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_until(lambda: self.database.row(waiting) == (1,))
            connection.commit()
            moved.result()
        self.assertEqual((self.others.of(parse("a")), self.others.of(parse("b"))), ({}, {ONE: "a"}))

    def test_down(self) -> None:
        """Where the database does not answer that is said: it is not known which there are."""
        down = Database("postgresql:///x?host=%2Fnowhere", connections=1, timeouts=QUICK)
        self.addCleanup(down.close)
        properties = ClusterProperties(lambda: down, Limits())
        for ask in (
            lambda: properties.of(parse("a")),
            lambda: properties.inside(parse("a")),
            lambda: properties.change(parse("a"), {TWO: "2"}, BOB),
            lambda: properties.copied(parse("a"), parse("b"), BOB, deep=True),
        ):
            self.assertRaises(Busy, ask)
