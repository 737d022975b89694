"""Checks before every change: the `If` header, the locks, and the folder in which something is made."""

from __future__ import annotations

from http import HTTPStatus
from typing import Collection

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import BadEndpoint, Forbidden
from homeftp.model import Entry
from homeftp.server.http.content import entity_tag
from homeftp.server.http.dav.locks.ifheader import IfHeader, Names, holds, parse_if, require
from homeftp.server.http.dav.locks.interface import ILocks
from homeftp.server.http.dav.locks.lockset import Lock
from homeftp.server.http.dav.multistatus import XML_TYPE, error_text
from homeftp.server.http.dav.resource import PREFIX, DavRequest, endpoint_of, href
from homeftp.server.http.dav.xmlbody import xml_text
from homeftp.server.http.refusals import HttpError
from homeftp.store.policy.rights import ADD, READ, REPLACE

STORING = frozenset({ADD, REPLACE})
"""Rights of which one is needed to store something."""


async def stat_visible(dav: DavRequest, endpoint: Endpoint) -> Entry | None:
    """The entry at an endpoint; None where there is none, or the account may not see it, such as in a drop box."""
    try:
        return await dav.files.stat(endpoint)
    except Forbidden:
        return None


async def require_parent(dav: DavRequest, endpoint: Endpoint) -> None:
    """Raise 409 where the folder of an endpoint is not there: WebDAV makes none by itself (RFC 4918, 9.7.1).

    An account that may only add in it does not know; the store decides then.
    """
    if endpoint.parent.is_top or READ not in dav.login.rights_at(endpoint.parent):
        return
    try:
        parent = await dav.files.stat(endpoint.parent)
    except Forbidden:
        return
    if parent is None or parent.kind != "directory":
        raise HttpError(HTTPStatus.CONFLICT, "the folder is not there: make it first")


@attrs.frozen
class ChangeGuard:
    """Decides whether a change may be made, by what its request submits."""

    locks: ILocks

    async def conditions(self, dav: DavRequest, entry: Entry | None) -> IfHeader:
        """The `If` header, which holds; raises 412 where it does not. Each resource in it is looked at once."""
        header = parse_if(dav.header("if"))
        entries = {dav.endpoint: entry}
        tokens: dict[Endpoint, Collection[str]] = {}

        async def etag_of(names: Names) -> str | None:
            endpoint = _named(dav, names)
            if endpoint is None:
                return None
            if endpoint not in entries:
                entries[endpoint] = await stat_visible(dav, endpoint)
            found = entries[endpoint]
            return None if found is None else entity_tag(found)

        async def tokens_of(names: Names) -> Collection[str]:
            endpoint = _named(dav, names)
            if endpoint is None:
                return ()
            if endpoint not in tokens:
                tokens[endpoint] = [lock.token for lock in await self.on(dav, endpoint)]
            return tokens[endpoint]

        require(await holds(header, etag_of, tokens_of))
        return header

    def of(self, dav: DavRequest) -> ILocks:
        """The locks, for a request."""
        return self.locks.of(dav.login.account)

    async def on(self, dav: DavRequest, endpoint: Endpoint) -> list[Lock]:
        """The locks that cover what is at an endpoint of the account."""
        whole = dav.whole_of(endpoint)
        return (await self.of(dav).near(whole)).on(whole)

    async def check(
        self,
        dav: DavRequest,
        endpoint: Endpoint,
        header: IfHeader,
        takes: frozenset[str],
        *,
        deep: bool = False,
        names: bool = False,
    ) -> list[Lock]:
        """Raise 423 where a lock forbids the change, as `LockSet.keeping_out`.

        Gives, with `deep`, the locks that were made for the endpoint or beneath it: they end where that is removed.

        The change takes one of the rights `takes` at each place that it changes. Where the account has none of them
        the store refuses the change, or leaves the place as it is: what is locked there is not told.
        """

        def concerns(lock: Lock) -> bool:
            beneath = lock.endpoint.relative_to(dav.whole_of(endpoint))
            place = endpoint if beneath is None else endpoint.beneath(*beneath.parts)
            return not takes.isdisjoint(dav.login.rights_at(place))

        whole, owner = dav.whole_of(endpoint), dav.owner
        near = await self.of(dav).near(whole, deep=deep)
        lock = near.keeping_out(whole, owner, header.tokens, deep=deep, names=names, concerns=concerns)
        if lock is not None:
            raise locked(dav, lock, "lock-token-submitted")
        return near.beneath(whole) if deep else []


def _named(dav: DavRequest, names: Names) -> Endpoint | None:
    """The endpoint of a resource in the `If` header; None where it is none of WebDAV's."""
    if names is None:
        return dav.endpoint
    if not names or names[0] != PREFIX:
        return None
    try:
        return endpoint_of(names[1:])
    except BadEndpoint:
        return None


def locked(dav: DavRequest, lock: Lock, condition: str) -> HttpError:
    """The refusal because of a lock. It names what is locked where the account sees that, else what was asked for."""
    seen = lock.endpoint.relative_to(dav.login.home)
    if seen is not None and dav.sees(seen):
        where = href(seen, is_folder=lock.is_folder)
    else:
        where = href(dav.endpoint, is_folder=dav.http.is_folder)
    content = error_text(condition, f"<D:href>{xml_text(where)}</D:href>")
    media_type = XML_TYPE[1]
    return HttpError(HTTPStatus.LOCKED, "it is locked", content=(media_type, content))
