"""From a checked name to an account."""

from __future__ import annotations

from typing import cast

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import Anonymous, UsernamePassword
from twisted.cred.error import UnauthorizedLogin, UnhandledCredentials
from twisted.cred.portal import IRealm
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface
from zope.interface.verify import verifyObject

from homeftp.accounts.realm import Account, Realm, portal
from homeftp.interfaces import IAccount, IStore
from homeftp.workers import InlineWorkers

SHARE = cast(IStore, object())
REALM = Realm(lambda: SHARE, None, InlineWorkers())


class RealmTests(SynchronousTestCase):
    """The realm knows accounts with a name, and one store for all."""

    def test_interfaces(self) -> None:
        """Realm and account are what the interfaces say."""
        verifyObject(IRealm, REALM)
        verifyObject(IAccount, Account("anna", SHARE))

    def test_account(self) -> None:
        """A name gives the account of that name, with the store."""
        interface, account, logout = self.successResultOf(REALM.requestAvatar(b"anna", None, Interface, IAccount))
        self.assertEqual((interface, account), (IAccount, Account("anna", SHARE)))
        logout()

    def test_others(self) -> None:
        """Anonymous avatars and other interfaces are refused."""
        self.assertRaises(NotImplementedError, REALM.requestAvatar, (), None, IAccount)
        self.assertRaises(NotImplementedError, REALM.requestAvatar, b"", None, IAccount)
        self.assertRaises(NotImplementedError, REALM.requestAvatar, b"anna", None, Interface)

    def test_portal(self) -> None:
        """Any checker for names and passwords leads through the portal to an account; no other credentials do."""
        checker = InMemoryUsernamePasswordDatabaseDontUse(anna=b"correct horse")
        made = portal(lambda: SHARE, [checker], InlineWorkers())
        login = made.login(UsernamePassword(b"anna", b"correct horse"), None, IAccount)
        self.assertEqual(self.successResultOf(login)[1], Account("anna", SHARE))
        self.failureResultOf(made.login(UsernamePassword(b"anna", b"x"), None, IAccount), UnauthorizedLogin)
        self.failureResultOf(made.login(Anonymous(), None, IAccount), UnhandledCredentials)
