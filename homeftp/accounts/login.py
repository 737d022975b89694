"""The login service: credentials and an address become a login, or a refusal. Every front end uses the same one.

Throttling, audit records and the portal are behind it. Nothing here knows a
protocol.
"""

from __future__ import annotations

import time
from collections import Counter
from functools import partial
from typing import Callable, Sequence, TypeVar, cast

from twisted.cred.credentials import ICredentials
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.accounts.devicelogin import IDeviceCredentials
from homeftp.accounts.devices import DeviceKind
from homeftp.accounts.loginaudit import LoginAudit, RefusalAudit, user_name
from homeftp.accounts.passwords import counted_password
from homeftp.accounts.realm import Account, AccountChanged
from homeftp.accounts.state.interface import Version
from homeftp.accounts.throttle import GuessLimit
from homeftp.accounts.validator import AccessValidator, CheckedStore, LoginValidity
from homeftp.audit.log import Audit
from homeftp.endpoint import Endpoint
from homeftp.errors import INTERNAL_ERROR, Busy, Forbidden, Internal, LoginFailed, OperatorError, Refusal
from homeftp.files.factory import FilesFactory
from homeftp.files.refusals import RefusedChange
from homeftp.files.writersearch import WriterSearch
from homeftp.history.writer import Writer
from homeftp.host import now
from homeftp.interfaces import IAccount, IConnection, IFiles, ILogin, ILoginService, IShareLinks, IWorkers
from homeftp.model import Actor
from homeftp.status import Status
from homeftp.store.policy.permissions import allotment

_REQUEST = "LOGIN"
"""The name in audit records of a login with a password, through any front end."""

TRIES = 3
"""How often credentials are checked for one login, at most: each time the account has changed meanwhile."""


R = TypeVar("R")

Seen = Callable[[str, str, "str | None"], None]
"""Records that a device (its id) was there, from an address, through a front end."""


@implementer(ILogin)
class Login:
    """One account, logged in from one address; it ends with `close`."""

    _log = Logger()

    def __init__(self, service: LoginService, account: Account, address: str, front_end: str | None = None) -> None:
        self._service = service
        self._connections: set[IConnection] = set()
        self._files: dict[tuple[str, bool], IFiles] = {}
        self._address = address
        self.front_end = front_end
        """The name of the front end through which it came; None: the server's own protocol."""
        self.avatar = account
        self.since = now()
        """When it began."""
        self.revoked = False
        self.closed = False
        self.valid_at: Version | None = None
        """The version of the database by which it was valid when that was last looked up."""
        self._looking = DeferredLock()
        device = account.device
        key = account.access.stamp, *((None, None) if device is None else (device.id, device.stamp))
        self._store = CheckedStore.of(account.store, self._confirm, key, self.was_granted)

    @property
    def address(self) -> str:
        """The address of the client."""
        return self._address

    @property
    def connections(self) -> list[IConnection]:
        """The connections that use this login."""
        return list(self._connections)

    @property
    def account(self) -> str:
        """The account's name."""
        return self.avatar.name

    @property
    def device(self) -> str | None:
        """The name of the device that logged in; None after the account's own password."""
        return None if self.avatar.device is None else self.avatar.device.name

    @property
    def group(self) -> str:
        """The group that its connections count in: users of share links take no places of the account's devices."""
        device = self.avatar.device
        return (
            f"link {device.id}" if device is not None and device.kind == DeviceKind.SHARE_LINK.value else self.account
        )

    @property
    def device_id(self) -> str | None:
        """The id of that device."""
        return None if self.avatar.device is None else self.avatar.device.id

    @property
    def rights(self) -> frozenset[str]:
        """The rights outside the folders with narrower rights."""
        return self.avatar.rights

    @property
    def view(self) -> str | None:
        """A digest that changes where the account may read other folders than before; None where that is not known."""
        return self.avatar.view

    @property
    def home(self) -> Endpoint:
        """The endpoint in the store at which the account's endpoints begin."""
        return self.avatar.store.home

    def rights_at(self, endpoint: Endpoint) -> frozenset[str]:
        """The account's rights at an endpoint."""
        return self.avatar.store.rights.at(endpoint.parts)

    def rights_in_all_of(self, endpoint: Endpoint) -> frozenset[str]:
        """The rights that the account has at an endpoint and everywhere beneath it."""
        return self.avatar.store.rights.in_all_of(endpoint.parts)

    def actor(self, request: str | None = None) -> Actor:
        """The actor for audit records of this request."""
        return self.avatar.actor(self._address, request, self.front_end)

    def files(self, request: str, *, record_refusals: bool = True) -> IFiles:
        """The files of the account; changes are recorded as made by this request, and refused once it is revoked."""
        key = request, record_refusals
        if key not in self._files:
            actor = self.actor(request)
            record = partial(self._record_refusal, actor)
            reads = None if self._service.reads is None else partial(self._record_read, self._service.reads, actor)
            self._files[key] = self._service.files.files(
                self._store, actor, self, record, reads, records_raised=record_refusals
            )
        return self._files[key]

    async def find_writer(self, endpoint: Endpoint, content_hash: str) -> Writer | None:
        """The writer of a file; not told of others if the account does not read all of the store."""
        search, whole = self._service.writers, self.home.beneath(*endpoint.parts)
        if search is None:
            return None
        found = await search.find(self.account, whole, content_hash, lambda: self.closed or self.revoked)
        sees_all = allotment(self.avatar.store.rights, self.home, None).sees_all
        return found if found is None or found.account == self.account or sees_all else None

    def _record_read(self, audit: Audit, actor: Actor, kind: str, endpoint: Endpoint) -> None:
        """In a worker."""
        whole = self.home.beneath(*endpoint.parts).whole
        try:
            audit.note("read", actor, kind=kind, endpoint=whole)
        except OSError as error:
            raise Internal(
                f"the server's audit log cannot be written ({error.strerror}): reading is refused until it can"
            ) from error

    def _record_refusal(self, actor: Actor, status: Status, change: RefusedChange) -> Deferred[None]:
        return self._service.refusals.note(actor, status, lambda: change.fields(self.home))

    def is_valid(self) -> bool:
        """Whether the login is still valid, by what the database says now. Blocks; raises `OperatorError`.

        Cheap while the database has not changed.
        """
        return not self.revoked and not self._service.find_revoked([self])

    def was_granted(self) -> bool:
        """Whether a job has found it valid within `GRANTED_SECONDS`. Does not block."""
        return self._service.was_granted(self)

    async def look_up(self) -> bool:
        """`is_valid`, in a job of the account where none has found it valid a moment ago. Raises `Internal` (50)."""
        if self.was_granted():
            return True
        async with self._looking:  # all others wait for the first job, and use its result
            return self.was_granted() or await self._service.workers.of(self.account).run_unbounded(self._looked_up)

    def _looked_up(self) -> bool:
        """`is_valid`; raises `Internal` (50) where it cannot be found out."""
        try:
            return self.is_valid()
        except OperatorError as error:
            self._log.failure("could not check whether access is still granted: nothing was done")
            raise Internal(f"nothing was done: {INTERNAL_ERROR}") from error

    def _confirm(self) -> None:
        """Raise `Forbidden` (33) where access was revoked, and `Internal` (50) where that cannot be found out."""
        if not self._looked_up():
            raise Forbidden("access was revoked")

    @property
    def links(self) -> IShareLinks | None:
        """Share links of the account; None for a login that may have none."""
        return self._service.share_links(self)

    def add_connection(self, connection: IConnection) -> None:
        """Let `disconnect` reach this connection, from now until `remove_connection`, or at once if that was before."""
        if self.revoked or self.closed:
            connection.disconnect()
        else:
            self._connections.add(connection)
            self._service.saw(self)

    def remove_connection(self, connection: IConnection) -> None:
        """The connection has ended."""
        self._connections.discard(connection)
        self._service.saw(self)

    def disconnect(self) -> None:
        """Access was revoked: mark the login as revoked and end its connections at once."""
        self.revoked = True
        for connection in list(self._connections):
            try:
                connection.disconnect()
            except Exception:  # noqa: BLE001, PERF203 (a fault of one front end must not keep the others connected)
                self._log.failure("a connection of {account} could not be disconnected", account=self.account)

    def close(self) -> None:
        """Log out. May be called twice. Changes that are still queued look up whether access is granted."""
        if self._connections:
            self._service.saw(self)
        self.closed = True
        self._connections.clear()
        self._service.closed(self)


@implementer(ILoginService)
class LoginService:
    """Logs clients in by `portal`. Wrong passwords count in `throttle`; `validator` says which logins stay valid.

    `files` makes the files of each login, whose refused changes are recorded in `refusals`, and what they read in
    `reads` where that is given; `writers` looks for who stored a file. `seen` is told which devices are
    connected, whenever a connection begins and ends. What blocks runs in `workers`.
    """

    _log = Logger()

    def __init__(
        self,
        portal: Portal,
        *,
        throttle: GuessLimit,
        audit: LoginAudit,
        refusals: RefusalAudit,
        validator: AccessValidator,
        files: FilesFactory,
        workers: IWorkers,
        reads: Audit | None = None,
        writers: WriterSearch | None = None,
        seen: Seen = lambda id, address, front_end: None,
        share_links: Callable[[Login], IShareLinks | None] = lambda login: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._portal = portal
        self.files = files
        self.reads = reads
        """Where reads are recorded; None: they are not."""
        self.refusals = refusals
        self.share_links = share_links
        """Share links of a login."""
        self.writers = writers
        """The search for who stored a file; None: that is never known."""
        self._throttle = throttle
        self._audit = audit
        self._validity = LoginValidity(validator, monotonic)
        self.workers = workers
        self._seen = seen
        self._logins: dict[Login, None] = {}
        self.outcomes: Counter[tuple[str | None, Status]] = Counter()
        """How many logins of a front end, by its name or None, ended with a status; 0: the client was logged in."""

    def login(self, credentials: ICredentials, address: str, front_end: str | None) -> Deferred[ILogin]:
        """A login; fails with `LoginFailed` (32), `Busy` (51) or `Internal` (50)."""
        return Deferred.fromCoroutine(self._login(credentials, address, front_end)).addBoth(self._count, front_end)

    def _count(self, result: R, front_end: str | None) -> R:
        if isinstance(result, Failure):
            status = result.value.status if isinstance(result.value, Refusal) else Status.INTERNAL
        else:
            status = Status.OK
        self.outcomes[front_end, status] += 1
        return result

    def logins(self) -> list[Login]:
        """Every login that is not closed."""
        return list(self._logins)

    def find_revoked(self, logins: Sequence[Login]) -> list[Login]:
        """The logins whose device or account was removed, or whose account changed. Blocks; raises `OperatorError`."""
        return self._validity.find_revoked(logins)

    def was_granted(self, login: Login) -> bool:
        """Whether a job has found a moment ago that a login is valid. Does not block."""
        return self._validity.was_granted(login)

    def saw(self, login: Login) -> None:
        """A client that uses this login is there."""
        if login.device_id is not None:
            self._seen(login.device_id, login.address, login.front_end)

    def opened(self, login: Login) -> None:
        """Remember a login, for `logins`."""
        self._logins[login] = None

    def closed(self, login: Login) -> None:
        """Forget a login: `Login.close` calls this."""
        self._logins.pop(login, None)

    async def _login(self, credentials: ICredentials, address: str, front_end: str | None) -> ILogin:
        """A login; whatever goes wrong is a refusal."""
        try:
            if IDeviceCredentials.providedBy(credentials):
                return await self._login_device(credentials, address, front_end)
            return await self._login_guessable(credentials, address, front_end)
        except Internal as refusal:
            self._log.error("a login could not be checked: {why}", why=refusal.message)
            raise
        except Refusal:
            raise
        except Exception as error:
            self._log.failure("a login could not be checked", Failure(error))
            raise Internal(INTERNAL_ERROR) from error

    async def _login_guessable(self, credentials: ICredentials, address: str, front_end: str | None) -> Login:
        """A wrong name and a wrong password or key get the same answer."""
        actor = Actor(None, None, address, _REQUEST, front_end=front_end)
        guesses = await self._throttle.count(address)
        credentials = counted_password(credentials, guesses)
        try:
            login = await self._checked(credentials, address, front_end)
        except UnauthorizedLogin:
            user = user_name(credentials)
            self._log.info("login failed for {user} from {address}", user=ascii(user), address=address)
            await self._audit.note("login", actor, Status.LOGIN_FAILED, user=user)
            raise LoginFailed("the user name or the password is wrong") from None
        except BaseException:
            await self._throttle.uncount(address)  # the password was not checked, so it is not a wrong one
            raise
        await self._throttle.uncount(address)
        return await self._recorded(login, login.actor(_REQUEST))

    async def _login_device(self, credentials: ICredentials, address: str, front_end: str | None) -> Login:
        """There is nothing to guess: TLS has verified a certificate, or the secret is too long for that."""
        actor = Actor(None, None, address, front_end=front_end)
        shown = IDeviceCredentials(credentials)
        try:
            login = await self._checked(credentials, address, front_end)
        except UnauthorizedLogin:
            self._log.info("login refused for a device that no longer exists, from {address}", address=address)
            who = shown.subject or address
            await self._audit.refused_login(who, actor, certificate=shown.certificate)
            raise LoginFailed(shown.refusal) from None
        return await self._recorded(login, login.actor())

    async def _checked(self, credentials: ICredentials, address: str, front_end: str | None) -> Login:
        """A login that is valid, also by what the database says once the login is watched for revocation.

        Where that says that the account has changed meanwhile, the credentials are checked again: they may be as good
        as before. Raises UnauthorizedLogin, `Busy` (51) after `TRIES`, and whatever a checker raises.
        """
        for _ in range(TRIES):
            try:
                _, avatar, _ = await self._portal.login(credentials, None, IAccount)
            except AccountChanged:
                continue
            login = Login(self, cast(Account, avatar), address, front_end)  # the realm gives no other
            self.opened(login)
            try:
                if await self.workers.run_unbounded(login.is_valid):
                    return login
            except BaseException:
                login.close()
                raise
            login.close()
        raise Busy("the account was changed meanwhile: log in again")

    async def _recorded(self, login: Login, actor: Actor) -> Login:
        """The login, once the audit log has it."""
        try:
            await self._audit.note("login", actor)
        except BaseException:
            login.close()
            raise
        return login
