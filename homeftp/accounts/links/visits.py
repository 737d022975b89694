"""A person with a share link: the secret of its URL, and its password, become a login that sees one path only.

Nothing here knows HTTP. Wrong secrets and wrong passwords count as guesses, together with those of all front ends. A
use is counted for each address and hour, so that a download can go on where it was interrupted.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re
import time
from typing import Callable, ClassVar, Sequence, TypeVar, cast

import attrs
from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import Attribute, Interface, implementer

from homeftp.accounts.devicelogin import IDeviceCredentials, VerifiedName, verified
from homeftp.accounts.devices import Devices
from homeftp.accounts.links.table import LinkRecord, Links
from homeftp.accounts.login import Login
from homeftp.accounts.loginaudit import LoginAudit
from homeftp.accounts.passwords import verify_password
from homeftp.accounts.throttle import GuessLimit, PasswordQueue, address_group
from homeftp.config import HOUR, MAX_PASSWORD
from homeftp.endpoint import Endpoint
from homeftp.errors import INTERNAL_ERROR, Internal, LoginFailed, LoginRequired, NotFound, OperatorError
from homeftp.interfaces import ILogin, IWorkers
from homeftp.model import Actor
from homeftp.status import Status
from homeftp.store.policy.rights import ADD, READ

USE_SECONDS = 1 * HOUR
"""How long after a use the same address may go on."""

MOST_GRANTS = 10_000
"""Uses that are remembered so: beyond that the oldest is forgotten, and counts again."""

T = TypeVar("T")

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")
"""The form of a secret: 32 bytes in base64."""


class LinkProblem(enum.Enum):
    """Why a link does not work."""

    NO_SUCH = "no-such"
    EXPIRED = "expired"
    USED = "used"
    BROKEN = "broken"


_MESSAGES = {
    LinkProblem.NO_SUCH: "there is no such link; it may have been revoked",
    LinkProblem.EXPIRED: "this link has expired",
    LinkProblem.USED: "this link has been used as often as it may be",
    LinkProblem.BROKEN: "what this link led to no longer exists",
}


class DeadLink(NotFound):
    """A link that does not work, and why."""

    def __init__(self, problem: LinkProblem) -> None:
        super().__init__(_MESSAGES[problem])
        self.problem = problem


class IOpenedLink(IDeviceCredentials):
    """The credentials of a person with a share link: its secret and its password were right."""

    id: str = Attribute("The id of the device that the link is.")


@implementer(IOpenedLink)
@attrs.frozen
class OpenedLink:
    """A link whose secret and password were right: `LinkVisits` alone makes one."""

    id: str
    certificate: ClassVar[None] = None
    refusal: ClassVar[str] = "this link no longer works"

    @property
    def subject(self) -> str:
        """How messages and records name the link."""
        return f"link {self.id}"


@implementer(ICredentialsChecker)
@attrs.frozen
class OpenedLinkChecker:
    """Finds the device of a link, in `workers`; fails with `UnauthorizedLogin` for one that has ended."""

    devices: Devices
    workers: IWorkers
    clock: Callable[[], float] = time.time
    """Seconds since 1970 UTC."""
    credentialInterfaces: ClassVar[Sequence[type[Interface]]] = (IOpenedLink,)

    def requestAvatarId(self, credentials: OpenedLink) -> Deferred[bytes | tuple[()]]:
        """The name of the link's account, as a `VerifiedName`."""
        return self.workers.run(self._check, credentials)

    def _check(self, credentials: OpenedLink) -> VerifiedName:
        """In a worker: the result of `requestAvatarId`."""
        return verified(self.devices.find_link(credentials.id, self.clock()))


@attrs.frozen
class Visit:
    """A person who has opened a link from an address."""

    record: LinkRecord
    address: str
    proof: str | None = attrs.field(repr=False)
    """The cookie's value, which replaces typing the password again; None where the link has none."""

    @property
    def credentials(self) -> OpenedLink:
        """The credentials for the login service."""
        return OpenedLink(self.record.device.id)


class LinkVisits:
    """Opens links: `throttle` is that of all logins, and `passwords` the queue of those that are checked.

    `front_end` is named in audit records, and `clock` measures how long a use lasts.
    """

    _log = Logger()

    def __init__(
        self,
        links: Links,
        *,
        throttle: GuessLimit,
        audit: LoginAudit,
        workers: IWorkers,
        passwords: PasswordQueue,
        clock: IReactorTime,
        front_end: str,
        most_grants: int = MOST_GRANTS,
    ) -> None:
        self._links = links
        self._throttle = throttle
        self._audit = audit
        self._workers = workers
        self._passwords = passwords
        self._clock = clock
        self._front_end = front_end
        self._most_grants = most_grants
        self._granted: dict[tuple[str, str], float] = {}
        """When each use ends, by link and address."""
        self._counting = DeferredLock()

    async def open(self, token: str, address: str, *, password: str | None = None, proof: str | None = None) -> Visit:
        """A visit, with the secret in the URL and the password, or with the `proof` of an earlier visit.

        Raises `DeadLink` (40) for a link that does not exist or has expired, `LoginRequired` (31) for one whose
        password is missing, `LoginFailed` (32) for a wrong password, and `Busy` (51) after too many wrong ones.
        """
        record = await self._run(self._links.find, token) if _TOKEN.match(token) else None
        if record is None:
            # A secret cannot be guessed, and another site's page could make a browser send any number of wrong ones: if
            # they counted, it would keep everybody at that address from logging in.
            await self._audit.note_limited(
                f"link from {address_group(address)}", "link", self._actor(address), Status.NOT_FOUND
            )
            raise DeadLink(LinkProblem.NO_SUCH)
        if record.ends <= self._links.clock():
            raise DeadLink(LinkProblem.EXPIRED)
        if record.password is None:
            return Visit(record, address, None)
        expected = hmac.new(record.password.encode(), token.encode(), hashlib.sha256).hexdigest()
        if proof is not None and hmac.compare_digest(proof.encode(), expected.encode()):
            return Visit(record, address, expected)
        if password is None:
            raise LoginRequired("this link has a password")
        if await self._is_right(password, record.password, address):
            return Visit(record, address, expected)
        self._log.info("a wrong password of a share link, from {address}", address=address)
        link = record.device.name
        await self._audit.note("link", self._actor(address), Status.LOGIN_FAILED, link=link)
        raise LoginFailed("the password is wrong")

    async def _is_right(self, password: str, stored: str, address: str) -> bool:
        """Whether a password is right; a wrong one counts as a guess. Raises `Busy` (51) after too many of them."""
        guesses = await self._throttle.count(address)
        try:
            is_short = len(password) <= MAX_PASSWORD
            is_right = is_short and await self._passwords.run(guesses, _is_right, password, stored)
        except BaseException:
            await self._throttle.uncount(address)
            raise
        if is_right:
            await self._throttle.uncount(address)
        return is_right

    def check_left(self, visit: Visit) -> None:
        """Raise `DeadLink` (40) where the link was used as often as it may be, and not by this address just now."""
        key = visit.record.device.id, address_group(visit.address)
        left = visit.record.uses_left
        if left is not None and left <= 0 and self._granted.get(key, 0.0) <= self._clock.seconds():
            raise DeadLink(LinkProblem.USED)

    async def use(self, visit: Visit) -> None:
        """Count a use, unless the same address has used the link within the hour.

        Raises `DeadLink` (40) where the link was used as often as it may be.
        """
        if visit.record.uses_left is None:
            return
        key = visit.record.device.id, address_group(visit.address)
        async with self._counting:
            now = self._clock.seconds()
            if self._granted.get(key, now) > now:
                return
            if not await self._run(self._links.use, visit.record.device.id):
                raise DeadLink(LinkProblem.USED)
            self._granted.pop(key, None)
            self._granted[key] = now + USE_SECONDS
            if len(self._granted) > self._most_grants:
                del self._granted[next(iter(self._granted))]

    async def check_target(self, login: ILogin, *, upload: bool) -> None:
        """Raise `DeadLink` (40) where nothing is at the path of a link, or its account may not do there what it is for.

        A directory that was removed would otherwise be made again by the next upload.
        """
        store = cast(Login, login).avatar.store

        def check(right: str) -> bool:
            found = store.store.stat(store.home)
            return found is not None and right in store.rights.at(()) and (not upload or found.kind == "directory")

        if not await self._run(check, ADD if upload else READ):
            raise DeadLink(LinkProblem.BROKEN)

    async def note(self, visit: Visit, actor: Actor, endpoint: Endpoint, status: int = Status.OK) -> None:
        """Record what was opened, within the limit for refusals of one account: a link could fill the log.

        Raises `Internal` (50) where that cannot be written.
        """
        link = visit.record.device
        await self._audit.note_limited(
            f"link {link.id}", "link", actor, status, endpoint=endpoint.whole, link=link.name
        )

    def _actor(self, address: str) -> Actor:
        return Actor(None, None, address, front_end=self._front_end)

    async def _run(self, job: Callable[[str], T], value: str) -> T:
        try:
            return await self._workers.run(job, value)
        except OperatorError as error:
            self._log.failure("share links cannot be looked up")
            raise Internal(INTERNAL_ERROR) from error


def _is_right(password: str, stored: str) -> bool:
    """In a worker; a damaged password fits nothing."""
    try:
        return verify_password(password, stored)
    except ValueError:
        return False
