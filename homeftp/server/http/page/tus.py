"""Uploads that can be resumed: tus 1.0 with `creation` and `creation-with-upload`, below `/upload/`.

No state but the store's partial uploads: the URL says what the upload is (`uploadurl`), and the store what of it has
arrived. Two headers go beyond tus. `Homeftp-Arrived-Hash` is the hash of what has arrived, so that a client continues
only what is the beginning of its own file. `Homeftp-Hash` is that of the file that was stored.
"""

from __future__ import annotations

import time
from http import HTTPStatus

import attrs
from twisted.internet.error import ConnectionLost
from zope.interface import implementer

from homeftp.config import RESUMABLE
from homeftp.errors import BadRequest, Changed
from homeftp.interfaces import IFiles, IPayload
from homeftp.metadata.kept import same_mtime
from homeftp.model import ABSENT, Entry, ResumePoint
from homeftp.server.http.messages import HttpRequest, HttpResponse, IHandler
from homeftp.server.http.page.uploadurl import UploadUrl, whole_number
from homeftp.server.http.refusals import HttpError

VERSION = "1.0.0"
CONTENT_TYPE = "application/offset+octet-stream"
REQUEST = "PUSH"
"""The name in the audit log: the same as for every other upload of a file that can be resumed."""

_PROTOCOL = [("Tus-Resumable", VERSION), ("Cache-Control", "no-store")]
_ALLOWED = [("Allow", "POST, HEAD, PATCH, OPTIONS")]
_OPTIONS = [("Tus-Version", VERSION), ("Tus-Extension", "creation,creation-with-upload")]


class _PartArrived(ConnectionLost):
    """All of a request has arrived, but not all of the file: the store keeps it as after a lost connection."""


@implementer(IPayload)
class PartPayload:
    """The content of a request that does not bring the file to its end."""

    def __init__(self, payload: IPayload) -> None:
        self.size = payload.size
        self._payload = payload

    async def read(self) -> bytes:
        """The next piece; raises where a whole file's payload would be at its end."""
        piece = await self._payload.read()
        if not piece:
            raise _PartArrived("the rest follows in another request")
        return piece

    async def read_all(self, limit: int) -> bytes:
        """Never all: no part is small enough to be read at once."""
        raise _PartArrived("the rest follows in another request")


@implementer(IHandler)
@attrs.frozen
class TusHandler:
    """Begins uploads, says how far they are, and takes what follows."""

    def allows_without_login(self, request: HttpRequest) -> bool:
        """No."""
        return False

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """The response."""
        if request.method == "OPTIONS":
            return HttpResponse(HTTPStatus.NO_CONTENT, [*_PROTOCOL, *_OPTIONS])
        if request.headers.get("Tus-Resumable") != VERSION:
            raise HttpError(HTTPStatus.PRECONDITION_FAILED, f"this server speaks tus {VERSION}", _OPTIONS[:1])
        assert request.login is not None
        files = request.login.files(REQUEST)
        if request.method == "POST" and len(request.path) == 1:
            return await self._create(request, files)
        if len(request.path) > 1 and request.method in ("HEAD", "PATCH"):
            url = UploadUrl.of(request.path[1:], request.query)
            return await (self._head(url, files) if request.method == "HEAD" else self._patch(url, request, files))
        raise HttpError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "an upload knows POST, HEAD and PATCH",
            [("Allow", "POST, HEAD, PATCH, OPTIONS")],
        )

    async def _create(self, request: HttpRequest, files: IFiles) -> HttpResponse:
        headers = request.headers
        now_us = int(time.time() * 1000) * 1000
        url = UploadUrl.created(headers.get("Upload-Length"), headers.get("Upload-Metadata"), now_us)
        location = ("Location", url.location())
        if request.content_length == 0 and url.size:
            return HttpResponse(HTTPStatus.CREATED, [*_PROTOCOL, location])
        arrived = await self._receive(url, 0, request, files)
        return HttpResponse(HTTPStatus.CREATED, [*_PROTOCOL, location, *arrived])

    async def _head(self, url: UploadUrl, files: IFiles) -> HttpResponse:
        entry, resume = await _state(url, files)
        headers = [*_PROTOCOL, ("Upload-Length", str(url.size))]
        if entry is not None:
            stored = entry if entry.hash is not None else await files.hash(url.endpoint)
            if url.hash in (None, stored.hash):
                done = ("Upload-Offset", str(url.size)), ("Homeftp-Hash", stored.hash or "")
                return HttpResponse(HTTPStatus.OK, [*headers, *done])
        if resume is None:
            return HttpResponse(HTTPStatus.OK, [*headers, ("Upload-Offset", "0")])
        so_far = ("Upload-Offset", str(resume.size)), ("Homeftp-Arrived-Hash", resume.hash)
        return HttpResponse(HTTPStatus.OK, [*headers, *so_far])

    async def _patch(self, url: UploadUrl, request: HttpRequest, files: IFiles) -> HttpResponse:
        offset = whole_number("Upload-Offset", request.headers.get("Upload-Offset"), 0, url.size)
        _, resume = await files.stat_with_resume(url.endpoint, url.hash, url.size, url.mtime_us)
        if offset != (0 if resume is None else resume.size):
            raise _elsewhere()
        try:
            arrived = await self._receive(url, offset, request, files)
        except Changed:
            if not offset or not await _meets(url, files):
                raise
            raise _elsewhere() from None
        return HttpResponse(HTTPStatus.NO_CONTENT, [*_PROTOCOL, *arrived])

    async def _receive(self, url: UploadUrl, offset: int, request: HttpRequest, files: IFiles) -> list[tuple[str, str]]:
        """Write what a request brings behind `offset`; what is said of the upload then."""
        content_type = (request.headers.get("Content-Type") or "").partition(";")[0].strip().lower()
        if content_type != CONTENT_TYPE and request.content_length != 0:
            raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the content of an upload has the type {CONTENT_TYPE}")
        length = request.content_length
        if length is None:
            raise HttpError(HTTPStatus.LENGTH_REQUIRED, "an upload needs a Content-Length")
        end = offset + length
        if end > url.size:
            raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than the {url.size} bytes that the upload has")
        if end == url.size:
            entry = await files.upload(url.write_request(offset), request.body)
            stored = [] if entry.hash is None else [("Homeftp-Hash", entry.hash)]
            return [("Upload-Offset", str(url.size)), *stored]
        if end < RESUMABLE:
            raise BadRequest(f"send the whole file at once, or parts of {RESUMABLE} bytes and more")
        try:
            await files.upload(url.write_request(offset), PartPayload(request.body))
        except _PartArrived:
            pass
        finally:
            request.body.discard()
        _, resume = await files.stat_with_resume(url.endpoint, url.hash, url.size, url.mtime_us)
        return [("Upload-Offset", str(0 if resume is None else resume.size))]


def _elsewhere() -> HttpError:
    return HttpError(HTTPStatus.CONFLICT, "something else has arrived by now: ask for the Upload-Offset again")


async def _state(url: UploadUrl, files: IFiles) -> tuple[Entry | None, ResumePoint | None]:
    """The file, if it may be what the upload was to become, and how much of the upload has arrived."""
    entry, resume = await files.stat_with_resume(url.endpoint, url.hash, url.size, url.mtime_us)
    if entry is not None and entry.kind == "file" and entry.size == url.size and entry.damaged is None:
        mtime_us = entry.mtime_us
        if mtime_us is not None and (mtime_us == url.mtime_us or same_mtime(mtime_us, entry.mtime_span, url.mtime_us)):
            return entry, resume
    return None, resume


async def _meets(url: UploadUrl, files: IFiles) -> bool:
    """Whether what is at the path now is what the upload asks for, as far as a look tells."""
    if url.condition != ABSENT:
        return url.condition is None
    return await files.stat(url.endpoint) is None
