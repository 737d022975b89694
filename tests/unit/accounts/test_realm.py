"""From a checked name to an account."""

from __future__ import annotations

from typing import Callable, Sequence, cast
from unittest import mock

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import Anonymous, UsernamePassword
from twisted.cred.error import UnauthorizedLogin, UnhandledCredentials
from twisted.cred.portal import IRealm
from twisted.logger import capturedLogs
from zope.interface import Interface
from zope.interface.verify import verifyObject

from homeftp.accounts.access import WHOLE_STORE, Access, AccessChange, AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devicelogin import VerifiedName
from homeftp.accounts.devices import Device, Devices, add_device
from homeftp.accounts.realm import Account, Realm, portal
from homeftp.accounts.validator import CheckedStore
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import NotFound
from homeftp.interfaces import IAccount, IStore
from homeftp.model import Entry, WriteRequest
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.rights import Rights, parse_rights
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase

SHARE = cast(IStore, object())


class RealmTests(QuickCase):
    """The realm knows accounts with a name, and one store for all."""

    def setUp(self) -> None:
        self.state = AccountDatabase(self.mktemp())
        self.accesses = AccessTable(self.state)
        self.accesses.add("anna", None, AccessChange(rights=frozenset({"add"})))
        self.realm = Realm(lambda: SHARE, self.accesses, InlineWorkers())

    def avatar(self, id: bytes, realm: Realm | None = None) -> Account:
        """The account of an avatar id."""
        _, account, logout = self.successResultOf((realm or self.realm).requestAvatar(id, None, IAccount))
        logout()
        assert isinstance(account, Account)
        return account

    def refused(self, id: bytes, realm: Realm | None = None) -> None:
        """Nobody is logged in by that avatar id."""
        self.failureResultOf((realm or self.realm).requestAvatar(id, None, IAccount), UnauthorizedLogin)

    def test_interfaces(self) -> None:
        """Realm and account are what the interfaces say."""
        verifyObject(IRealm, self.realm)
        verifyObject(IAccount, Account("anna", SHARE, WHOLE_STORE))

    def test_account(self) -> None:
        """A name gives the account of that name, with the store and its own access."""
        account = self.avatar(b"anna")
        self.assertEqual(account, Account("anna", SHARE, Access(ROOT, Rights(frozenset({"add"})))))
        self.assertEqual((account.rights, account.store.rights), (frozenset({"add"}), Rights(frozenset({"add"}))))

    def test_all_places(self) -> None:
        """A grant counts by every path of its folder, for all who use the account's store: those of its logins too."""

        class Bound(MemoryStore):
            def paths_to(self, folder: Endpoint) -> Sequence[Endpoint]:
                return (folder, parse("home/bound"))

        access = Access(parse("home"), Rights(frozenset({"read"}), ((("secret",), frozenset()),)))
        account = Account("anna", Bound(), access)
        for store in (account.store, CheckedStore.of(account.store, lambda: None, ("", None, None))):
            self.assertEqual(store.rights.without("read").folders, {("secret",), ("bound",)})

    def test_home(self) -> None:
        """A home is made where nothing is, and left alone where something is; none in a store that is read-only."""
        self.accesses.set_home("anna", parse("people/anna"))
        store = MemoryStore()
        realm = Realm(lambda: store, self.accesses, InlineWorkers())
        self.avatar(b"anna", realm)
        made = store.stat(parse("people/anna"))
        assert made is not None
        self.assertEqual(made.kind, "directory")
        with mock.patch.object(MemoryStore, "make_directory") as make:
            self.avatar(b"anna", realm)
            store.read_only = "it is full"
            self.accesses.set_home("anna", parse("people/other"))
            self.avatar(b"anna", realm)
        make.assert_not_called()

    def test_home_of_device(self) -> None:
        """A device's home is made beneath that of its account, where that may add files; else it is left out."""
        with self.state.transaction() as connection:
            add_device(connection, "1" * 32, "anna", "phone", 0.0)
        store = MemoryStore()
        realm = Realm(lambda: store, self.accesses, InlineWorkers())
        device = Devices(self.state).narrow("anna-phone", parse_rights("read"), parse("phone"))
        for rights, is_made in (("read", False), ("read,add", True)):
            self.accesses.change("anna", AccessChange(home=parse("people/anna"), rights=parse_rights(rights)))
            name = VerifiedName("anna", self.state.password_and_stamp("anna")[1], device)
            account = self.avatar(name, realm)
            self.assertEqual(account.store.home, parse("people/anna/phone"))
            self.assertEqual(account.store.rights, Rights(parse_rights("read")))
            self.assertIsNotNone(store.stat(parse("people/anna")))
            self.assertEqual(store.stat(parse("people/anna/phone")) is not None, is_made)

    def test_damaged_device(self) -> None:
        """A device whose narrowing cannot be understood has no account."""
        self.refused(VerifiedName("anna", self.state.password_and_stamp("anna")[1], Device("1" * 32, "x", "anna", 0.0)))

    def test_not_made(self) -> None:
        """A home or a folder that cannot be made, or is a file, fails no login: the others work. It is logged once."""
        full = frozenset({"read", "add"})
        store = MemoryStore()
        realm = Realm(lambda: store, self.accesses, InlineWorkers())
        files = [WriteRequest(endpoint=parse(path), size=1) for path in ("drop/case", "file", "drop/home")]
        store.write_many([(file, b"x") for file in files])
        folders = tuple((parse(path).parts, full) for path in ("drop/Case", "drop/case", "file/in", "own"))
        self.accesses.add("vic", None, AccessChange(folders=folders))
        self.accesses.add("max", None, AccessChange(home=parse("drop/Home")))
        with capturedLogs() as logs:
            for _ in range(2):
                seen = self.avatar(b"vic", realm).store
                self.avatar(b"max", realm)
        own = WriteRequest(endpoint=parse("own/a"), size=1)
        self.assertIsInstance(seen.write_many([(own, b"x")])[0], Entry)
        for path in ("drop/Case", "file/in", "file/in/x"):
            self.assertIsNone(seen.stat(parse(path)), path)
            self.assertRaises(NotFound, seen.open, parse(path))
        logged = sorted((log["account"], log["folder"]) for log in logs)
        self.assertEqual(logged, [("max", "drop/Home"), ("vic", "drop/Case"), ("vic", "drop/case"), ("vic", "file/in")])

    def test_made_again(self) -> None:
        """A control: what can be made is not logged; what could not and is there again is logged when it fails anew."""
        store, name = MemoryStore(), parse("drop/Case")
        realm = Realm(lambda: store, self.accesses, InlineWorkers())
        self.accesses.add("vic", None, AccessChange(home=name))
        blocking = WriteRequest(endpoint=parse("drop/case"), size=1)
        with capturedLogs() as logs:
            for _ in range(3):
                store.write_many([(blocking, b"x")])
                self.avatar(b"vic", realm)
                list(store.remove(blocking.endpoint, None, False))
                self.avatar(b"vic", realm)
                self.assertIsNotNone(store.stat(name))
                list(store.remove(name, None, False))
        self.assertEqual(len(logs), 3)

    def test_no_record(self) -> None:
        """An account without a record is refused, however it was verified, and so is one that was removed."""
        self.refused(b"bob")
        self.refused(VerifiedName("bob", "stamp"))
        self.state.remove_account("anna")
        self.refused(b"anna")

    def test_changed(self) -> None:
        """Who was verified before the account was changed is refused, and so for one of the same name added since."""

        def verified() -> VerifiedName:
            return VerifiedName("anna", self.state.password_and_stamp("anna")[1])

        def replace() -> None:
            self.state.remove_account("anna")
            self.state.add_account("anna", "new")

        changes: tuple[Callable[[], object], ...] = (
            lambda: self.accesses.set_rights("anna", frozenset({"read"})),
            lambda: self.state.set_password("anna", "new"),
            replace,
        )
        for change in changes:
            before = verified()
            self.avatar(before)
            change()
            self.refused(before)
            self.avatar(verified())

    def test_unlisted(self) -> None:
        """The log says what another checker's accounts get without a record, and nothing of a removed account."""
        realm = Realm(lambda: SHARE, self.accesses, InlineWorkers(), WHOLE_STORE)
        self.assertEqual(self.avatar(b"bob", realm).access, WHOLE_STORE)
        self.assertEqual(self.avatar(b"anna", realm).rights, frozenset({"add"}))
        self.state.remove_account("anna")
        self.refused(b"anna", realm)
        self.refused(VerifiedName("bob", "stamp"), realm)
        self.state.add_account("anna", None)
        self.avatar(b"anna", realm)

    def test_others(self) -> None:
        """Anonymous avatars and other interfaces are refused."""
        self.assertRaises(NotImplementedError, self.realm.requestAvatar, (), None, IAccount)
        self.assertRaises(NotImplementedError, self.realm.requestAvatar, b"", None, IAccount)
        self.assertRaises(NotImplementedError, self.realm.requestAvatar, b"anna", None, Interface)

    def test_portal(self) -> None:
        """Any checker for names and passwords leads through the portal to an account; no other credentials do."""
        checker = InMemoryUsernamePasswordDatabaseDontUse(anna=b"correct horse")
        made = portal(lambda: SHARE, [checker], InlineWorkers(), self.accesses)
        login = made.login(UsernamePassword(b"anna", b"correct horse"), None, IAccount)
        self.assertEqual(self.successResultOf(login)[1], self.avatar(b"anna"))
        self.failureResultOf(made.login(UsernamePassword(b"anna", b"x"), None, IAccount), UnauthorizedLogin)
        self.failureResultOf(made.login(Anonymous(), None, IAccount), UnhandledCredentials)
