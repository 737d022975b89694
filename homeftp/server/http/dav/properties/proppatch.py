"""PROPPATCH: properties are set and removed, all of them or none."""

from __future__ import annotations

from http import HTTPStatus
from typing import Iterator

import attrs

from homeftp.errors import BadRequest, NotFound
from homeftp.interfaces import IWorkers
from homeftp.server.http.dav import multistatus
from homeftp.server.http.dav.guard import ChangeGuard
from homeftp.server.http.dav.multistatus import propstat
from homeftp.server.http.dav.properties.interface import IProperties
from homeftp.server.http.dav.properties.live import ACCEPTED, PROTECTED, SETS_MTIME
from homeftp.server.http.dav.resource import DavRequest, href, parse_time
from homeftp.server.http.dav.xmlbody import DAV, Name, XmlElement, read_xml
from homeftp.server.http.messages import HttpResponse
from homeftp.store.policy.rights import REPLACE

MOST_CHANGES = 256
"""Properties that one request changes, at most."""


@attrs.frozen
class _Change:
    """One property, which is set or removed."""

    name: Name
    value: XmlElement | None
    """None: it is removed."""

    @property
    def problem(self) -> tuple[int, str] | None:
        """The status with which it is refused, and the condition that is violated."""
        if self.name in PROTECTED or (self.name in SETS_MTIME and self.value is None and self.name[0] == DAV):
            return HTTPStatus.FORBIDDEN, "cannot-modify-protected-property"
        if self.name in SETS_MTIME and self.value is not None and parse_time(self.value.text) is None:
            return HTTPStatus.CONFLICT, ""
        return None


def changes(root: XmlElement | None) -> list[_Change]:
    """The changes that the body of a PROPPATCH asks for. Raises `BadRequest` (20)."""
    if root is None or root.name != (DAV, "propertyupdate"):
        raise BadRequest("the body is not a propertyupdate")
    found = list(_changes(root))
    if not found or len(found) > MOST_CHANGES:
        raise BadRequest(f"a propertyupdate changes 1 to {MOST_CHANGES} properties")
    return found


def _changes(root: XmlElement) -> Iterator[_Change]:
    for instruction in root.children():
        if instruction.name not in ((DAV, "set"), (DAV, "remove")):
            continue
        removes = instruction.name[1] == "remove"
        for prop in instruction.children():
            if prop.name == (DAV, "prop"):
                for each in prop.children():
                    yield _Change(each.name, None if removes else each)


@attrs.frozen
class PropertyPatcher:
    """Answers PROPPATCH."""

    guard: ChangeGuard
    properties: IProperties
    workers: IWorkers

    async def proppatch(self, dav: DavRequest) -> HttpResponse:
        """PROPPATCH: the time of a file's last change is set in the store, other properties in their database."""
        asked = changes(await read_xml(dav.http))
        entry = await dav.files.stat(dav.endpoint)
        if entry is None:
            raise NotFound("nothing is there")
        header = await self.guard.conditions(dav, entry)
        await self.guard.check(dav, dav.endpoint, header, frozenset({REPLACE}))
        url = href(dav.endpoint, is_folder=entry.kind == "directory")
        if any(each.problem for each in asked):
            return multistatus.multistatus([multistatus.response(url, _refused(asked))])
        await self._apply(dav, asked)
        names = multistatus.names(dict.fromkeys(each.name for each in asked))
        return multistatus.multistatus([multistatus.response(url, propstat(names, HTTPStatus.OK))])

    async def _apply(self, dav: DavRequest, asked: list[_Change]) -> None:
        mtime_us: int | None = None
        values: dict[Name, str | None] = {}
        for each in asked:
            if each.name in SETS_MTIME:
                mtime_us = mtime_us if each.value is None else parse_time(each.value.text)
            elif each.name not in ACCEPTED:
                values[each.name] = None if each.value is None else each.value.inner()
        if mtime_us is not None or values:
            # Without a time it changes nothing, and is refused where a change of metadata would be.
            await dav.files.set_metadata(dav.endpoint, mtime_us=mtime_us, mode=None)
        if values:
            jobs, owner = self.workers.of(dav.login.account), dav.login.actor("PROPPATCH").owner or ""
            await jobs.run_unbounded(self.properties.change, dav.whole, values, owner)


def _refused(asked: list[_Change]) -> str:
    """None is changed: those that cannot be, and those that are not because of these."""
    shown, dependent = [], []
    for each in asked:
        if each.problem is None:
            dependent.append(each.name)
        else:
            shown.append(propstat(multistatus.names([each.name]), *each.problem))
    shown.append(propstat(multistatus.names(dependent), HTTPStatus.FAILED_DEPENDENCY))
    return "".join(shown)
