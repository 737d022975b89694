"""The tables of a cluster's database, and what becomes of each in a dump."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.database import Database
from homeftp.cluster.migrations import OWN_TABLES, migrate
from homeftp.server.clusterschema import SCHEMA
from tests.support.engines import empty_schema


class SchemaTests(SynchronousTestCase):
    """A new database."""

    def test_every_table(self) -> None:
        """Of each table and sequence it was decided whether dumps have it; a column that they leave out exists."""
        database = Database(empty_schema(), connections=1)
        self.addCleanup(database.close)
        migrate(database, SCHEMA)
        query = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = %s"
        tables = {name for (name,) in database.rows(query, ("r",))}
        decided = [each.name for part in SCHEMA for each in part.kept] + [name for part in SCHEMA for name in part.left]
        self.assertEqual(sorted(decided), sorted(tables - set(OWN_TABLES)))
        sequences = {name for (name,) in database.rows(query, ("S",))}
        dumped = {name for part in SCHEMA for name in part.sequences}
        self.assertEqual(sequences - dumped, {"guesses_id_seq"}, "that of a table that no dump has")
        columns = {
            (table, column)
            for table, column in database.rows(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
            )
        }
        left = {(each.name, column) for part in SCHEMA for each in part.kept for column in each.without}
        self.assertEqual(left - columns, set())

    def test_since(self) -> None:
        """Each table that dumps have is made by the step that it names."""
        most = max(len(part.steps) for part in SCHEMA)
        for step in range(1, most + 1):
            database = Database(empty_schema(), connections=1)
            self.addCleanup(database.close)
            migrate(database, [attrs.evolve(part, steps=part.steps[:step]) for part in SCHEMA])
            query = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
            tables = {name for (name,) in database.rows(query)}
            kept = {each.name: each.since for part in SCHEMA for each in part.kept}
            self.assertEqual(tables & set(kept), {name for name, since in kept.items() if since <= step})
