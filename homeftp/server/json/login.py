"""LOGIN, PAIR, RENEW and device certificates: bodies become calls of the login service, and its results answers."""

from __future__ import annotations

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from homeftp.accounts.devicelogin import DeviceCertificate
from homeftp.errors import INTERNAL_ERROR, BadRequest, Internal, LoginFailed, Refusal
from homeftp.interfaces import ILogin, IResolution
from homeftp.server.json.context import IConnectionControl, JsonContext
from homeftp.server.json.pairing import PairingSession
from homeftp.status import Status
from homeftp.wire import states
from homeftp.wire.messages import LoginBody, PairBody, RenewBody
from homeftp.wire.states import ConnectionState, Phase


class Authenticator:
    """Logs the client of one connection in, from `address`."""

    _log = Logger()

    def __init__(
        self, context: JsonContext, connection: IConnectionControl, state: ConnectionState, address: str
    ) -> None:
        self._server = context.server
        self._parts = context.parts
        self._connection = connection
        self._state = state
        self._address = address
        self._pairing = PairingSession(context.parts.pairings, connection.secret, address)
        self._failed_logins = 0
        self._is_certified = False
        """Whether it logged in with a certificate."""
        self._client: str | None = None
        self.login: ILogin | None = None
        """None before the client has logged in."""
        self.refusal: Refusal | None = None
        """The answer to every request of a paired device whose login could not be checked."""

    def close(self) -> None:
        """The connection has ended."""
        if self.login is not None:
            self.login.close()

    async def identify(self, id: str) -> None:
        """Log in the device with this id, whose certificate TLS has verified.

        A device that is no longer paired stays unauthenticated: its user may
        log in with a password, or pair again.
        """
        try:
            await self._log_in(DeviceCertificate(id))
            self._is_certified = True
        except LoginFailed:
            pass
        except Refusal as refusal:
            self.refusal = refusal

    def saw_client(self, client: str) -> None:
        """Record the program that the client says it is, once for each connection of a device: for the owner."""
        if self._client is None:
            self._client = client
            self._saw()

    def _saw(self, expires: float | None = None) -> None:
        if self.login is not None and self.login.device_id is not None:
            id, client = self.login.device_id, self._client
            self._parts.device_activity.saw(id, self._address, None, client=client, expires=expires)

    def log_in(self, body: LoginBody, resolution: IResolution) -> Deferred[None]:
        """Answer LOGIN."""
        return Deferred.fromCoroutine(self._answer_login(body, resolution))

    def pair(self, body: PairBody, resolution: IResolution) -> Deferred[None]:
        """Answer one step of PAIR."""
        return Deferred.fromCoroutine(self._answer_pair(body, resolution))

    def renew(self, body: RenewBody, resolution: IResolution) -> Deferred[None]:
        """RENEW: the next certificate of a device."""
        return Deferred.fromCoroutine(self._answer_renew(body, resolution))

    async def _answer_login(self, body: LoginBody, resolution: IResolution) -> None:
        if self.login is not None:
            resolution.resolve(Status.BAD_REQUEST, "logged in already: another account needs another connection")
            return
        try:
            login = await self._log_in(UsernamePassword(body.username.encode(), body.password.encode()))
        except Refusal as refusal:
            self._refuse(refusal, resolution)
        else:
            resolution.resolve(Status.OK, f"logged in as {login.account}", {"account": login.account})

    async def _answer_pair(self, body: PairBody, resolution: IResolution) -> None:
        try:
            if self.login is not None:
                raise BadRequest("this connection is logged in: pairing needs one that is not")
            answer = await self._pairing.step(body)
        except Exception as error:  # noqa: BLE001 (the disk may fail)
            self._refuse(self._as_refusal(error, "a pairing failed"), resolution)
        else:
            resolution.resolve(Status.OK, "go on" if "certificate" not in answer else "paired", answer)

    async def _answer_renew(self, body: RenewBody, resolution: IResolution) -> None:
        try:
            if self.login is None or self.login.device_id is None or not self._is_certified:
                raise BadRequest("only a device that logged in with its certificate can have it renewed")
            id = self.login.device_id
            self._parts.renewals.count(id)
            workers, certify = self._server.workers.of(self.login.account), self._parts.pairings.certify
            made = await workers.run(certify, body.request.encode(), id)
            await self._parts.audit.note("renewal", self.login.actor(states.RENEW))
            self._saw(expires=made.not_valid_after_utc.timestamp())
        except Exception as error:  # noqa: BLE001 (the disk may fail)
            self._refuse(self._as_refusal(error, "a certificate could not be renewed"), resolution)
        else:
            pem = made.public_bytes(Encoding.PEM).decode("ascii")
            resolution.resolve(Status.OK, "renewed", {"certificate": pem})

    async def _log_in(self, credentials: ICredentials) -> ILogin:
        """Log in, unless the connection has ended meanwhile. Raises a refusal."""
        login = await self._server.logins.login(credentials, self._address, None)
        if self._state.phase is Phase.UNAUTHENTICATED:
            self.enter(login)
        else:
            login.close()
        return login

    def enter(self, login: ILogin) -> None:
        """The client is logged in from now on."""
        self.login = login
        self._state.advance(Phase.AUTHENTICATED)
        self._connection.logged_in(login.account)
        login.add_connection(self._connection)  # last: where access was revoked meanwhile it ends the connection

    def _refuse(self, refusal: Refusal, resolution: IResolution) -> None:
        if isinstance(refusal, LoginFailed):
            self._failed_logins += 1
            if self._failed_logins >= self._server.limits.login_attempts:
                self._connection.stop_accepting()
        resolution.resolve(refusal.status, refusal.message)

    def _as_refusal(self, error: Exception, what: str) -> Refusal:
        """The refusal that answers an error; a fault of the server is logged, and answered without detail."""
        if not isinstance(error, Refusal):
            self._log.failure(what, Failure(error))
            return Internal(INTERNAL_ERROR)
        if isinstance(error, Internal):
            self._log.error("{what}: {why}", what=what, why=error.message)
        return error
