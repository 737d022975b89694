"""LOCK and UNLOCK."""

from __future__ import annotations

from http import HTTPStatus

import attrs

from homeftp.errors import BadRequest, Changed, Forbidden
from homeftp.model import ABSENT, WriteRequest
from homeftp.server.http.dav.guard import ChangeGuard, locked, require_parent, stat_visible
from homeftp.server.http.dav.locks.lockinfo import lock_discovery, lock_request, timeout_seconds
from homeftp.server.http.dav.locks.lockset import Lock, LockConflict
from homeftp.server.http.dav.multistatus import XML_TYPE, error_text
from homeftp.server.http.dav.resource import DavRequest, depth
from homeftp.server.http.dav.xmlbody import XmlElement, read_xml
from homeftp.server.http.messages import HttpResponse
from homeftp.server.http.refusals import HttpError
from homeftp.store.policy.rights import ADD, DELETE, REPLACE

_CHANGING = frozenset({REPLACE, DELETE})
"""Rights to change what is there: a lock keeps others from that."""


@attrs.frozen
class Locker:
    """Answers LOCK and UNLOCK."""

    guard: ChangeGuard

    async def lock(self, dav: DavRequest) -> HttpResponse:
        """LOCK: a new lock, or with an `If` header and no body a longer life for one that there is."""
        root = await read_xml(dav.http)
        seconds = timeout_seconds(dav.header("timeout"))
        if root is None:
            return await self._refresh(dav, seconds)
        return await self._new(dav, root, seconds)

    async def _new(self, dav: DavRequest, root: XmlElement, seconds: int | None) -> HttpResponse:
        asked = lock_request(root)
        deep = depth(dav, None) is None
        if depth(dav, None) == 1:
            raise BadRequest("a lock has a Depth of 0 or infinity")
        login = dav.login
        rights = login.rights_in_all_of(dav.endpoint) if deep else login.rights_at(dav.endpoint)
        entry = await stat_visible(dav, dav.endpoint) if rights else None
        if dav.endpoint.is_top or not rights & (_CHANGING | {ADD} if entry is None else _CHANGING):
            raise Forbidden("an account locks only what it may change, all of it, and not the shared folder itself")
        header = await self.guard.conditions(dav, entry)
        locks = self.guard.of(dav)
        lock = Lock(
            account=dav.owner,
            endpoint=dav.whole,
            is_deep=deep,
            is_exclusive=asked.is_exclusive,
            owner=asked.owner,
            is_folder=entry is not None and entry.kind == "directory",
            seconds=seconds,
        )
        status = HTTPStatus.OK
        try:
            if entry is None:
                (await locks.near(dav.whole, deep=deep)).admit(lock)  # before anything is made
                await self.guard.check(dav, dav.endpoint, header, frozenset({ADD}), names=True)
                await require_parent(dav, dav.endpoint)
                await self._make_empty(dav)
                status = HTTPStatus.CREATED
            await locks.add(lock)
        except LockConflict as conflict:
            raise locked(dav, conflict.lock, "no-conflicting-lock") from None
        return _described(dav, lock, status, [("Lock-Token", f"<{lock.token}>")])

    async def _make_empty(self, dav: DavRequest) -> None:
        """Make an empty file where nothing exists at the locked endpoint (RFC 4918, 7.3)."""
        try:
            await dav.files.write(WriteRequest(endpoint=dav.endpoint, size=0, precondition=ABSENT), b"")
        except Changed:
            raise HttpError(HTTPStatus.CONFLICT, "it has just been made: lock it again") from None

    async def _refresh(self, dav: DavRequest, seconds: int | None) -> HttpResponse:
        header = await self.guard.conditions(dav, await stat_visible(dav, dav.endpoint))
        for lock in await self.guard.on(dav, dav.endpoint):
            own = lock.token in header.tokens and lock.account == dav.owner
            if own and await self.guard.of(dav).refresh(lock, seconds):
                return _described(dav, lock, HTTPStatus.OK, [])
        raise HttpError(HTTPStatus.PRECONDITION_FAILED, "there is no such lock: lock it again")

    async def unlock(self, dav: DavRequest) -> HttpResponse:
        """UNLOCK: the end of one lock."""
        token = (dav.header("lock-token") or "").strip()
        if not token.startswith("<") or not token.endswith(">"):
            raise BadRequest("UNLOCK needs a Lock-Token")
        lock = next((each for each in await self.guard.on(dav, dav.endpoint) if each.token == token[1:-1]), None)
        if lock is None:
            content = XML_TYPE[1], error_text("lock-token-matches-request-uri")
            raise HttpError(HTTPStatus.CONFLICT, "there is no such lock here", content=content)
        if lock.account != dav.owner:
            raise Forbidden("another account has made this lock")
        await self.guard.of(dav).remove(lock)
        return HttpResponse(HTTPStatus.NO_CONTENT)


def _described(dav: DavRequest, lock: Lock, status: int, headers: list[tuple[str, str]]) -> HttpResponse:
    shown = lock_discovery([lock], dav.login.home, dav.owner)
    prop = f'<D:prop xmlns:D="DAV:"><D:lockdiscovery>{shown}</D:lockdiscovery></D:prop>\n'
    body = f'<?xml version="1.0" encoding="utf-8"?>\n{prop}'.encode()
    return HttpResponse(status, [*headers, XML_TYPE], body)
