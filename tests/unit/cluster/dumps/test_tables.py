"""The statements of dumps."""

from __future__ import annotations

from homeftp.cluster.dumps import tables
from tests.support.dumpcase import DumpCase, home


class TableTests(DumpCase):
    """A cluster's tables."""

    def test_read(self) -> None:
        """What there is of the schema, the identity, the numbers, the columns and the rows."""
        with self.database.connection() as connection:
            self.assertEqual(tables.steps(connection), {part.name: len(part.steps) for part in self.parts})
            self.assertEqual(tables.identity(connection), home())
            self.assertGreaterEqual(tables.last_number(connection, "number"), 3)
            self.assertEqual(tables.columns(connection, "pack"), ["object", "size"])
            self.assertGreater(tables.now_us(connection), 1_700_000_000_000_000)
            out = tables.CopyOut(connection, "share", ("id", "root"))
            self.assertEqual(b"".join(out).count(b"\n"), out.rows)

    def test_lock(self) -> None:
        """One of all servers has it, until it is done, whatever happened."""
        other = self.server().database

        def fail() -> None:
            with tables.dumping(self.database) as connection, tables.dumping(other) as second:
                assert connection is not None
                self.assertIsNone(second)
                connection.execute("BEGIN")
                raise KeyError

        self.assertRaises(KeyError, fail)
        with tables.dumping(other) as again:
            self.assertIsNotNone(again)

    def test_existing(self) -> None:
        """The tables that are in the way."""
        found = self.database.transact(lambda transaction: tables.existing(transaction, ["node", "absent", "audit"]))
        self.assertEqual(found, ["audit", "node"])

    def test_sequences(self) -> None:
        """A sequence goes on behind a number, and never below the time in microseconds."""
        high = 2**60
        self.database.transact(lambda transaction: tables.continue_sequences(transaction, {"number": high}))
        self.assertEqual(self.database.rows("SELECT nextval('number')"), [(high + 2,)])
        self.database.transact(lambda transaction: tables.continue_sequences(transaction, {"number": 1}))
        self.assertGreater(self.database.row("SELECT nextval('number')")[0], 1_700_000_000_000_000)
