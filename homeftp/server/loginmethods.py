"""How clients can log in to a server that has just started, and a code for the very first device."""

from __future__ import annotations

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Devices
from homeftp.accounts.invitations import Invitations, default_account
from homeftp.audit.log import Audit
from homeftp.model import Actor
from homeftp.server.banner import FIRST_CODE_SECONDS, LoginMethods


def own_login_methods(state: AccountDatabase, audit: Audit, *, invite: bool) -> LoginMethods:
    """The login methods of the server's own accounts.

    With `invite`, and while no client can log in by any of them, a code for the
    first device is made, where it is clear to which account it belongs.
    """
    password = next(iter(state.account_names(with_password=True)), None)
    accounts = state.account_names()
    code = None
    if invite and password is None and len(accounts) <= 1 and not Devices(state).all():
        made = Invitations(state).make(default_account(accounts), FIRST_CODE_SECONDS)
        audit.note("invitation", Actor(made.account), invitation=made.code.number)
        code = str(made.code)
    return LoginMethods(accounts=state.account_names(), password=password, code=code)
