"""A file as a response: its tag and time, a part of it that was asked for, and what a browser calls what it saves.

RFC 9110, sections 13 and 14: one range is served, several are answered with the whole file, as is allowed.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timezone
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Sequence
from urllib.parse import quote

from zope.interface import implementer

from homeftp.endpoint import Endpoint
from homeftp.errors import check_limit
from homeftp.interfaces import IFiles, IFileStream, IPayload
from homeftp.model import SECOND_US, Entry
from homeftp.server.http.messages import HttpHeaders, HttpRequest, HttpResponse, ResponseBody
from homeftp.server.http.refusals import HttpError

BINARY = "application/octet-stream"

Part = tuple[int, int]
"""Where a part of a file begins, and how many bytes it has."""

_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,19})\s*-\s*([0-9]{0,19})\Z", re.IGNORECASE)
_DATES = 256
"""Times that are kept as text: that of each answer, and those of files that are asked for again and again."""

_TAG_BYTES = 16
_TAG = re.compile(r'\s*(W/)?("[^"]*")\s*(?:,|\Z)')


async def send_file(
    request: HttpRequest,
    files: IFiles,
    endpoint: Endpoint,
    headers: Sequence[tuple[str, str]] = (),
    *,
    as_of_us: int | None = None,
) -> HttpResponse:
    """The file at an endpoint, or the part of it that a GET asks for; the response closes it.

    `headers` has at least `Content-Type`. Raises as `IFiles.open`.
    """
    stream = await files.open(endpoint, as_of_us)
    try:
        entry = stream.entry
        fields = [*headers, *validators(entry)]
        if not _is_known(request.headers, entity_tag(entry)):
            part = requested_part(request.headers, entry) if request.method == "GET" else None
            return file_response(stream, entry, fields, part)
    except BaseException:
        await stream.close()
        raise
    await stream.close()
    return HttpResponse(HTTPStatus.NOT_MODIFIED, fields)


def file_response(
    stream: IFileStream, entry: Entry, fields: Sequence[tuple[str, str]], part: Part | None
) -> HttpResponse:
    """An open file, whole or a part of it, as a response that closes it."""
    if part is None:
        return HttpResponse(HTTPStatus.OK, fields, content_of(stream, 0, entry.size), stream.close)
    offset, length = part
    shown = ("Content-Range", f"bytes {offset}-{offset + length - 1}/{entry.size}")
    content = content_of(stream, offset, length)
    return HttpResponse(HTTPStatus.PARTIAL_CONTENT, [*fields, shown], content, stream.close)


@implementer(IPayload)
class VerifiedPayload:
    """The content of an open file, whose last piece is given only once the file is known to have stayed the same."""

    def __init__(self, stream: IFileStream, payload: IPayload) -> None:
        self.size = payload.size
        self._stream = stream
        self._payload = payload
        self._left = payload.size

    async def read(self) -> bytes:
        """The next piece; b"" after the last. Raises `Changed` (44) in place of the last where the file changed."""
        if not self._left:
            return b""
        piece = await self._payload.read()
        self._left -= len(piece)
        if not self._left:
            await self._stream.close_verified()
        return piece

    async def read_all(self, limit: int) -> bytes:
        """The whole payload; raises `TooLarge` (22) over `limit`."""
        check_limit("the content", self.size, limit)
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)


def content_of(stream: IFileStream, start: int, size: int) -> ResponseBody:
    """A part of an open file as the body of a response, which is never a mixture of two contents."""
    payload = stream.payload(start, size)
    return payload if isinstance(payload, bytes) else VerifiedPayload(stream, payload)


def entity_tag(entry: Entry) -> str | None:
    """A strong entity tag: it changes with content and metadata. None where the store knows none yet.

    It is made of what the store has at hand, and shows nothing of that. davfs2 and others can use strong tags only.
    """
    return f'"{hashlib.blake2b(entry.tag.encode(), digest_size=_TAG_BYTES).hexdigest()}"' if entry.tag else None


def validators(entry: Entry) -> list[tuple[str, str]]:
    """The header fields by which a client knows a content again, or asks for a part of it."""
    found, tag = [("Accept-Ranges", "bytes")], entity_tag(entry)
    if tag is not None:
        found.append(("ETag", tag))
    if entry.mtime_us is not None:
        found.append(("Last-Modified", http_date(entry.mtime_us)))
    return found


@lru_cache(maxsize=_DATES)
def http_date(mtime_us: int) -> str:
    """A time as HTTP has it, to the second; what no calendar has, or was before 1970, is the beginning of 1970."""
    try:
        return formatdate(max(0, mtime_us // SECOND_US), usegmt=True)
    except (ValueError, OverflowError, OSError):
        return formatdate(0, usegmt=True)


def parse_date(text: str) -> int | None:
    """Seconds since 1970 of a date of HTTP; None for what is none: then its condition is ignored (RFC 9110, 13.1.3)."""
    try:
        parsed = parsedate_to_datetime(text)
        if parsed.tzinfo is None:
            parsed = parsed.replace(tzinfo=timezone.utc)
        return int(parsed.timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def attachment(name: str) -> tuple[str, str]:
    """The header field that makes a browser save a file under a name, whatever that holds (RFC 6266, RFC 8187)."""
    plain = re.sub(r"[^ !#-$&-\[\]-~]", "_", name)
    return "Content-Disposition", f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _is_known(headers: HttpHeaders, tag: str | None) -> bool:
    """Whether the client has this content already."""
    given = headers.get("if-none-match")
    if given is None:
        return False
    return given.strip() == "*" or tag in (found[2] for found in _TAG.finditer(given))


def requested_part(headers: HttpHeaders, entry: Entry) -> Part | None:
    """The part of a file that is asked for; None for all of it. Raises 416 where the file has nothing of it.

    Several ranges get all of it, which RFC 9110 (14.2) allows: no program here asks for several.
    """
    asked = _RANGE.match((headers.get("range") or "").strip())
    if asked is None or not _in_range_of(headers.get("if-range"), entry):
        return None
    first, last = asked.groups()
    if (not first and not last) or (first and last and int(last) < int(first)):
        return None
    if first:
        start = int(first)
        end = min(int(last) + 1, entry.size) if last else entry.size
    else:
        start, end = max(0, entry.size - int(last)), entry.size
    if start >= end:
        raise HttpError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "the file has no such bytes",
            [("Content-Range", f"bytes */{entry.size}")],
        )
    return start, end - start


def _in_range_of(given: str | None, entry: Entry) -> bool:
    """Whether `If-Range` names what is there: its strong tag, or the exact time of its last change."""
    if given is None:
        return True
    if given.strip().startswith('"'):
        return given.strip() == entity_tag(entry)
    seconds = parse_date(given)
    return seconds is not None and entry.mtime_us is not None and entry.mtime_us // SECOND_US == seconds
