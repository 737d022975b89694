"""Signing in by browser: a pairing code, the secret of an invitation for the web, or the account's password.

Each becomes a web session, which is a device. A browser cannot do SPAKE2 in its TLS session, so it sends the code
itself, over TLS; tries are counted and codes cancelled exactly as for pairing. Nothing here knows HTTP.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, TypeVar

import attrs
import msgspec
from twisted.cred.credentials import UsernamePassword
from twisted.logger import Logger

from homeftp.accounts.credentials.tokens import new_token, token_hash
from homeftp.accounts.devices import Device
from homeftp.accounts.pairing import PairingService
from homeftp.accounts.sessions.table import SessionTable
from homeftp.accounts.state.interface import Statements
from homeftp.audit.log import Audit
from homeftp.crypto.pake import Code
from homeftp.errors import INTERNAL_ERROR, Forbidden, Internal, LoginFailed, OperatorError
from homeftp.interfaces import ILogin, ILoginService, IWorkers
from homeftp.model import Actor
from homeftp.status import Status

T = TypeVar("T")

REQUEST = "SIGNIN"
"""The name in audit records of signing in, and of signing out."""


@attrs.frozen
class SignedIn:
    """A browser that has signed in."""

    token: str = attrs.field(repr=False)
    """The secret of its cookie, which is not kept."""
    device: Device


class Browser(msgspec.Struct, frozen=True):
    """The browser that signs in, by its own account."""

    name: str
    """The name that is wished for, which `suggest_name` makes a legal one."""
    client: str
    """The browser and system, such as `Firefox on Android`."""
    address: str


class SignInService(msgspec.Struct, frozen=True, kw_only=True):
    """Makes and ends web sessions; `front_end` is named in audit records."""

    sessions: SessionTable
    pairings: PairingService
    logins: ILoginService
    workers: IWorkers
    """The queue of what clients without a login cause."""
    audit: Audit
    front_end: str

    _log = Logger()

    async def with_code(self, code: Code, browser: Browser) -> SignedIn:
        """Sign in with a pairing code, which is used up.

        Raises `LoginFailed` (32) for a wrong one, and `Busy` (51) after too many.
        """
        await self.pairings.check_typed(code, browser.address, self.front_end)
        signed_in = await self._run(self._use, code, browser)
        if signed_in is None:
            raise LoginFailed("the code is no longer valid. Ask for a new one: homeftp invite makes it")
        return signed_in

    async def with_secret(self, secret: str, browser: Browser) -> SignedIn:
        """Sign in with the secret of an invitation for the web, which is used up. Raises as `with_code`."""
        await self.pairings.tried.count(browser.address)
        try:
            code = await self._run(self.pairings.invitations.find_secret, token_hash(secret))
            signed_in = None if code is None else await self._run(self._use, code, browser)
        except BaseException:
            await self.pairings.tried.uncount(browser.address)
            raise
        if signed_in is None:
            unknown = Actor(None, None, browser.address, REQUEST, front_end=self.front_end)
            await self._run(self._note, unknown, Status.LOGIN_FAILED)
            raise LoginFailed(
                "this invitation was used, or is no longer valid. Ask for a new one: homeftp invite --web"
            )
        await self.pairings.tried.uncount(browser.address)
        return signed_in

    async def with_password(self, account: str, password: str, browser: Browser) -> SignedIn:
        """Sign in with the account's own password. Raises `LoginFailed` (32) and `Busy` (51)."""
        credentials = UsernamePassword(account.encode(), password.encode())
        login = await self.logins.login(credentials, browser.address, self.front_end)
        try:
            if login.device_id is not None:
                raise LoginFailed("this password is for one program only: sign in with the account's own, or a code")
            return await self._run(self._add, login, browser)
        finally:
            login.close()

    async def renew(self, id: str) -> Device | None:
        """A session is used: it ends later. Gives it; None where it is gone."""
        return await self._run(self.sessions.renew, id)

    async def sign_out(self, id: str, actor: Actor) -> None:
        """Sign out: the session is removed."""
        ended = await self._run(self.sessions.remove, id)
        if ended is not None:
            await self._run(partial(self.audit.note, "revocation", actor))

    async def _run(self, job: Callable[..., T], *arguments: object) -> T:
        """Run a job in a worker. Raises `Internal` (50) where the accounts or the audit log fail."""
        try:
            return await self.workers.run(job, *arguments)
        except (OperatorError, OSError) as error:
            self._log.failure("signing in failed")
            raise Internal(INTERNAL_ERROR) from error

    # -- in a worker ---------------------------------------------------------------

    def _use(self, code: Code, browser: Browser) -> SignedIn | None:
        """The session that a code is used up for; None where it is not open any more."""
        token = new_token()

        def note(device: Device) -> None:
            self._note(self._actor(device, browser), invitation=code.number)

        device = self.pairings.invitations.spend(code, partial(self._insert, token, browser), note)
        return None if device is None else SignedIn(token, device)

    def _add(self, login: ILogin, browser: Browser) -> SignedIn:
        """The session of an account whose password was right."""
        token = new_token()
        with self.sessions.state.transaction() as connection:
            if not login.is_valid():  # nothing can change before the end of the transaction
                raise LoginFailed("access was revoked")
            if connection.execute("SELECT 1 FROM accounts WHERE name = ?", (login.account,)).fetchone() is None:
                raise Forbidden("this account is not one of the server's own, which alone can sign in by browser")
            device = self._insert(token, browser, connection, login.account)
            self._note(self._actor(device, browser))
        return SignedIn(token, device)

    def _insert(self, token: str, browser: Browser, connection: Statements, account: str) -> Device:
        return self.sessions.add(connection, account, token, browser.name, browser.client)

    def _actor(self, device: Device, browser: Browser) -> Actor:
        return Actor(device.account, device.name, browser.address, REQUEST, front_end=self.front_end)

    def _note(self, actor: Actor, status: int = Status.OK, **fields: int) -> None:
        self.audit.note("pairing", actor, status, **fields)
