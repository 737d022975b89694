"""GET and HEAD: files whole or in part, with conditions, and never anything but the content that was opened."""

from __future__ import annotations

import re
from http import HTTPStatus

from homeftp.errors import NotFound, WrongKind
from homeftp.interfaces import IFileStream
from homeftp.model import SECOND_US, Entry
from homeftp.server.http.content import content_of
from homeftp.server.http.dav.conditions import check_present, not_modified
from homeftp.server.http.dav.properties.live import content_type
from homeftp.server.http.dav.resource import DavRequest, etag, http_date, parse_date
from homeftp.server.http.messages import HttpResponse
from homeftp.server.http.refusals import HttpError

FOLDER_TEXT = b"This is a folder for WebDAV programs. In a browser, open the page at the root of this server.\n"

_RANGE = re.compile(r"bytes\s*=\s*(\d{0,19})\s*-\s*(\d{0,19})\s*\Z", re.IGNORECASE)
_INLINE = re.compile(r"(audio/|video/|image/(?!svg)|text/plain\Z|application/pdf\Z)")
"""Media types that a browser may show beside the page: nothing in them can run."""

Range = tuple[int, int]
"""The first byte, and how many."""


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
        headers = _headers(dav, entry)
        part = _part(dav, entry)
        if part is None:
            return HttpResponse(HTTPStatus.OK, headers, content_of(stream, 0, entry.size), stream.close)
        start, size = part
        headers.append(("Content-Range", f"bytes {start}-{start + size - 1}/{entry.size}"))
        return HttpResponse(HTTPStatus.PARTIAL_CONTENT, headers, content_of(stream, start, size), stream.close)

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
    headers = [("Content-Type", media_type), ("Accept-Ranges", "bytes")]
    tag, date = etag(entry), http_date(entry)
    if tag is not None:
        headers.append(("ETag", tag))
    if date is not None:
        headers.append(("Last-Modified", date))
    if _INLINE.match(media_type) is None:
        headers.append(("Content-Disposition", "attachment"))
    return headers


def _part(dav: DavRequest, entry: Entry) -> Range | None:
    """The one range that is asked for; None: all of it. Raises 416.

    Several ranges get all of it, which RFC 9110 (14.2) allows: no program here asks for several.
    """
    asked = _RANGE.match(dav.header("range") or "")
    if asked is None or not _in_range_of(dav, entry):
        return None
    first, last = asked.groups()
    if not first and not last:
        return None
    if first:
        start = int(first)
        end = entry.size if not last else min(int(last) + 1, entry.size)
        if last and int(last) < start:
            return None
    else:
        start, end = max(0, entry.size - int(last)), entry.size
    if start >= end:
        raise HttpError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "the file has no such bytes",
            [("Content-Range", f"bytes */{entry.size}")],
        )
    return start, end - start


def _in_range_of(dav: DavRequest, entry: Entry) -> bool:
    """Whether `If-Range` names what is there: its strong tag, or the exact time of its last change."""
    given = dav.header("if-range")
    if given is None:
        return True
    if given.strip().startswith('"'):
        return given.strip() == etag(entry)
    seconds = parse_date(given)
    return seconds is not None and entry.mtime_us is not None and entry.mtime_us // SECOND_US == seconds
