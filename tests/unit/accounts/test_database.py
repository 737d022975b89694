"""Accounts on disk: shared between processes, closed to others, and never half changed."""

from __future__ import annotations

import os

from homeftp.accounts.access import AccessChange, AccessTable, parse_folders
from homeftp.accounts.database import AccountDatabase, default_state_dir
from homeftp.accounts.devices import Devices, Narrowing, add_device
from homeftp.accounts.invitations import Invitations
from homeftp.endpoint import parse
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase


class StateTests(QuickCase):
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


class DefaultStateTests(QuickCase):
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
