"""Thumbnails for the page, below `/thumbnail/`: for those who may read the file, of what it is now."""

from __future__ import annotations

from http import HTTPStatus

from zope.interface import implementer

from homeftp.config import MIB
from homeftp.endpoint import parse
from homeftp.errors import NotFound
from homeftp.interfaces import IFileStream, IWorkers
from homeftp.server.http.messages import HttpRequest, HttpResponse, IClosableHandler
from homeftp.server.http.page.thumbnails.cache import ThumbnailCache, thumbnail_key
from homeftp.server.http.page.thumbnails.drawing import SIDE
from homeftp.server.http.page.thumbnails.renderer import ThumbnailRenderer
from homeftp.server.http.refusals import HttpError

SUFFIXES = ("jpg", "jpeg", "png", "gif", "webp", "avif")
"""Ends of the names of files that may have a thumbnail, which the page is told."""

MAX_SOURCE = 64 * MIB
"""Bytes of a picture, at most: those of cameras have thirty."""


@implementer(IClosableHandler)
class ThumbnailHandler:
    """Sends the thumbnail of a picture; 404 where it has none."""

    def __init__(self, renderer: ThumbnailRenderer, cache: ThumbnailCache, workers: IWorkers) -> None:
        self._renderer = renderer
        self._cache = cache
        self._workers = workers

    def allows_without_login(self, request: HttpRequest) -> bool:
        """No file is public."""
        return False

    def close(self) -> None:
        """End the processes, and close the database."""
        self._renderer.close()
        self._cache.close()

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The thumbnail. The file is opened for each, as if it were sent itself: so its rules hold, whatever is kept.

        Raises as `IFiles.open`, and `Busy` (51).
        """
        if request.method not in ("GET", "HEAD"):
            raise HttpError(HTTPStatus.METHOD_NOT_ALLOWED, "thumbnails can only be read", [("Allow", "GET, HEAD")])
        assert request.login is not None
        endpoint = parse("/".join(request.path[1:]))
        if endpoint.name.rpartition(".")[2].lower() not in SUFFIXES:
            raise _none()
        stream = await request.login.files("GET").open(endpoint)
        try:
            return await self._answer(request, request.login.account, stream)
        finally:
            await stream.close()

    async def _answer(self, request: HttpRequest, account: str, stream: IFileStream) -> HttpResponse:
        entry = stream.entry
        if not 0 < entry.size <= MAX_SOURCE:
            raise _none()
        thumbnail = None
        if entry.hash is not None:
            key = thumbnail_key(account, entry.hash, SIDE)
            if _tag(key) in (request.headers.get("if-none-match") or ""):
                return HttpResponse(HTTPStatus.NOT_MODIFIED, [("ETag", _tag(key))])
            thumbnail = await self._workers.of(account).run_unbounded(self._cache.find, key)
        if thumbnail is None:
            thumbnail = await self._renderer.draw(account, stream.payload(0, entry.size))
            entry = await stream.close_verified()
            if entry.hash is not None:
                key = thumbnail_key(account, entry.hash, SIDE)
                await self._workers.of(account).run_unbounded(self._cache.keep, key, thumbnail)
        if not thumbnail:
            raise _none()
        tag = [("ETag", _tag(key))] if entry.hash is not None else []
        return HttpResponse(HTTPStatus.OK, [("Content-Type", "image/webp"), *tag], thumbnail)


def _tag(key: bytes) -> str:
    return f'"{key.hex()}"'


def _none() -> NotFound:
    return NotFound("this file has no thumbnail")
