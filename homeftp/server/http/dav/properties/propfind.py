"""PROPFIND: the properties of a file, or of a folder and what is directly in it, sent as the folder is read."""

from __future__ import annotations

from http import HTTPStatus
from typing import AsyncIterator, Mapping

import attrs

from homeftp.config import KIB
from homeftp.endpoint import Endpoint
from homeftp.errors import BadRequest, NotFound
from homeftp.interfaces import IWorkers
from homeftp.model import Entry
from homeftp.server.http.dav import multistatus
from homeftp.server.http.dav.locks.interface import ILocks
from homeftp.server.http.dav.locks.lockinfo import lock_discovery
from homeftp.server.http.dav.locks.lockset import LockSet
from homeftp.server.http.dav.multistatus import XML_TYPE, error_text, propstat
from homeftp.server.http.dav.properties.interface import IProperties, Properties
from homeftp.server.http.dav.properties.live import LIVE, QUOTA, Described
from homeftp.server.http.dav.resource import DavRequest, depth, href
from homeftp.server.http.dav.xmlbody import DAV, Name, XmlElement, read_xml
from homeftp.server.http.messages import HttpResponse
from homeftp.server.http.refusals import HttpError
from homeftp.workers import turn

MOST_NAMES = 256
"""Properties that are asked for by name, at most: for each of them, each file has an answer."""

MOST_CHARACTERS = 8 * KIB
"""Characters of their names with their namespaces: those that a file does not have are told of each file."""

ENTRIES_PER_TURN = 16
"""Entries that are described before other accounts have their turn: each takes some 30 µs."""

_NONE: Properties = {}


@attrs.frozen
class Wanted:
    """Which properties are asked for."""

    live: tuple[Name, ...]
    others: tuple[Name, ...] = ()
    """Dead ones by name, and those that do not exist."""
    quota: tuple[Name, ...] = ()
    all_others: bool = False
    """Whether all dead ones are asked for."""
    only_names: bool = False

    @property
    def needs_database(self) -> bool:
        """Whether dead properties are asked for."""
        return self.all_others or bool(self.others)

    @property
    def needs_locks(self) -> bool:
        """Whether it is asked which locks there are."""
        return (DAV, "lockdiscovery") in self.live

    def describe(self, of: Described, dead: Properties, quota: Mapping[Name, str]) -> str:
        """The properties of one resource, as XML."""
        found: dict[Name, str] = {}
        missing: list[Name] = []
        for name in self.live:
            value = LIVE[name](of)
            if value is not None:
                found[name] = value
            elif not self.all_others:
                missing.append(name)
        if self.all_others:
            found.update(dead)
        for name in self.others:
            if name in dead:
                found[name] = dead[name]
            elif name not in found:
                missing.append(name)
        for name in self.quota:
            if of.entry.kind == "directory" and name in quota:
                found[name] = quota[name]
            else:
                missing.append(name)
        shown = multistatus.names(found) if self.only_names else multistatus.values(found)
        shown = propstat(shown, HTTPStatus.OK) + propstat(multistatus.names(missing), HTTPStatus.NOT_FOUND)
        return shown or f"<D:propstat><D:prop/>{multistatus.status_line(HTTPStatus.OK)}</D:propstat>"


EVERYTHING = Wanted(live=tuple(LIVE), all_others=True)


def wanted(root: XmlElement | None) -> Wanted:
    """The properties that the body of a PROPFIND asks for. Raises `BadRequest` (20)."""
    if root is None:
        return EVERYTHING
    if root.name != (DAV, "propfind"):
        raise BadRequest("the body is not a propfind")
    if root.find((DAV, "propname")) is not None:
        return Wanted(live=tuple(LIVE), all_others=True, only_names=True)
    included = root.find((DAV, "include"))
    if root.find((DAV, "allprop")) is not None:
        return attrs.evolve(EVERYTHING, quota=_quota(included)) if included is not None else EVERYTHING
    prop = root.find((DAV, "prop"))
    if prop is None:
        raise BadRequest("the propfind asks for nothing: it needs prop, allprop or propname")
    names = list(dict.fromkeys(each.name for each in prop.children()))
    if len(names) > MOST_NAMES or sum(len(namespace) + len(local) for namespace, local in names) > MOST_CHARACTERS:
        raise BadRequest(
            f"at most {MOST_NAMES} properties can be asked for, whose names have at most {MOST_CHARACTERS} characters"
        )
    return Wanted(
        live=tuple(name for name in names if name in LIVE),
        others=tuple(name for name in names if name not in LIVE and name not in QUOTA),
        quota=_quota(prop),
    )


def _quota(element: XmlElement) -> tuple[Name, ...]:
    return tuple(each.name for each in element.children() if each.name in QUOTA)


@attrs.frozen
class PropertyFinder:
    """Answers PROPFIND."""

    locks: ILocks
    properties: IProperties
    workers: IWorkers

    async def propfind(self, dav: DavRequest) -> HttpResponse:
        """PROPFIND with a depth of 0 or 1; a deeper one is refused, as RFC 4918 (9.1) allows."""
        asked = depth(dav, None)
        if asked is None:
            content = XML_TYPE[1], error_text("propfind-finite-depth")
            raise HttpError(HTTPStatus.FORBIDDEN, "PROPFIND takes a Depth of 0 or 1", content=content)
        wants = wanted(await read_xml(dav.http))
        entry = await dav.files.stat(dav.endpoint)
        if entry is None:
            raise NotFound("nothing is there")
        quota = await self._quota(dav) if wants.quota else {}
        dead = await self._jobs(dav).run_unbounded(self.properties.of, dav.whole) if wants.needs_database else _NONE
        near = await self.locks.of(dav.login.account).near(dav.whole) if wants.needs_locks else LockSet()
        first = self._response(dav, wants, dav.endpoint, entry, dead, quota, near)
        if not asked or entry.kind != "directory":
            return multistatus.multistatus([first])
        return multistatus.multistatus(self._folder(dav, wants, first, quota, near))

    def _jobs(self, dav: DavRequest) -> IWorkers:
        return self.workers.of(dav.login.account)

    async def _folder(
        self, dav: DavRequest, wants: Wanted, first: str, quota: Mapping[Name, str], near: LockSet
    ) -> AsyncIterator[str]:
        """The folder itself, and what is in it, a page at a time."""
        yield first
        inside: Mapping[str, Properties] = {}
        if wants.needs_database:
            inside = await self._jobs(dav).run_unbounded(self.properties.inside, dav.whole)
        pages = dav.files.list(dav.endpoint)
        try:
            async for page in pages:
                described = []
                for number, entry in enumerate(page.entries, 1):
                    own, endpoint = inside.get(entry.name, _NONE), dav.endpoint.beneath(entry.name)
                    described.append(self._response(dav, wants, endpoint, entry, own, quota, near))
                    if number % ENTRIES_PER_TURN == 0:
                        await turn(self._jobs(dav))
                yield "".join(described)
        finally:
            await pages.aclose()

    def _response(
        self,
        dav: DavRequest,
        wants: Wanted,
        endpoint: Endpoint,
        entry: Entry,
        dead: Properties,
        quota: Mapping[Name, str],
        near: LockSet,
    ) -> str:
        locks = near.on(dav.whole_of(endpoint))
        if (locks or dead) and not dav.sees(endpoint):
            locks, dead = [], _NONE
        discovered = lock_discovery(locks, dav.login.home, dav.owner)
        described = Described(entry, endpoint.name, discovered)
        url = href(endpoint, is_folder=entry.kind == "directory")
        return multistatus.response(url, wants.describe(described, dead, quota))

    async def _quota(self, dav: DavRequest) -> Mapping[Name, str]:
        """The space that is left, and the space in use, where they are known (RFC 4331, section 3)."""
        space = await dav.files.space()
        found = (("quota-available-bytes", space.free), ("quota-used-bytes", space.used))
        return {(DAV, name): str(value) for name, value in found if value is not None}
