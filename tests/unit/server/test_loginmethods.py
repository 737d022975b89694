"""How clients can log in to a server that has just started."""

from __future__ import annotations

from typing import Any

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import add_device
from homeftp.accounts.invitations import Invitations
from homeftp.audit.log import Audit
from homeftp.server.banner import LoginMethods
from homeftp.server.loginmethods import own_login_methods
from tests.support import replay
from tests.support.folders import QuickCase


class LoginMethodsTests(QuickCase):
    """A state folder with some accounts."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        self.state = AccountDatabase(self.folder)
        self.audit = Audit(self.folder)
        self.addCleanup(self.audit.close)

    def methods(self, *, invite: bool = True) -> LoginMethods:
        return own_login_methods(self.state, self.audit, invite=invite)

    def records(self) -> list[dict[str, Any]]:
        return replay.lines(self.folder)

    def test_first_start(self) -> None:
        """Without any account a code is made for one, and recorded by its number alone."""
        methods = self.methods()
        assert methods.code is not None and methods.accounts is not None
        number = int(methods.code.split("-")[0])
        code = Invitations(self.state).open_code(number)
        self.assertEqual(str(code), methods.code)
        self.assertEqual(len(methods.accounts), 1)
        (record,) = self.records()
        self.assertEqual((record["event"], record["invitation"]), ("invitation", number))

    def test_not_shown(self) -> None:
        """If the code would not be shown, none is made."""
        self.assertIsNone(self.methods(invite=False).code)
        self.assertEqual(self.state.account_names(), [])

    def test_account(self) -> None:
        """A code for the only account, unless it has a password or a device."""
        self.state.add_account("ann", None)
        self.assertIsNotNone(self.methods().code)
        self.state.set_password("ann", "x")
        self.assertEqual(self.methods(), LoginMethods(accounts=["ann"], password="ann", code=None))

    def test_device(self) -> None:
        """No code where a device is paired, nor where several accounts leave open whose code it would be."""
        self.state.add_account("ann", None)
        self.state.add_account("bob", None)
        self.assertIsNone(self.methods().code)
        self.state.remove_account("bob")
        with self.state.transaction() as connection:
            add_device(connection, "1" * 32, "ann", "laptop", 0.0)
        self.assertIsNone(self.methods().code)
