"""The steps of the SQLite schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.state.schema import COLUMN_TYPES, SCHEMA


class SchemaTests(SynchronousTestCase):
    """All steps on an empty database."""

    def test_checked(self) -> None:
        """The types of all columns are checked, and of no others."""
        with closing(sqlite3.connect(":memory:")) as connection:
            for statement in SCHEMA:
                connection.execute(statement)
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            columns = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in tables}
        checked = {table: sorted(types) for table, types in COLUMN_TYPES.items()}
        self.assertEqual({table: sorted(names) for table, names in columns.items()}, checked)
