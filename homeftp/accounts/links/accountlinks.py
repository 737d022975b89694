"""Share links of one account: it makes, lists and revokes them, through any front end."""

from __future__ import annotations

from typing import Any, Callable, Sequence, TypeVar

import attrs
import msgspec
from twisted.logger import Logger
from zope.interface import implementer

from homeftp.accounts.access import AccessTable
from homeftp.accounts.devices import DeviceKind, Devices
from homeftp.accounts.links.table import LinkRecord, Links, NewLink
from homeftp.accounts.login import Login
from homeftp.accounts.passwords import COST, SHORTEST, Cost, hash_password
from homeftp.audit.log import Audit
from homeftp.config import MAX_PASSWORD, MOST_LINK_SECONDS, MOST_LINK_USES
from homeftp.endpoint import Endpoint
from homeftp.errors import (
    INTERNAL_ERROR,
    BadRequest,
    Forbidden,
    Internal,
    NotFound,
    OperatorError,
    Refusal,
    WrongKind,
    counted,
)
from homeftp.interfaces import IShareLinks, IWorkers
from homeftp.interfaces.links import (
    LINK_PATH,
    LinkState,
    LinkTerms,
    MadeLink,
    ShareLink,
)
from homeftp.store.policy.rights import ADD, READ
from homeftp.store.policy.wording import display_path, not_found

T = TypeVar("T")


class SharingService(msgspec.Struct, frozen=True, kw_only=True):
    """Share links of all accounts of one server."""

    links: Links
    audit: Audit
    workers: IWorkers
    """The server's pool; each account has its queue there."""
    hashing: IWorkers
    """The pool that hashes passwords."""
    origin: Callable[[], str | None]
    """The address of the server's web front end, such as `https://nas.local:8443`; None: it has none."""
    cost: Cost = COST
    """The cost of the passwords of new links."""

    def of(self, login: Login) -> IShareLinks | None:
        """Share links of an account, for one of its logins; None for the login of a link, and of another checker."""
        device = login.avatar.device
        if login.avatar.access.id is None or (device is not None and device.kind == DeviceKind.SHARE_LINK.value):
            return None
        return AccountLinks(self, login)


@implementer(IShareLinks)
@attrs.frozen
class AccountLinks:
    """Share links of an account, for one of its logins: those to paths that it sees."""

    _log = Logger()

    _service: SharingService
    _login: Login

    async def make(self, terms: LinkTerms, origin: str | None = None) -> MadeLink:
        """Make a link to what is at an endpoint now."""
        _check(terms)
        origin = self._service.origin() if origin is None else origin
        if origin is None:
            raise Forbidden(
                "this server has no web front end, which opens share links: its owner starts it with `serve --https`"
            )
        stored = None
        if terms.password is not None:
            hashing = self._service.hashing.of(self._login.account)
            stored = await hashing.run(hash_password, terms.password, self._service.cost)
        return await self._run(self._make, terms, origin, stored)

    async def allowed(self) -> bool:
        """Whether the owner allows the account to make links."""
        return await self._run(self._allowed)

    async def list(self) -> Sequence[ShareLink]:
        """All links of the account to what this login may see."""
        return await self._run(self._list)

    async def revoke(self, id: str) -> ShareLink:
        """End one of them at once."""
        return await self._run(self._revoke, id)

    async def _run(self, job: Callable[..., T], *arguments: object) -> T:
        """Do a job in the queue of the account.

        Raises `Forbidden` (33) where access was revoked, and `Internal` (50) where the accounts or the audit log fail.
        """
        try:
            return await self._service.workers.of(self._login.account).run(self._granted, job, arguments)
        except (OperatorError, OSError) as error:
            self._log.failure("share links cannot be used")
            raise Internal(INTERNAL_ERROR) from error

    # -- in a worker ---------------------------------------------------------------

    def _granted(self, job: Callable[..., T], arguments: Sequence[object]) -> T:
        if not self._login.is_valid():
            raise Forbidden("access was revoked")
        return job(*arguments)

    def _make(self, terms: LinkTerms, origin: str, password: str | None) -> MadeLink:
        avatar, endpoint = self._login.avatar, terms.endpoint
        rights = avatar.store.rights.at(endpoint.parts)
        if READ not in rights:
            raise not_found(endpoint)
        if terms.upload and ADD not in rights:
            raise Forbidden(f"your account may not add files at {display_path(endpoint)}: ask the server's owner")
        found = avatar.store.stat(endpoint)
        if found is None:
            raise not_found(endpoint)
        if terms.upload and found.kind != "directory":
            raise WrongKind(f"{display_path(endpoint)} is a file: files can be uploaded into a directory only")
        home = self._whole(endpoint).relative_to(avatar.access.home)
        assert home is not None, "a device's home is beneath its account's"
        new = NewLink(
            account=self._login.account,
            account_stamp=avatar.access.stamp,
            creator=avatar.device,
            home=home,
            upload=terms.upload,
            seconds=terms.seconds,
            uses=terms.uses,
            password=password,
        )
        record, token = self._service.links.make(new, self._note_made)
        return MadeLink(self._shown(record, self._names()), f"{origin}/{LINK_PATH}/{token}/")

    def _allowed(self) -> bool:
        access = AccessTable(self._service.links.state).find(self._login.account)
        return access is not None and access.links

    def _list(self) -> Sequence[ShareLink]:
        names = self._names()
        return [self._shown(record, names) for record in self._visible()]

    def _revoke(self, id: str) -> ShareLink:
        for record in self._visible():
            if record.device.name == id:
                shown = self._shown(record, self._names())
                if self._service.links.revoke(record, self._note_revoked):
                    return shown
        raise NotFound("your account has no such share link: `homeftp share --list` shows all")

    def _visible(self) -> Sequence[LinkRecord]:
        """The links to paths that this login may see."""
        found = self._service.links.of_account(self._login.account)
        return [each for each in found if self._endpoint(each) is not None]

    def _endpoint(self, record: LinkRecord) -> Endpoint | None:
        """The path of a link as this login sees it; None where it may not."""
        top = self._login.avatar.access.home.beneath(*record.narrowing.home.parts)
        seen = top.relative_to(self._login.home)
        return seen if seen is not None and READ in self._login.avatar.store.rights.at(seen.parts) else None

    def _names(self) -> dict[str, str]:
        """The names of devices by their ids."""
        return {each.id: each.name for each in Devices(self._service.links.state).all()}

    def _shown(self, record: LinkRecord, names: dict[str, str]) -> ShareLink:
        endpoint = self._endpoint(record)
        assert endpoint is not None
        return ShareLink(
            id=record.device.name,
            endpoint=endpoint,
            state=self._state(record, endpoint),
            made=record.device.paired,
            ends=record.ends,
            upload=record.upload,
            uses_left=record.uses_left,
            has_password=record.password is not None,
            device=None if record.creator is None else names.get(record.creator),
        )

    def _state(self, record: LinkRecord, endpoint: Endpoint) -> LinkState:
        if record.ends <= self._service.links.clock():
            return LinkState.EXPIRED
        if record.uses_left is not None and record.uses_left <= 0:
            return LinkState.USED
        store = self._login.avatar.store
        try:
            found = store.stat(endpoint)
        except Refusal:
            found = None
        broken = found is None or (
            record.upload and (found.kind != "directory" or ADD not in store.rights.at(endpoint.parts))
        )
        return LinkState.BROKEN if broken else LinkState.OPEN

    def _whole(self, endpoint: Endpoint) -> Endpoint:
        return self._login.home.beneath(*endpoint.parts)

    def _note_made(self, record: LinkRecord) -> None:
        self._service.audit.note("share", self._login.actor("LINK"), **self._fields(record))

    def _note_revoked(self, record: LinkRecord) -> None:
        self._service.audit.note("unshare", self._login.actor("UNLINK"), **self._fields(record))

    def _fields(self, record: LinkRecord) -> dict[str, Any]:
        """The fields of a link in audit records."""
        whole = self._login.avatar.access.home.beneath(*record.narrowing.home.parts).whole
        return {"endpoint": whole, "link": record.device.name}


def _check(terms: LinkTerms) -> None:
    """Raise `BadRequest` (20) for terms out of bounds."""
    if not 1 <= terms.seconds <= MOST_LINK_SECONDS:
        raise BadRequest(f"a link works for between a second and {counted(MOST_LINK_SECONDS, 'second')}")
    if terms.uses is not None and not 1 <= terms.uses <= MOST_LINK_USES:
        raise BadRequest(f"a link may be used between once and {counted(MOST_LINK_USES, 'time')}")
    if terms.password is not None and not SHORTEST <= len(terms.password) <= MAX_PASSWORD:
        raise BadRequest(f"the password of a link has between {SHORTEST} and {MAX_PASSWORD} characters")
