"""A file as a response: its tag, a part of it that was asked for, and what a browser calls it when it saves it.

RFC 9110, sections 13 and 14: one range is served, several are answered with the whole file, as is allowed.
"""

from __future__ import annotations

import hashlib
import re
from email.utils import formatdate
from http import HTTPStatus
from typing import Sequence
from urllib.parse import quote

from zope.interface import implementer

from homeftp.endpoint import Endpoint
from homeftp.errors import check_limit
from homeftp.interfaces import IFiles, IFileStream, IPayload
from homeftp.model import SECOND_US, Entry
from homeftp.server.http.messages import HttpHeaders, HttpRequest, HttpResponse, ResponseBody

BINARY = "application/octet-stream"

_RANGE = re.compile(r"bytes\s*=\s*([0-9]{0,19})-([0-9]{0,19})\Z", re.IGNORECASE)
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
        tag = entity_tag(entry)
        fields = [*headers, ("Accept-Ranges", "bytes")]
        if tag is not None:
            fields.append(("ETag", tag))
        if entry.mtime_us is not None:
            fields.append(("Last-Modified", http_date(entry.mtime_us)))
        if _is_known(request.headers, tag):
            response = HttpResponse(HTTPStatus.NOT_MODIFIED, fields)
        else:
            wanted = _range(request.headers, tag, entry) if request.method == "GET" else None
            if wanted == NOTHING:
                response = HttpResponse(
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, [("Content-Range", f"bytes */{entry.size}")]
                )
            elif wanted is None:
                return HttpResponse(HTTPStatus.OK, fields, content_of(stream, 0, entry.size), stream.close)
            else:
                offset, length = wanted
                fields.append(("Content-Range", f"bytes {offset}-{offset + length - 1}/{entry.size}"))
                return HttpResponse(
                    HTTPStatus.PARTIAL_CONTENT, fields, content_of(stream, offset, length), stream.close
                )
    except BaseException:
        await stream.close()
        raise
    await stream.close()
    return response


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
            await self._stream.verify()
        return piece

    async def read_all(self, limit: int) -> bytes:
        """All of it; raises `TooLarge` (22) over `limit`."""
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
    """The tag of a file's content: strong, so that ranges and conditions work with it. None where it has none yet."""
    return f'"{hashlib.blake2b(entry.tag.encode(), digest_size=_TAG_BYTES).hexdigest()}"' if entry.tag else None


def http_date(mtime_us: int) -> str:
    """A time as HTTP has it, to the second; what no calendar has is the beginning of 1970."""
    try:
        return formatdate(mtime_us // SECOND_US, usegmt=True)
    except (ValueError, OverflowError, OSError):
        return formatdate(0, usegmt=True)


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


NOTHING = (0, 0)
"""A range of which the file has nothing."""


def _range(headers: HttpHeaders, tag: str | None, entry: Entry) -> tuple[int, int] | None:
    """The offset and the length that are asked for; `NOTHING`, or None for the whole file."""
    match = _RANGE.match((headers.get("range") or "").strip())
    condition = headers.get("if-range")
    if match is None or (condition is not None and condition.strip() != tag):
        return None
    first, last = match.groups()
    if not first:
        if not last:
            return None
        length = min(int(last), entry.size)
        return (entry.size - length, length) if length else NOTHING
    offset = int(first)
    if last and int(last) < offset:
        return None
    if offset >= entry.size:
        return NOTHING
    end = min(int(last), entry.size - 1) if last else entry.size - 1
    return offset, end - offset + 1
