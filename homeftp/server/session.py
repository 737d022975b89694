"""Who is this: the conversation's phases, the session's own requests, and the way of all others to their dispatchers.

A session knows nothing of bytes: the protocol gives it decoded requests and
payloads and carries its answers. It holds the account once there is one.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Protocol, cast

import attrs
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.cred.credentials import ICredentials, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

import homeftp
from homeftp.accounts.devicelogin import DeviceCertificate
from homeftp.accounts.devices import Device
from homeftp.accounts.realm import Account
from homeftp.accounts.rights import ORDER
from homeftp.accounts.throttle import Throttle
from homeftp.audit import Audit
from homeftp.budget import Budget
from homeftp.config import MAX_REQUEST_LINE, MAX_RESPONSE_LINE, PROTOCOL_VERSION, SMALL_FILE, Limits
from homeftp.dispatchers.table import EVERYTHING, Request, Table
from homeftp.errors import BadRequest, Busy, LoginFailed, Refusal, ShuttingDown
from homeftp.interfaces import IAccount, IDispatcher, IPayload, IResolution, IWorkers
from homeftp.server.auditing import Auditing
from homeftp.server.pairing import Pairing, Pairings
from homeftp.status import Status
from homeftp.values import By, Claim
from homeftp.wire import conversation
from homeftp.wire.codec import decode_body
from homeftp.wire.conversation import Conversation, Phase
from homeftp.wire.messages import Login, NoBody, Pair, Renew
from homeftp.wire.messages import Request as Envelope


@attrs.frozen(kw_only=True)
class Services:
    """What every session of one server shares."""

    table: Table
    portal: Portal
    workers: IWorkers
    budget: Budget
    limits: Limits
    server_name: str
    filetypes: tuple[str, ...]
    guesses: Throttle
    """Of passwords."""
    pairings: Pairings
    ca: x509.Certificate
    """The home's: devices are of it."""
    audit: Audit


class IEnds(Protocol):
    """What a session may ask of its connection."""

    def finish(self) -> None:
        """Take no more requests; close when what is in flight has been answered."""

    def logged_in(self) -> None:
        """The client is somebody now."""

    def abort(self) -> None:
        """End the connection at once."""

    def secret(self) -> bytes:
        """What only the two ends of this TLS session know."""


@attrs.frozen
class Route:
    """Where one request goes: what it touches, and what to call when it may begin."""

    claim: Claim
    begin: Callable[[IPayload, IResolution], Deferred[None] | None]


def refuse(refusal: Refusal, recorded: Callable[[IResolution], IResolution] = lambda resolution: resolution) -> Route:
    """The way of a request that is answered with `refusal`, after all before it, through what `recorded` gives."""

    def begin(payload: IPayload, resolution: IResolution) -> None:
        recorded(resolution).resolve(refusal.status, refusal.message)

    return Route(EVERYTHING, begin)


class Session:
    """One client's session, from its first line to its last."""

    _log = Logger()

    def __init__(self, services: Services, connection: IEnds, phase: Phase, peer: str, address: str) -> None:
        self._services = services
        self._connection = connection
        self._peer = peer
        self._address = address
        self._pairing = Pairing(services.pairings, connection.secret, address)
        self._auditing = Auditing(services.audit, services.workers)
        self._accounts: dict[str, Account] = {}
        self._failed_logins = 0
        self.conversation = Conversation(phase)
        self.account: Account | None = None
        self.device: Device | None = None
        """With which the client came in."""
        self.stopping = False
        self.revoked = False
        """Whether who came in may not any more."""
        self.gone = False
        """Whether nobody is there any more."""
        self._own: dict[str, tuple[type, Callable[[Any, IResolution], Deferred[None] | None]]] = {
            conversation.HELLO: (NoBody, self._hello),
            conversation.LOGIN: (Login, self._login),
            conversation.PAIR: (Pair, self._pair),
            conversation.RENEW: (Renew, self._renew),
            conversation.QUIT: (NoBody, self._quit),
        }

    def route(self, envelope: Envelope) -> Route:
        """Where a request goes; one that goes nowhere is refused at its turn.

        What is legal is judged when the request begins, not now: a LOGIN
        before it may still be under way.
        """
        try:
            return self._route(envelope)
        except Refusal as refusal:
            return refuse(refusal, partial(self._refused, envelope))

    def _route(self, envelope: Envelope) -> Route:
        own = self._own.get(envelope.request_type)
        if own is not None:
            body_type, answer = own

            def begin(payload: IPayload, resolution: IResolution) -> Deferred[None] | None:
                body: Any = decode_body(envelope.request_type, envelope.body, body_type)
                return answer(body, resolution)

            return Route(EVERYTHING, self._guarded(envelope, begin))
        if self.account is None or envelope.request_type in conversation.RESERVED_TYPES:
            return Route(EVERYTHING, self._guarded(envelope, partial(self._late, envelope)))
        dispatcher, body, claim = self._services.table.decode(envelope)
        return Route(claim, self._guarded(envelope, partial(self._dispatch, envelope, dispatcher, body, claim)))

    def _guarded(
        self, envelope: Envelope, begin: Callable[[IPayload, IResolution], Deferred[None] | None]
    ) -> Callable[[IPayload, IResolution], Deferred[None] | None]:
        """`begin`, once the conversation allows it; what it raises is the answer."""

        def guarded(payload: IPayload, resolution: IResolution) -> Deferred[None] | None:
            refused: Refusal | None
            if self.stopping:
                refused = ShuttingDown("the server is stopping: connect again in a while")
            elif self.conversation.phase is Phase.CLOSING and self.account is not None:
                refused = None  # it came before what closes the connection
            else:
                refused = self.conversation.refusal(envelope.request_type)
            if refused is not None:
                if self.account is None or envelope.request_type == conversation.STARTTLS:
                    self._connection.finish()
                resolution.resolve(refused.status, refused.message)
                return None
            try:
                return begin(payload, resolution)
            except Refusal as refusal:
                resolution.resolve(refusal.status, refusal.message)
                return None

        return guarded

    def _late(self, envelope: Envelope, payload: IPayload, resolution: IResolution) -> Deferred[None] | None:
        """A request that came behind a LOGIN, and whose dispatcher is looked up only after it."""
        try:
            dispatcher, body, claim = self._services.table.decode(envelope)
        except Refusal as refusal:
            self._refused(envelope, resolution).resolve(refusal.status, refusal.message)
            return None
        return self._dispatch(envelope, dispatcher, body, claim, payload, resolution)

    def _dispatch(
        self,
        envelope: Envelope,
        dispatcher: IDispatcher,
        body: Any,
        claim: Claim,
        payload: IPayload,
        resolution: IResolution,
    ) -> Deferred[None]:
        if claim.changes:
            resolution = self._refused(envelope, resolution)
        account = self._as(dispatcher.request_type)
        request = Request(dispatcher.request_type, body, payload, account, self._services.workers, account.by, self)
        return self._services.table.dispatch(dispatcher, request, resolution)

    def _refused(self, envelope: Envelope, resolution: IResolution) -> IResolution:
        """The resolution of a request of somebody who is logged in, that may be refused: the audit log tells of it."""
        if self.account is None:
            return resolution
        return self._auditing.refused(envelope, self.by(envelope.request_type), self.account.share.home, resolution)

    def _as(self, request_type: str) -> Account:
        """Who is logged in, as the audit log is to have it of what this request type changes."""
        assert self.account is not None
        if request_type not in self._accounts:
            self._accounts[request_type] = self.account.known_as(self.by(request_type))
        return self._accounts[request_type]

    def by(self, request_type: str | None = None) -> By:
        """Who asks, as the audit log has it."""
        account = None if self.account is None else self.account.name
        return By(account, None if self.device is None else self.device.name, self._address, request_type)

    def _hello(self, body: NoBody, resolution: IResolution) -> None:
        """What this server is and may be asked; a stranger learns no more than a client needs to log in."""
        limits = self._services.limits
        answer: dict[str, Any] = {
            "protocol": PROTOCOL_VERSION,
            "version": homeftp.__version__,
            "server": self._services.server_name,
            "request_types": sorted([conversation.STARTTLS, *self._own]),
            "account": None,
        }
        if self.account is not None:
            answer["account"] = self.account.name
            answer["request_types"] += self._services.table.request_types
            answer["filetypes"] = self._services.filetypes
            answer["rights"] = [right for right in ORDER if right in self.account.rights]
            answer["read_only"] = self.account.share.read_only is not None
            answer["limits"] = {
                "request_line": MAX_REQUEST_LINE,
                "response_line": MAX_RESPONSE_LINE,
                "in_flight": limits.in_flight,
                "small_file": SMALL_FILE,
                "file_size": limits.file_size,
            }
        resolution.resolve(Status.OK, "hello", answer)

    def _login(self, body: Login, resolution: IResolution) -> Deferred[None]:
        return Deferred.fromCoroutine(self._log_in(body, resolution))

    async def _log_in(self, body: Login, resolution: IResolution) -> None:
        """LOGIN: a wrong name and a wrong password look the same."""
        if self.account is not None:
            resolution.resolve(Status.BAD_REQUEST, "logged in already: another account needs another connection")
            return
        try:
            try:
                account = await self._checked(body)
            except UnauthorizedLogin:
                self._log.info("login failed for {user} from {peer}", user=ascii(body.username[:64]), peer=self._peer)
                by = self.by(conversation.LOGIN)
                await self._auditing.note("login", by, Status.LOGIN_FAILED, user=body.username[:64])
                self._count_failure()
                raise LoginFailed("the user name or the password is wrong") from None
            await self._auditing.note("login", attrs.evolve(self.by(conversation.LOGIN), account=account.name))
        except Exception as error:  # noqa: BLE001 (a checker may raise anything)
            self._failed(error, resolution, "a login could not be checked")
        else:
            self._enter(account)
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
        """Answer with a refusal; anything else is logged, and answered without detail."""
        if isinstance(error, Refusal):
            resolution.resolve(error.status, error.message)
        else:
            self._log.failure(what, Failure(error))
            resolution.resolve(Status.INTERNAL, "the server failed at this; its log says more")

    def _count_failure(self) -> None:
        self._failed_logins += 1
        if self._failed_logins >= self._services.limits.login_attempts:
            self._connection.finish()

    def _enter(self, account: Account) -> None:
        if self.conversation.phase is Phase.STRANGER:
            self.account = account
            self.conversation.advance(Phase.MEMBER)
            self._connection.logged_in()

    async def identify(self, id: str) -> None:
        """TLS has verified the device with this id: it is logged in, unless it is paired no more.

        Where that cannot be found out the connection ends: the device may try again.
        """
        credentials = DeviceCertificate(id)
        try:
            try:
                account = await self._avatar(credentials)
            except UnauthorizedLogin:
                self._log.info("a device that is not paired any more, from {peer}", peer=self._peer)
                await self._auditing.note("login", self.by(), Status.LOGIN_FAILED, certificate=id)
                return
            self.device = credentials.device
            await self._auditing.note("login", attrs.evolve(self.by(), account=account.name))
        except Busy:
            self._connection.abort()
        except Exception:  # noqa: BLE001 (the disk, say: the log tells)
            self._log.failure("a device could not be looked up")
            self._connection.abort()
        else:
            self._enter(account)

    def _pair(self, body: Pair, resolution: IResolution) -> Deferred[None]:
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

    def _renew(self, body: Renew, resolution: IResolution) -> Deferred[None]:
        return Deferred.fromCoroutine(self._renew_certificate(body, resolution))

    async def _renew_certificate(self, body: Renew, resolution: IResolution) -> None:
        """RENEW: a device gets its next certificate."""
        try:
            if self.device is None:
                raise BadRequest("only a device that came in by its certificate can have it renewed")
            certify = self._services.pairings.certify
            made = await self._services.workers.run(certify, body.request.encode(), self.device.id)
            await self._auditing.note("renewal", self.by(conversation.RENEW))
        except Exception as error:  # noqa: BLE001 (the disk may fail)
            self._failed(error, resolution, "a certificate could not be renewed")
        else:
            pem = made.public_bytes(Encoding.PEM).decode("ascii")
            resolution.resolve(Status.OK, "renewed", {"certificate": pem})

    def _quit(self, body: NoBody, resolution: IResolution) -> None:
        self._connection.finish()
        resolution.resolve(Status.OK, "goodbye")
