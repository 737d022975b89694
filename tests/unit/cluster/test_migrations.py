"""The schema is made step by step, each step once, by whoever comes first."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import psycopg
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database
from homeftp.cluster.dumps import tables
from homeftp.cluster.migrations import SchemaPart, expect_current, migrate, ordered, states
from homeftp.errors import OperatorError
from tests.support import engines
from tests.support.pauses import PAUSING, paused

_NUMBERS = itertools.count(1)

FIRST = SchemaPart("first", ("CREATE TABLE first (n integer); INSERT INTO first VALUES (1);",))
SECOND = SchemaPart("second", ("CREATE TABLE second AS SELECT n FROM first",), needs=("first",))
LATER = SchemaPart("first", (*FIRST.steps, "ALTER TABLE first ADD COLUMN m integer NOT NULL DEFAULT 5"))


class MigrationsTests(SynchronousTestCase):
    """An empty database."""

    def setUp(self) -> None:
        """Make it."""
        self.url = url = engines.postgresql().create(f"migrations{next(_NUMBERS)}")
        self.database = Database(url, connections=4)
        self.addCleanup(self.database.close)

    def test_made_once(self) -> None:
        """All steps are made in order of need, and a second time nothing is done."""
        self.assertEqual(migrate(self.database, [SECOND, FIRST]), ["first 1", "second 1"])
        self.assertEqual(migrate(self.database, [SECOND, FIRST]), [])
        self.assertEqual(self.database.rows("SELECT n FROM second"), [(1,)])

    def test_later_step(self) -> None:
        """A later version makes only what was added; what was there stays."""
        migrate(self.database, [FIRST])
        self.assertEqual(migrate(self.database, [LATER]), ["first 2"])
        self.assertEqual(self.database.rows("SELECT n, m FROM first"), [(1, 5)])

    def test_all_or_nothing(self) -> None:
        """Where a step fails none is made."""
        broken = SchemaPart("second", ("CREATE TABLE second (n integer); SELECT 1 / 0;",))
        self.assertRaises(psycopg.errors.DivisionByZero, migrate, self.database, [FIRST, broken])
        self.assertEqual([state.made for state in states(self.database, [FIRST])], [0])
        self.assertEqual(migrate(self.database, [FIRST]), ["first 1"])

    def test_at_once(self) -> None:
        """Of two who upgrade at the same time one does; the other one looks what there is when that is done."""
        slow = SchemaPart("slow", (f"{PAUSING}; CREATE TABLE slow (n integer);",))
        with ThreadPoolExecutor() as threads, paused(self.url) as go_on:
            asked = [threads.submit(migrate, self.database, [slow]) for _ in range(2)]
            go_on()
            self.assertEqual(sorted(each.result() for each in asked), [[], ["slow 1"]])

    def test_dump(self) -> None:
        """While a dump is written no step is made, and that is said at once; after it they are."""
        migrate(self.database, [FIRST])
        with tables.dumping(self.database) as connection:
            self.assertIsNotNone(connection)
            refused = self.assertRaises(OperatorError, migrate, self.database, [LATER])
            self.assertIn("a dump of the database is being written", str(refused))
            self.assertEqual(migrate(self.database, [FIRST]), [], "there is nothing to do")
        with tables.dumping(self.database):
            self.assertEqual([state.made for state in states(self.database, [LATER])], [1])
        self.assertEqual(migrate(self.database, [LATER]), ["first 2"])

    def test_in_use(self) -> None:
        """Where somebody else's transaction has a table the message says so, and not that the database is away."""
        migrate(self.database, [FIRST])
        hasty = Database(self.url, connections=1, timeouts=DatabaseTimeouts(lock=0.1))
        self.addCleanup(hasty.close)
        with psycopg.connect(self.url) as reader:
            reader.execute("SELECT n FROM first")
            refused = self.assertRaises(OperatorError, migrate, hasty, [LATER])
            self.assertIn("the tables are in use", str(refused))
        self.assertEqual(migrate(hasty, [LATER]), ["first 2"])

    def test_expected(self) -> None:
        """A server says what is to be done where the schema is missing or old, and accepts a newer one."""
        for made, expected in ((None, "homeftp cluster init"), (FIRST, "homeftp cluster migrate")):
            if made is not None:
                migrate(self.database, [made])
            refused = self.assertRaises(OperatorError, expect_current, self.database, [LATER])
            self.assertIn(expected, str(refused))
        migrate(self.database, [LATER])
        expect_current(self.database, [LATER])
        expect_current(self.database, [FIRST])


class OrderTests(SynchronousTestCase):
    """Parts that need each other."""

    def test_missing(self) -> None:
        """A part whose need is not there is a mistake of the program."""
        self.assertEqual(ordered([SECOND, FIRST]), [FIRST, SECOND])
        self.assertRaises(ValueError, ordered, [SECOND])
