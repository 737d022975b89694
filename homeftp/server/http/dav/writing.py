"""PUT, MKCOL and DELETE."""

from __future__ import annotations

import math
from http import HTTPStatus

import attrs

from homeftp.config import SMALL_FILE, Limits
from homeftp.errors import BadRequest, Changed, Forbidden, NoSpace, NotFound, TooLarge
from homeftp.model import ABSENT, MAX_MTIME_US, SECOND_US, WriteRequest
from homeftp.server.http.content import entity_tag
from homeftp.server.http.dav.conditions import store_condition
from homeftp.server.http.dav.guard import STORING, ChangeGuard, require_parent, stat_visible
from homeftp.server.http.dav.resource import DavRequest, depth
from homeftp.server.http.messages import HttpResponse
from homeftp.server.http.refusals import HttpError
from homeftp.store.policy.rights import ADD, DELETE

_MOST_TIME = 40
"""Characters of a time, at most: rclone writes fractions of nanoseconds. Python refuses whole numbers of thousands."""

_PLAIN = (None, "", "identity")


@attrs.frozen
class ResourceWriter:
    """Answers PUT, MKCOL and DELETE."""

    guard: ChangeGuard
    limits: Limits

    async def put(self, dav: DavRequest) -> HttpResponse:
        """PUT: the whole content, which becomes visible at once when all of it is durable."""
        if dav.header("content-range") is not None:
            raise BadRequest("PUT takes whole files: Content-Range is not allowed")
        if (dav.header("content-encoding") or "").strip().lower() not in _PLAIN:
            raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "PUT takes contents as they are: no Content-Encoding")
        entry = await stat_visible(dav, dav.endpoint)
        if dav.http.is_folder or dav.endpoint.is_top or (entry is not None and entry.kind == "directory"):
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "a folder has no content", [("Allow", FOLDER_METHODS)])
        header = await self.guard.conditions(dav, entry)
        await self.guard.check(dav, dav.endpoint, header, STORING, names=entry is None)
        precondition = await store_condition(dav, entry, header)
        if entry is None:
            await require_parent(dav, dav.endpoint)
        mtime_us = _mtime_us(dav.header("x-oc-mtime"))
        size = dav.http.content_length
        if size is not None and size > SMALL_FILE:
            await self._require_space(dav, size)
            size = None  # A declared size would let the store keep what arrives of an upload that breaks off.
        stored = await dav.files.upload(
            WriteRequest(
                endpoint=dav.endpoint, size=size, mtime_us=mtime_us, precondition=precondition, keeps_empty=False
            ),
            dav.http.body,
        )
        tag = entity_tag(stored)
        headers = [] if tag is None else [("ETag", tag)]
        if mtime_us is not None:
            headers.append(("X-OC-MTime", "accepted"))
        return HttpResponse(HTTPStatus.CREATED if entry is None else HTTPStatus.NO_CONTENT, headers)

    async def _require_space(self, dav: DavRequest, size: int) -> None:
        """Refuse what cannot fit before it is sent: raises `NoSpace` (52) and `TooLarge` (22)."""
        most = self.limits.file_size
        if most is not None and size > most:
            raise TooLarge(f"the file has {size:,} bytes; at most {most:,} are allowed here")
        free = (await dav.files.space()).free
        if free is not None and size > free:
            raise NoSpace(f"the file has {size:,} bytes; {free:,} are free")

    async def mkcol(self, dav: DavRequest) -> HttpResponse:
        """MKCOL: a new folder, in one that exists."""
        if await dav.http.body.read():
            raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "MKCOL takes no body")
        entry = await stat_visible(dav, dav.endpoint)
        if dav.endpoint.is_top or entry is not None:
            raise _exists()
        header = await self.guard.conditions(dav, None)
        await self.guard.check(dav, dav.endpoint, header, frozenset({ADD}), names=True)
        await require_parent(dav, dav.endpoint)
        try:
            await dav.files.make_directory(WriteRequest(endpoint=dav.endpoint, precondition=ABSENT))
        except Changed:
            raise _exists() from None
        return HttpResponse(HTTPStatus.CREATED)

    async def delete(self, dav: DavRequest) -> HttpResponse:
        """DELETE: a file, or a folder with everything in it; files become versions."""
        if dav.endpoint.is_top:
            raise Forbidden("the shared folder itself cannot be removed")
        entry = await stat_visible(dav, dav.endpoint)
        if entry is not None and entry.kind == "directory" and depth(dav, None) is not None:
            raise BadRequest("a folder is removed with everything in it: Depth is infinity")
        header = await self.guard.conditions(dav, entry)
        locks = await self.guard.check(dav, dav.endpoint, header, frozenset({DELETE}), deep=True, names=True)
        precondition = await store_condition(dav, entry, header)
        if entry is None and dav.sees(dav.endpoint):
            raise NotFound("nothing is there")
        await dav.files.remove(dav.endpoint, precondition, recursive=True)
        await self.guard.of(dav).removed(locks)
        return HttpResponse(HTTPStatus.NO_CONTENT)


FOLDER_METHODS = "OPTIONS, GET, HEAD, PROPFIND, PROPPATCH, MKCOL, DELETE, COPY, MOVE, LOCK, UNLOCK"


def _exists() -> HttpError:
    return HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "something already exists there", [("Allow", FOLDER_METHODS)])


def _mtime_us(given: str | None) -> int | None:
    """Microseconds since 1970 of `X-OC-Mtime`, which has seconds. Raises `BadRequest` (20)."""
    if given is None:
        return None
    try:
        if len(given) > _MOST_TIME:
            raise ValueError
        seconds = float(given)
        if not math.isfinite(seconds) or abs(seconds) * SECOND_US > MAX_MTIME_US:
            raise ValueError
    except ValueError:
        raise BadRequest("X-OC-Mtime is a number of seconds since 1970") from None
    return int(given) * SECOND_US if given.strip().lstrip("-").isdigit() else round(seconds * SECOND_US)
