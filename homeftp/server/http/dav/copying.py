"""COPY and MOVE."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import BadRequest, Forbidden, NotFound, Refusal
from homeftp.interfaces import IWorkers
from homeftp.model import ABSENT, Entry, WriteRequest
from homeftp.server.http.dav import multistatus
from homeftp.server.http.dav.conditions import store_condition
from homeftp.server.http.dav.guard import STORING, ChangeGuard, require_parent, stat_visible
from homeftp.server.http.dav.locks.ifheader import IfHeader
from homeftp.server.http.dav.locks.lockset import Lock
from homeftp.server.http.dav.properties.interface import IProperties
from homeftp.server.http.dav.resource import DavRequest, depth, destination, href, overwrites
from homeftp.server.http.messages import HttpResponse
from homeftp.server.http.refusals import HttpError, http_status
from homeftp.store.policy.rights import DELETE

MOST_FAILURES = 1000
"""Files that could not be copied and are told, at most."""


@attrs.frozen
class _Pair:
    """Where from and where to."""

    source: Entry
    target: Endpoint
    existing: Entry | None
    """The entry at the target."""
    locks: Sequence[Lock]
    """The locks that end when that is removed."""
    header: IfHeader


@attrs.frozen
class ResourceCopier:
    """Answers COPY and MOVE."""

    guard: ChangeGuard
    properties: IProperties
    workers: IWorkers

    async def copy(self, dav: DavRequest) -> HttpResponse:
        """COPY: a file, or a folder with everything in it, or with a depth of 0 the folder alone."""
        asked = depth(dav, None)
        if asked == 1:
            raise BadRequest("COPY takes a Depth of 0 or infinity")
        pair = await self._prepare(dav)
        deep = asked is None
        if pair.source.kind == "file":
            condition = await store_condition(dav, pair.source, pair.header)
            await self._clear(dav, pair, folders_only=True)
            await dav.files.copy(
                dav.endpoint,
                pair.target,
                source_precondition=condition,
                target_precondition=_target_condition(pair),
            )
            failures: list[str] = []
        else:
            await self._clear(dav, pair)
            await dav.files.make_directory(
                WriteRequest(endpoint=pair.target, mtime_us=None, mode=pair.source.mode, precondition=ABSENT)
            )
            failures = await self._copy_inside(dav, pair.target) if deep else []
        jobs = self.workers.of(dav.login.account)
        target, owner = dav.whole_of(pair.target), dav.login.actor("COPY").owner or ""
        await jobs.run_unbounded(
            lambda: self.properties.copied(dav.whole, target, owner, deep=deep, shown=partial(_shown, dav))
        )
        return multistatus.multistatus(failures) if failures else _done(pair)

    async def _copy_inside(self, dav: DavRequest, target: Endpoint) -> list[str]:
        """Copy what is in a folder; what is told of those that could not be copied."""
        failures: list[str] = []
        pages = dav.files.list(dav.endpoint, recursive=True)
        try:
            async for page in pages:
                for entry in page.entries:
                    to = target.at(entry.name)
                    try:
                        if entry.kind == "directory":
                            await dav.files.make_directory(WriteRequest(endpoint=to, mode=entry.mode))
                        else:
                            await dav.files.copy(dav.endpoint.at(entry.name), to)
                    except Refusal as refusal:
                        if len(failures) >= MOST_FAILURES:
                            raise
                        url = href(to, is_folder=entry.kind == "directory")
                        failures.append(multistatus.response(url, multistatus.status_line(http_status(refusal))))
        finally:
            await pages.aclose()
        return failures

    async def move(self, dav: DavRequest) -> HttpResponse:
        """MOVE: another name, in one step; what it replaces becomes a version."""
        if depth(dav, None) is not None:
            raise BadRequest("MOVE takes everything: Depth is infinity")
        pair = await self._prepare(dav)
        locks = await self.guard.check(dav, dav.endpoint, pair.header, frozenset({DELETE}), deep=True, names=True)
        condition = await store_condition(dav, pair.source, pair.header)
        replaces = pair.source.kind == "file" and pair.existing is not None and pair.existing.kind == "file"
        if not replaces:
            await self._clear(dav, pair)
        await dav.files.move(
            dav.endpoint,
            pair.target,
            source_precondition=condition,
            target_precondition=_target_condition(pair) if replaces else ABSENT,
        )
        await self.guard.of(dav).removed(locks)
        return _done(pair)

    async def _prepare(self, dav: DavRequest) -> _Pair:
        """Check the request, and find the entries at both ends."""
        target = destination(dav)
        if dav.endpoint.is_top:
            raise Forbidden("the shared folder itself cannot be copied or moved")
        if target == dav.endpoint:
            raise Forbidden("source and destination are the same")
        source = await dav.files.stat(dav.endpoint)
        if source is None:
            raise NotFound("nothing is there")
        inside = target.relative_to(dav.endpoint) is not None or dav.endpoint.relative_to(target) is not None
        if inside:
            raise Forbidden("a folder cannot be copied or moved into itself, nor replace the folder that it is in")
        header = await self.guard.conditions(dav, source)
        existing = await stat_visible(dav, target)
        if existing is not None and not overwrites(dav):
            raise HttpError(HTTPStatus.PRECONDITION_FAILED, "something is at the destination already")
        if existing is None:
            await require_parent(dav, target)
            overwrites(dav)
        replaced = existing is not None
        takes = STORING | {DELETE} if replaced else STORING
        locks = await self.guard.check(dav, target, header, takes, deep=replaced, names=not replaced)
        return _Pair(source, target, existing, locks, header)

    async def _clear(self, dav: DavRequest, pair: _Pair, *, folders_only: bool = False) -> None:
        """Remove what is at the target, as RFC 4918 (9.8.4, 9.9.3) asks; files become versions."""
        if pair.existing is None or (folders_only and pair.existing.kind == "file"):
            return
        await dav.files.remove(pair.target, recursive=True)
        await self.guard.of(dav).removed(pair.locks)


def _shown(dav: DavRequest, whole: Endpoint) -> bool:
    """Whether the account sees what is at an endpoint of the store, and may copy its properties."""
    seen = whole.relative_to(dav.login.home)
    return seen is not None and dav.sees(seen)


def _target_condition(pair: _Pair) -> str | None:
    """The condition of the store for the target: that nothing has appeared there meanwhile."""
    return None if pair.existing is not None and pair.existing.kind == "file" else ABSENT


def _done(pair: _Pair) -> HttpResponse:
    return HttpResponse(HTTPStatus.CREATED if pair.existing is None else HTTPStatus.NO_CONTENT)
