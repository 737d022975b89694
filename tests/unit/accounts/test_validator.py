"""Whether logins are still valid."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.access import WHOLE_STORE, Access, AccessChange, AccessTable
from homeftp.accounts.devices import DeviceKind, Devices, Narrowing, add_device
from homeftp.accounts.realm import Account
from homeftp.accounts.validator import AccessValidator, CheckedStore
from homeftp.endpoint import ROOT, parse
from homeftp.errors import Forbidden
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import Rights, parse_rights
from tests.support.accountstate import StateCase
from tests.support.immediatestore import ImmediateMemoryStore
from tests.support.stores import put_of

STORE = MemoryStore()


class ValidatorTests(StateCase):
    """Logins of ann, with a password and with her laptop."""

    def setUp(self) -> None:
        self.state = self.make_state()
        self.accesses = AccessTable(self.state)
        for name in ("ann", "bob"):
            self.state.add_account(name, None)
        with self.state.transaction() as connection:
            self.laptop = add_device(connection, "1" * 32, "ann", "laptop", 0.0)

        self.access = self.find()

    def find(self) -> Access:
        """The access of ann now."""
        found = self.accesses.find("ann")
        assert found is not None
        return found

    def valid(self, access: Access | None = None) -> list[bool]:
        """Whether a login with a password, and one with the laptop, are valid."""
        account = Account("ann", STORE, access or self.access)
        return AccessValidator(self.state).are_valid([account, attrs.evolve(account, device=self.laptop)])

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
        """A removed account ends all of its logins; one that is added again is another account."""
        self.state.remove_account("ann")
        self.assertEqual(self.valid(), [False, False])
        self.state.add_account("ann", None)
        self.assertEqual(self.valid(), [False, False])
        self.assertEqual(self.valid(self.find())[0], True, "the control")

    def test_unlisted(self) -> None:
        """Another checker's account without a record is valid until it has one, and not after that was removed."""
        account = Account("eve", STORE, WHOLE_STORE)
        validator = AccessValidator(self.state)
        self.assertEqual(validator.are_valid([account, attrs.evolve(account, device=self.laptop)]), [True, False])
        self.state.add_account("eve", None)
        self.assertEqual(validator.are_valid([account]), [False])
        self.state.remove_account("eve")
        self.assertEqual(validator.are_valid([account]), [False])

    def test_password(self) -> None:
        """A changed password ends the logins from before; the same password in another form does not."""
        self.state.set_password("ann", "first")
        self.access = self.find()
        self.assertTrue(self.state.set_password("ann", "upgraded", instead_of="first"))
        self.assertEqual(self.valid(), [True, True], "the control")
        self.assertTrue(self.state.set_password("ann", "second"))
        self.assertEqual(self.valid(), [False, False])

    def test_access(self) -> None:
        """Each change of rights, home, quota or grants ends the logins from before; those from after are valid."""
        for change in (
            lambda: self.accesses.set_rights("ann", parse_rights("read")),
            lambda: self.accesses.set_home("ann", parse("people/ann")),
            lambda: self.accesses.change("ann", AccessChange(quota=5)),
            lambda: self.accesses.grant("ann", parse("tax"), frozenset()),
            lambda: self.accesses.grant("ann", parse("tax"), None),
        ):
            before = self.find()
            self.assertEqual(self.valid(before), [True, True], "the control")
            change()
            self.assertEqual(self.valid(before), [False, False])
        self.assertEqual(self.valid(self.find()), [True, True])

    def test_narrowed(self) -> None:
        """A device that is narrowed, also to the same again, ends its own logins only; those from after hold."""
        for narrowing in (Narrowing(parse_rights("read")), Narrowing(home=parse("photos")), Narrowing()):
            self.assertEqual(self.valid(), [True, True], "the control")
            changed = Devices(self.state).narrow("ann-laptop", narrowing.rights, narrowing.home)
            self.assertEqual((self.valid(), changed.narrowing), ([True, False], narrowing))
            self.laptop = changed
        self.assertEqual(self.valid(), [True, True])

    def test_ended_session(self) -> None:
        """A web session is valid until it ends, also while nothing in the database changes; it may be renewed."""
        now = [100.0]
        with self.state.transaction() as connection:
            phone = add_device(connection, "2" * 32, "ann", "p", 0.0, DeviceKind.WEB_SESSION, "0" * 64, expires=200.0)
        account = Account("ann", STORE, self.access, phone)
        validator = AccessValidator(self.state, clock=lambda: now[0])
        self.assertEqual((validator.has_ended(account), validator.are_valid([account])), (False, [True]))
        now[0] = 200.0
        self.assertEqual((validator.has_ended(account), validator.are_valid([account])), (True, [False]))
        Devices(self.state).saw(phone.id, 150.0, "192.0.2.7", None, 300.0)
        self.assertEqual((validator.has_ended(account), validator.are_valid([account])), (True, [True]))


class CheckedStoreTests(SynchronousTestCase):
    """A store that has everything at hand, for a login that may be revoked."""

    def setUp(self) -> None:
        self.revoked = False
        store = ImmediateMemoryStore()
        store.write_many([put_of("a.txt", b"a")])
        own = AuthorizedStore(store, ROOT, Rights())
        self.granted = False
        self.store = CheckedStore.of(own, self.confirm, ("", None, None), lambda: self.granted)

    def confirm(self) -> None:
        """Look up whether access was revoked."""
        if self.revoked:
            raise Forbidden("access was revoked")

    def at_hand(self) -> bool:
        """Whether the file is told without a job, stated and opened alike."""
        found = self.store.stat_at_once(parse("a.txt")), self.store.open_at_once(parse("a.txt"), 100)
        self.assertEqual(found[0] is None, found[1] is None)
        return found[0] is not None

    def test_at_once(self) -> None:
        """What is at hand is told while a job has found a moment ago that access is granted, and only then."""
        self.assertFalse(self.at_hand())
        self.granted = True
        self.assertTrue(self.at_hand())

    def test_revoked(self) -> None:
        """A job that finds access revoked reads nothing."""
        self.store.stat_many([parse("a.txt")])
        self.revoked = True
        for read in (self.store.stat_many, lambda some: self.store.open_many(some, 100)):
            self.assertRaises(Forbidden, read, [parse("a.txt")])
