"""Accounts on disk: shared between processes, closed to others, upgraded as a whole, and never half changed."""

from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from homeftp.accounts.access import WHOLE_STORE, AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import WHOLE_ACCOUNT, Devices
from homeftp.accounts.state.schema import SCHEMA
from homeftp.accounts.state.sqlite import FILE
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase


class SqliteStateTests(QuickCase):
    """One database for the command line and the server."""

    def setUp(self) -> None:
        """An empty state folder, under the loosest umask."""
        previous = os.umask(0)
        self.addCleanup(os.umask, previous)
        self.folder = os.path.abspath(self.mktemp())
        self.file = os.path.join(self.folder, FILE)
        self.state = AccountDatabase(self.folder).open()

    def test_exists(self) -> None:
        """Whether a folder has a database is asked without creating one."""
        self.assertTrue(self.state.exists())
        other = os.path.abspath(self.mktemp())
        self.assertFalse(AccountDatabase(other).exists())
        self.assertFalse(os.path.exists(other))

    def test_modes(self) -> None:
        """The file, and SQLite's files beside it, are the owner's alone, whatever the umask."""
        self.state.add_account("anna", "x")
        with self.state.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            modes = {
                name: stat.S_IMODE(os.stat(os.path.join(self.folder, name)).st_mode) for name in os.listdir(self.folder)
            }
        self.assertEqual(modes, dict.fromkeys(["state.sqlite", "state.sqlite-wal", "state.sqlite-shm"], 0o600))

    def test_loose_file(self) -> None:
        """A password file that others may read is refused, with the command that mends it."""
        os.chmod(self.file, 0o644)
        error = self.assertRaises(OperatorError, AccountDatabase(self.folder).open)
        self.assertIn(f"chmod 600 {self.file}", str(error))
        os.chmod(self.file, 0o600)
        AccountDatabase(self.folder).open()

    def test_older(self) -> None:
        """A database of each older version is upgraded as a whole, and keeps its accounts."""
        upgraded = 0
        for version in range(1, len(SCHEMA)):
            folder = os.path.abspath(self.mktemp())
            os.mkdir(folder, 0o700)
            path = os.path.join(folder, FILE)
            os.close(os.open(path, os.O_CREAT, 0o600))
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                for position, statement in enumerate(SCHEMA[:version]):
                    connection.execute(statement)
                    if position == 0:
                        connection.execute("INSERT INTO accounts VALUES ('ann', 'hers')")
                    if statement.startswith("CREATE TABLE devices"):
                        connection.execute("INSERT INTO devices VALUES ('1', 'laptop', 'ann', 5.0)")
                connection.execute(f"PRAGMA user_version = {version}")
            state = AccountDatabase(folder).open()
            state.check()
            self.assertEqual((state.account_names(), state.password("ann")), (["ann"], "hers"), version)
            self.assertEqual(AccessTable(state).find("ann"), WHOLE_STORE, version)
            if (found := Devices(state).find_certified("1")) is not None:
                self.assertEqual((found[0].name, found[0].narrowing), ("laptop", WHOLE_ACCOUNT), version)
                upgraded += 1
        self.assertGreater(upgraded, 20)

    def test_newer(self) -> None:
        """A database of a later version is left alone."""
        with sqlite3.connect(self.file) as connection:
            connection.execute("PRAGMA user_version = 1000")
        connection.close()
        error = self.assertRaises(OperatorError, AccountDatabase(self.folder).open)
        self.assertIn("newer version of homeftp", str(error))

    def test_damaged(self) -> None:
        """A damaged or missing database is one line, not a traceback, and never an empty one in its place."""
        self.state.close()
        os.unlink(self.file)
        self.assertNotIn("\n", str(self.assertRaises(OperatorError, self.state.account_names)))
        self.assertFalse(os.path.exists(self.file))
        with open(os.open(self.file, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(b"no database, but long enough to be looked at" * 100)
        self.assertNotIn("\n", str(self.assertRaises(OperatorError, AccountDatabase(self.folder).open)))

    def test_version(self) -> None:
        """The version changes with what another program commits, and with the file; else it stays."""
        self.addCleanup(self.state.close)
        versions = [self.state.version()]
        self.assertEqual(self.state.version(), versions[0])
        self.assertEqual(AccountDatabase(self.folder).account_names(), [])
        self.assertEqual(self.state.version(), versions[0])
        AccountDatabase(self.folder).add_account("anna", "x")
        versions.append(self.state.version())
        self.state.set_password("anna", "y")
        versions.append(self.state.version())
        self.state.close()
        versions.append(self.state.version())
        os.rename(self.file, self.file + ".away")
        self.assertRaises(OperatorError, self.state.version)
        os.rename(self.file + ".away", self.file)
        versions.append(self.state.version())
        self.assertEqual(len(set(versions)), len(versions), versions)

    def test_no_default(self) -> None:
        """The database itself gives an account neither rights nor a home."""
        with self.assertRaisesRegex(OperatorError, "NOT NULL"), self.state.connection() as connection:
            connection.execute("INSERT INTO accounts (name, password) VALUES ('anna', 'x')")

    def test_threads(self) -> None:
        """Many threads at once lose nothing."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: self.state.add_account(f"u{number:02}", "x"), range(40)))
        self.assertEqual(self.state.account_names(), [f"u{number:02}" for number in range(40)])

    def test_snapshot(self) -> None:
        """What another program commits meanwhile is not seen within a snapshot, and is seen after it."""
        with self.state.snapshot() as seen:
            self.assertEqual(seen.execute("SELECT name FROM accounts").fetchall(), [])
            AccountDatabase(self.folder).add_account("anna", "x")
            self.assertEqual(seen.execute("SELECT name FROM accounts").fetchall(), [])
        with self.state.connection() as seen:
            self.assertEqual(seen.execute("SELECT name FROM accounts").fetchall(), [("anna",)])
