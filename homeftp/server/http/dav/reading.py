"""GET and HEAD: files whole or in part, with conditions, and never anything but the content that was opened."""

from __future__ import annotations

import re
from http import HTTPStatus

from homeftp.errors import NotFound, WrongKind
from homeftp.interfaces import IFileStream
from homeftp.model import Entry
from homeftp.server.http.content import file_response, requested_part, validators
from homeftp.server.http.dav.conditions import check_present, not_modified
from homeftp.server.http.dav.properties.live import content_type
from homeftp.server.http.dav.resource import DavRequest
from homeftp.server.http.messages import HttpResponse

FOLDER_TEXT = b"This is a folder for WebDAV programs. In a browser, open the page at the root of this server.\n"

_INLINE = re.compile(r"(audio/|video/|image/(?!svg)|text/plain\Z|application/pdf\Z)")
"""Media types that a browser may show beside the page: nothing in them can run."""


class ResourceReader:
    """Answers GET and HEAD."""

    async def get(self, dav: DavRequest) -> HttpResponse:
        """GET: the file, or the part of it that is asked for."""
        if dav.endpoint.is_top:
            return _folder()
        try:
            stream = await dav.files.open(dav.endpoint)
        except WrongKind:
            return await self.head(dav)
        try:
            return await self._answer(dav, stream)
        except BaseException:
            await stream.close()
            raise

    async def _answer(self, dav: DavRequest, stream: IFileStream) -> HttpResponse:
        entry = stream.entry
        if not entry.tag:  # it was written a moment ago: the name still has the file that was opened, or the end tells
            named = await dav.files.stat(dav.endpoint)
            entry = named if named is not None and named.size == entry.size else entry
        answer = self._conditional(dav, entry)
        if answer is not None:
            await stream.close()
            return answer
        return file_response(stream, entry, _headers(dav, entry), requested_part(dav.http.headers, entry))

    async def head(self, dav: DavRequest) -> HttpResponse:
        """HEAD: what GET says of the whole file."""
        entry = await dav.files.stat(dav.endpoint)
        if entry is None:
            raise NotFound("nothing is there")
        if entry.kind == "directory":
            return _folder()
        answer = self._conditional(dav, entry)
        return answer or HttpResponse(HTTPStatus.OK, [*_headers(dav, entry), ("Content-Length", str(entry.size))])

    def _conditional(self, dav: DavRequest, entry: Entry) -> HttpResponse | None:
        """The answer where a condition decides it. Raises 412."""
        check_present(dav, entry)
        return HttpResponse(HTTPStatus.NOT_MODIFIED, _headers(dav, entry)) if not_modified(dav, entry) else None


def _folder() -> HttpResponse:
    return HttpResponse(HTTPStatus.OK, [("Content-Type", "text/plain; charset=utf-8")], FOLDER_TEXT)


def _headers(dav: DavRequest, entry: Entry) -> list[tuple[str, str]]:
    media_type = content_type(dav.endpoint.name)
    headers = [("Content-Type", media_type), *validators(entry)]
    if _INLINE.match(media_type) is None:
        headers.append(("Content-Disposition", "attachment"))
    return headers
