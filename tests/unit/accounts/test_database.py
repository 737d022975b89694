"""Accounts on disk: shared between processes, closed to others, and never half changed."""

from __future__ import annotations

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts import database
from homeftp.accounts.access import WHOLE_STORE, AccessChange, AccessTable, parse_folders
from homeftp.accounts.database import AccountDatabase, default_state_dir
from homeftp.accounts.devices import WHOLE_ACCOUNT, Devices, Narrowing, add_device
from homeftp.accounts.invitations import Invitations
from homeftp.endpoint import parse
from homeftp.errors import OperatorError


class StateTests(SynchronousTestCase):
    """One database for the command line and the server."""

    def setUp(self) -> None:
        """An empty state folder, under the loosest umask."""
        previous = os.umask(0)
        self.addCleanup(os.umask, previous)
        self.folder = os.path.abspath(self.mktemp())
        self.file = os.path.join(self.folder, "state.sqlite")
        self.state = AccountDatabase(self.folder).open()

    def test_accounts(self) -> None:
        """An account is added, read, changed and forgotten; the next program that opens the folder sees it."""
        self.state.add_account("zoe", "first")
        self.state.add_account("anna", "hers")
        other = AccountDatabase(self.folder)
        self.assertEqual(other.account_names(), ["anna", "zoe"])
        self.assertTrue(other.set_password("zoe", "second"))
        self.assertEqual(self.state.password("zoe"), "second")
        self.assertEqual(self.state.password("anna"), "hers")
        self.assertTrue(other.remove_account("zoe"))
        self.assertIsNone(self.state.password("zoe"))

    def test_removed(self) -> None:
        """Nothing of a removed account is left in any table, for another one of its name; all of another's stays."""
        accesses, invitations = AccessTable(self.state), Invitations(self.state)
        for name in ("ann", "bob"):
            accesses.add(name, "x", AccessChange(folders=parse_folders(["photos:read"])))
            accesses.grant(name, parse("tax"), frozenset())
            invitations.make(name, 600)
            with self.state.transaction() as connection:
                add_device(connection, name * 4, name, "laptop", 0.0)
        before = self.mentions("bob")
        self.assertEqual(before.keys(), {"accounts", "devices", "folders", "grants", "invitations"}, "the control")
        self.assertEqual(self.mentions("ann").keys(), before.keys(), "the control")
        self.assertTrue(self.state.remove_account("ann"))
        self.assertEqual(self.mentions("ann"), {"removed_accounts": [("ann",)]})
        self.assertEqual(self.mentions("bob"), before)

    def mentions(self, name: str) -> dict[str, list[tuple[object, ...]]]:
        """The rows of each table that have a name in any column."""
        found = {}
        with self.state.connection() as connection:
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                rows = [row for row in connection.execute(f"SELECT * FROM {table}") if name in row]
                if rows:
                    found[table] = rows
        return found

    def test_taken(self) -> None:
        """A second account of a name is refused, and the first keeps its password."""
        self.state.add_account("anna", "hers")
        error = self.assertRaises(OperatorError, self.state.add_account, "anna", "other")
        self.assertIn("homeftp account password anna", str(error))
        self.assertEqual(self.state.password("anna"), "hers")

    def test_unknown(self) -> None:
        """Changing or removing an account that is not there changes nothing, and is told."""
        self.assertFalse(self.state.set_password("nobody", "x"))
        self.assertFalse(self.state.remove_account("nobody"))
        self.assertEqual(self.state.account_names(), [])

    def test_instead_of(self) -> None:
        """A password that was changed meanwhile is not overwritten by an upgrade of the old one."""
        for name, password in (("aaron", "his"), ("anna", "old")):
            self.state.add_account(name, password)
        self.assertFalse(self.state.set_password("anna", "upgraded", instead_of="another"))
        self.assertEqual(self.state.password("anna"), "old")
        stamps = [self.state.password_and_stamp(name)[1] for name in ("aaron", "anna")]
        self.assertTrue(self.state.set_password("anna", "upgraded", instead_of="old"))
        self.assertEqual([self.state.password(name) for name in ("aaron", "anna")], ["his", "upgraded"])
        after = [self.state.password_and_stamp(name)[1] for name in ("aaron", "anna")]
        self.assertEqual(after, stamps, "it is the same password: no login ends")
        self.assertEqual(len(set(after)), 2)

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
        for version in range(1, len(database.SCHEMA)):
            folder = os.path.abspath(self.mktemp())
            os.mkdir(folder, 0o700)
            path = os.path.join(folder, database.FILE)
            os.close(os.open(path, os.O_CREAT, 0o600))
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                for position, statement in enumerate(database.SCHEMA[:version]):
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

    def test_no_default_of_devices(self) -> None:
        """Nor does it give a device a kind, a right or a home; what is there without these cannot log in."""
        self.state.add_account("anna", None)
        with self.state.transaction() as connection:
            connection.execute("INSERT INTO devices (id, name, account, paired) VALUES ('1', 'x', 'anna', 5.0)")
        self.assertIsNone(Devices(self.state).find_certified("1"))
        with self.state.transaction() as connection:
            connection.execute("UPDATE devices SET kind = 'certificate'")
        self.assertIsNone(Devices(self.state).find_certified("1"))
        with self.state.transaction() as connection:
            connection.execute("UPDATE devices SET home = '/'")
        found = Devices(self.state).find_certified("1")
        assert found is not None
        self.assertEqual(found[0].narrowing, Narrowing(frozenset()))

    def test_threads(self) -> None:
        """Many threads at once lose nothing."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: self.state.add_account(f"u{number:02}", "x"), range(40)))
        self.assertEqual(self.state.account_names(), [f"u{number:02}" for number in range(40)])


class DefaultStateTests(SynchronousTestCase):
    """The default of the state folder."""

    def test_systemd(self) -> None:
        """Under systemd it is the first folder that the unit was given."""
        self.assertEqual(default_state_dir({"STATE_DIRECTORY": "/var/lib/homeftp"}), "/var/lib/homeftp")
        self.assertEqual(default_state_dir({"STATE_DIRECTORY": "/var/lib/homeftp:/var/lib/other"}), "/var/lib/homeftp")

    def test_platform(self) -> None:
        """Elsewhere it is the platform's folder for this user."""
        for environ in ({}, {"STATE_DIRECTORY": ""}):
            self.assertTrue(os.path.isabs(default_state_dir(environ)))
            self.assertEqual(os.path.basename(default_state_dir(environ)), "homeftp")
