"""Web sessions as credentials of the portal."""

from __future__ import annotations

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.error import UnauthorizedLogin
from zope.interface.verify import verifyObject

from homeftp.accounts.credentials.tokens import new_token, token_hash
from homeftp.accounts.credentials.websessions import IWebSession, WebSession, WebSessionChecker
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import DeviceKind, Devices, add_device
from homeftp.workers import InlineWorkers
from tests.support.folders import QuickCase


class WebSessionTests(QuickCase):
    """The checker: ann's browser is signed in for a minute."""

    def setUp(self) -> None:
        state = AccountDatabase(self.mktemp())
        state.add_account("ann", None)
        self.token, self.now, self.devices = new_token(), 0.0, Devices(state)
        with state.transaction() as connection:
            kind, credential = DeviceKind.WEB_SESSION, token_hash(self.token)
            self.device = add_device(connection, "1" * 32, "ann", "Phone", 0.0, kind, credential, expires=60.0)
        self.checker = WebSessionChecker(self.devices, InlineWorkers(), lambda: self.now)

    def test_interfaces(self) -> None:
        """Checker and credentials are what twisted.cred asks for; the secret is not shown."""
        verifyObject(ICredentialsChecker, self.checker)
        verifyObject(IWebSession, WebSession(self.token))
        self.assertNotIn(self.token, repr(WebSession(self.token)))

    def test_right(self) -> None:
        """The secret of the cookie gives the account and the device."""
        found = self.successResultOf(self.checker.requestAvatarId(WebSession(self.token)))
        self.assertEqual((found, getattr(found, "device", None)), (b"ann", self.device))
        self.assertEqual(self.device.name, "ann-phone")

    def test_wrong(self) -> None:
        """Another secret, and what is stored of the right one, give nothing; nor does a session that has ended."""
        for wrong in (new_token(), token_hash(self.token), "", self.token + "x", "\N{SNOWMAN}"):
            self.failureResultOf(self.checker.requestAvatarId(WebSession(wrong)), UnauthorizedLogin)
        self.now = 60.0
        self.failureResultOf(self.checker.requestAvatarId(WebSession(self.token)), UnauthorizedLogin)

    def test_removed(self) -> None:
        """A session that was removed gives nothing."""
        self.devices.revoke("ann-phone")
        self.failureResultOf(self.checker.requestAvatarId(WebSession(self.token)), UnauthorizedLogin)
