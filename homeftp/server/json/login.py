"""Who a client is, and how it comes in: by LOGIN, by its device's certificate, and by PAIR the first time.

Each way in is in the audit log before the client hears of it.
"""

from __future__ import annotations

from typing import cast

import attrs
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.accounts.devicelogin import DeviceCertificate
from homeftp.accounts.devices import Device
from homeftp.accounts.realm import Account
from homeftp.errors import INTERNAL_ERROR, BadRequest, Internal, LoginFailed, Refusal
from homeftp.interfaces import IAccount, IResolution
from homeftp.model import Actor
from homeftp.server.gate.context import IConnectionControl, ServerContext
from homeftp.server.json.auditing import SessionAudit
from homeftp.server.json.pairing import PairingSession
from homeftp.status import Status
from homeftp.wire import states as conversation
from homeftp.wire.messages import Login, Pair, Renew
from homeftp.wire.states import ConnectionState, Phase


class Authenticator:
    """One connection's."""

    _log = Logger()

    def __init__(
        self,
        services: ServerContext,
        connection: IConnectionControl,
        conversation: ConnectionState,
        auditing: SessionAudit,
        peer: str,
        address: str,
    ) -> None:
        self._services = services
        self._connection = connection
        self._conversation = conversation
        self._auditing = auditing
        self._peer = peer
        self._address = address
        self._pairing = PairingSession(services.pairings, connection.secret, address)
        self._accounts: dict[str, Account] = {}
        self._failed_logins = 0
        self.account: Account | None = None
        """Who came in; None while that is nobody."""
        self.device: Device | None = None
        """With which."""
        self.trouble: Refusal | None = None
        """Why a device that may come in cannot: the answer to whatever it asks."""

    def account_for(self, request_type: str) -> Account:
        """Who is logged in, as the audit log is to have it of what this request type changes."""
        assert self.account is not None
        if request_type not in self._accounts:
            self._accounts[request_type] = self.account.known_as(self.actor(request_type))
        return self._accounts[request_type]

    def came_in(self) -> tuple[Account, Device | None]:
        """Who did, and with which device."""
        assert self.account is not None
        return self.account, self.device

    def actor(self, request_type: str | None = None) -> Actor:
        """Who asks, as the audit log has it."""
        account = None if self.account is None else self.account.name
        return Actor(account, None if self.device is None else self.device.name, self._address, request_type)

    def login(self, body: Login, resolution: IResolution) -> Deferred[None]:
        """LOGIN: a wrong name and a wrong password look the same."""
        return Deferred.fromCoroutine(self._log_in(body, resolution))

    async def _log_in(self, body: Login, resolution: IResolution) -> None:
        if self.account is not None:
            resolution.resolve(Status.BAD_REQUEST, "logged in already: another account needs another connection")
            return
        try:
            try:
                account = await self._checked(body)
            except UnauthorizedLogin:
                self._log.info("login failed for {user} from {peer}", user=ascii(body.username[:64]), peer=self._peer)
                actor = self.actor(conversation.LOGIN)
                await self._auditing.note("login", actor, Status.LOGIN_FAILED, user=body.username[:64])
                self._count_failure()
                raise LoginFailed("the user name or the password is wrong") from None
            await self._auditing.note("login", attrs.evolve(self.actor(conversation.LOGIN), account=account.name))
        except Exception as error:  # noqa: BLE001 (a checker may raise anything)
            self._failed(error, resolution, "a login could not be checked")
        else:
            self.enter(account)
            resolution.resolve(Status.OK, f"logged in as {account.name}", {"account": account.name})

    async def _checked(self, body: Login) -> Account:
        """The avatar; what is neither right nor wrong is no guess."""
        self._services.guesses.take(self._address)
        try:
            credentials = UsernamePassword(body.username.encode(), body.password.encode())
            account = await self._avatar(credentials)
        except UnauthorizedLogin:
            raise
        except BaseException:
            self._services.guesses.give_back(self._address)
            raise
        self._services.guesses.give_back(self._address)
        return account

    async def _avatar(self, credentials: ICredentials) -> Account:
        """The account that the portal gives; raises UnauthorizedLogin, and what a checker does."""
        _, avatar, _ = await self._services.portal.login(credentials, None, IAccount)
        return cast(Account, avatar)  # the realm gives no other

    def _failed(self, error: Exception, resolution: IResolution, what: str) -> None:
        """Answer with a refusal."""
        refusal = self._refusal(error, what)
        resolution.resolve(refusal.status, refusal.message)

    def _refusal(self, error: Exception, what: str) -> Refusal:
        """What the client is to know; anything that is no refusal is logged, and told without detail."""
        if not isinstance(error, Refusal):
            self._log.failure(what, Failure(error))
            return Internal(INTERNAL_ERROR)
        if isinstance(error, Internal):
            self._log.error("{what}: {why}", what=what, why=error.message)
        return error

    def _count_failure(self) -> None:
        self._failed_logins += 1
        if self._failed_logins >= self._services.limits.login_attempts:
            self._connection.finish()

    def enter(self, account: Account) -> None:
        """Whoever is there is that account from now on, unless the connection has ended meanwhile."""
        if self._conversation.phase is Phase.UNAUTHENTICATED:
            self.account = account
            self._conversation.advance(Phase.AUTHENTICATED)
            self._connection.logged_in()

    async def identify(self, id: str) -> None:
        """TLS has verified the device with this id: it is logged in, unless it is paired no more.

        Where that cannot be found out it is told, whatever it asks.
        """
        credentials = DeviceCertificate(id)
        try:
            try:
                account = await self._avatar(credentials)
            except UnauthorizedLogin:
                self._log.info("a device that is not paired any more, from {peer}", peer=self._peer)
                await self._auditing.refused_login(f"device {id}", self.actor(), certificate=id)
                return
            self.device = credentials.device
            await self._auditing.note("login", attrs.evolve(self.actor(), account=account.name))
        except Exception as error:  # noqa: BLE001 (the disk, say: the log tells)
            self.trouble = self._refusal(error, "a device could not come in")
        else:
            self.enter(account)

    def pair(self, body: Pair, resolution: IResolution) -> Deferred[None]:
        """PAIR: one step (pairing.py)."""
        return Deferred.fromCoroutine(self._pair_step(body, resolution))

    async def _pair_step(self, body: Pair, resolution: IResolution) -> None:
        try:
            if self.account is not None:
                raise BadRequest("this connection is logged in: pairing needs one that is not")
            answer = await self._pairing.step(body)
        except Exception as error:  # noqa: BLE001 (the disk may fail)
            if isinstance(error, LoginFailed):
                self._count_failure()
            self._failed(error, resolution, "a pairing failed")
        else:
            resolution.resolve(Status.OK, "go on" if "certificate" not in answer else "paired", answer)

    def renew(self, body: Renew, resolution: IResolution) -> Deferred[None]:
        """RENEW: a device gets its next certificate."""
        return Deferred.fromCoroutine(self._renew_certificate(body, resolution))

    async def _renew_certificate(self, body: Renew, resolution: IResolution) -> None:
        try:
            if self.device is None:
                raise BadRequest("only a device that came in by its certificate can have it renewed")
            certify = self._services.pairings.certify
            made = await self._services.workers.run(certify, body.request.encode(), self.device.id)
            await self._auditing.note("renewal", self.actor(conversation.RENEW))
        except Exception as error:  # noqa: BLE001 (the disk may fail)
            self._failed(error, resolution, "a certificate could not be renewed")
        else:
            pem = made.public_bytes(Encoding.PEM).decode("ascii")
            resolution.resolve(Status.OK, "renewed", {"certificate": pem})
