"""The accounts of a server become those of a cluster: all that they may do, and all that logs in for them."""

from __future__ import annotations

from typing import Any

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.state.copying import CopiedAccounts, copy_accounts
from homeftp.accounts.state.postgresql import ACCOUNTS, PostgresState
from homeftp.accounts.state.schema import COLUMN_TYPES
from homeftp.accounts.state.sqlite import SqliteState
from homeftp.cluster.database import Database
from homeftp.cluster.migrations import migrate
from tests.support.accountstate import StateCase
from tests.support.engines import empty_schema

_OTHER = frozenset({"invitations", "tries"})
"""The tables that are not copied."""


class CopyingTests(StateCase):
    """From SQLite to PostgreSQL."""

    def setUp(self) -> None:
        super().setUp()
        self.state = self.make_state()
        self.source = SqliteState(self.state.folder)
        database = Database(empty_schema(), connections=2)
        self.addCleanup(database.close)
        migrate(database, [ACCOUNTS])
        self.target = PostgresState(database)

    def rows(self, engine: SqliteState | PostgresState, table: str) -> list[tuple[Any, ...]]:
        """All rows of a table, without stamps."""
        columns = ", ".join(each for each in COLUMN_TYPES[table] if each != "stamp")
        with engine.connection() as connection:
            return sorted((tuple(row) for row in connection.execute(f"SELECT {columns} FROM {table}")), key=repr)

    def fill(self) -> None:
        """An account of each kind, with devices."""
        with self.state.transaction() as connection:
            for statement in (
                "INSERT INTO accounts (name, password, home, rights, quota, links) VALUES"
                " ('ann', 'x', '/', 'read', 5, 1), ('bob', NULL, '/b', 'none', NULL, 0),"
                " ('eve', 'y', '/', 'read', 1, 0)",
                "INSERT INTO grants VALUES ('bob', '/c', 'read')",
                "INSERT INTO folders VALUES ('bob', '/d', 'read')",
                "INSERT INTO devices (id, name, account, paired, kind, home, rights, credential, expires) VALUES"
                " ('1', 'pc', 'ann', 1.5, 'certificate', '/', 'read', NULL, NULL),"
                " ('2', 'l', 'ann', 2, 'share link', '/', 'read', 'c', 9.25)",
                "INSERT INTO links VALUES ('2', '1', 3, 'p')",
                "DELETE FROM accounts WHERE name = 'eve'",
            ):
                connection.execute(statement)

    def test_copied(self) -> None:
        """Every row of every table is there, but for invitations; each account has its id, and a stamp of its own."""
        self.fill()
        self.assertEqual(copy_accounts(self.source, self.target), CopiedAccounts(2, 2))
        for table in COLUMN_TYPES.keys() - _OTHER:
            rows = self.rows(self.source, table)
            self.assertTrue(rows, table)
            self.assertEqual(self.rows(self.target, table), rows, table)
        for table in ("accounts", "devices"):
            with self.source.connection() as old, self.target.connection() as new:
                stamps = [{row[0] for row in each.execute(f"SELECT stamp FROM {table}")} for each in (old, new)]
            self.assertEqual(([len(each) for each in stamps], stamps[0] & stamps[1]), ([2, 2], set()))

    def test_occupied(self) -> None:
        """A cluster that has an account gets no other one."""
        self.fill()
        AccountDatabase(self.mktemp(), self.target).add_account("zoe", None)
        before = self.rows(self.target, "accounts")
        self.assertIsNone(copy_accounts(self.source, self.target))
        self.assertEqual((self.rows(self.target, "accounts"), self.rows(self.target, "devices")), (before, []))

    def test_empty(self) -> None:
        """No accounts are none."""
        self.assertEqual(copy_accounts(self.source, self.target), CopiedAccounts(0, 0))
