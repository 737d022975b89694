"""Whether logins are still valid."""

from __future__ import annotations

from typing import cast

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.access import Access, AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Device, Devices, add_device
from homeftp.accounts.realm import Account
from homeftp.accounts.validator import AccessValidator
from homeftp.endpoint import parse
from homeftp.interfaces import IStore
from homeftp.store.policy.rights import parse_rights

STORE = cast(IStore, object())


class ValidatorTests(SynchronousTestCase):
    """Logins of ann, with a password and with her laptop."""

    def setUp(self) -> None:
        self.state = AccountDatabase(self.mktemp())
        self.accesses = AccessTable(self.state)
        for name in ("ann", "bob"):
            self.state.add_account(name, None)
        with self.state.transaction() as connection:
            self.laptop = add_device(connection, "1" * 32, "ann", "laptop", 0.0)

    def valid(self, *, own_accounts: bool = True, access: Access | None = None) -> list[bool]:
        """Whether a login with a password, and one with the laptop, are valid."""
        account = Account("ann", STORE, access or Access())
        logins: list[tuple[Account, Device | None]] = [(account, None), (account, self.laptop)]
        return AccessValidator(self.state, own_accounts).are_valid(logins)

    def test_valid(self) -> None:
        """Nothing has changed, or only what concerns others or names."""
        Devices(self.state).rename("ann-laptop", "old")
        self.state.remove_account("bob")
        self.assertEqual(self.valid(), [True, True])

    def test_device(self) -> None:
        """A device that was revoked, or belongs to another account by now, ends its own login only."""
        Devices(self.state).revoke("ann-laptop")
        self.assertEqual(self.valid(), [True, False])
        with self.state.transaction() as connection:
            add_device(connection, self.laptop.id, "bob", "laptop", 0.0)
        self.assertEqual(self.valid(), [True, False])

    def test_account(self) -> None:
        """A removed account ends all of its logins; one of another checker's, those of its devices."""
        self.state.remove_account("ann")
        self.assertEqual(self.valid(), [False, False])
        self.assertEqual(self.valid(own_accounts=False), [True, False])

    def test_access(self) -> None:
        """Each change of rights, home or grants ends the logins from before; those from after are valid."""
        for change in (
            lambda: self.accesses.set_rights("ann", parse_rights("read")),
            lambda: self.accesses.set_home("ann", parse("people/ann")),
            lambda: self.accesses.grant("ann", parse("tax"), frozenset()),
        ):
            before = self.accesses.find("ann")
            self.assertEqual(self.valid(access=before), [True, True], "the control")
            change()
            self.assertEqual(self.valid(access=before), [False, False])
        self.assertEqual(self.valid(access=self.accesses.find("ann")), [True, True])
