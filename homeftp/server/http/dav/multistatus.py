"""Responses that tell the status of several resources or properties: 207 Multi-Status (RFC 4918, section 13)."""

from __future__ import annotations

import http
from typing import AsyncIterator, Iterable, Mapping, Sequence

from homeftp.server.http.dav.xmlbody import Name, empty, tags, xml_text
from homeftp.server.http.messages import HttpResponse

XML_TYPE = ("Content-Type", "application/xml; charset=utf-8")
HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<D:multistatus xmlns:D="DAV:">'
TAIL = "</D:multistatus>\n"


def status_line(status: int) -> str:
    """A status as Multi-Status has it."""
    return f"<D:status>HTTP/1.1 {int(status)} {http.HTTPStatus(status).phrase}</D:status>"


def propstat(properties: str, status: int, condition: str = "") -> str:
    """Some properties that share a status; "" where there are none. `condition` is the name of what was violated."""
    if not properties:
        return ""
    error = f"<D:error><D:{condition}/></D:error>" if condition else ""
    return f"<D:propstat><D:prop>{properties}</D:prop>{status_line(status)}{error}</D:propstat>"


def response(href: str, content: str) -> str:
    """The response for one resource."""
    return f"<D:response><D:href>{xml_text(href)}</D:href>{content}</D:response>"


def names(properties: Iterable[Name]) -> str:
    """Properties without their values."""
    return "".join(map(empty, properties))


def values(properties: Mapping[Name, str]) -> str:
    """Properties with their values, which are XML."""
    return "".join(value.join(tags(name)) for name, value in properties.items())


def multistatus(responses: Sequence[str] | AsyncIterator[str]) -> HttpResponse:
    """The response; what comes piece by piece is sent so."""
    status = http.HTTPStatus.MULTI_STATUS
    if isinstance(responses, Sequence):
        return HttpResponse(status, [XML_TYPE], (HEAD + "".join(responses) + TAIL).encode())
    return HttpResponse(status, [XML_TYPE], _streamed(responses))


async def _streamed(responses: AsyncIterator[str]) -> AsyncIterator[bytes]:
    head = HEAD
    async for piece in responses:
        yield (head + piece).encode()
        head = ""
    yield (head + TAIL).encode()


def error_text(condition: str, content: str = "") -> bytes:
    """The body of a refusal that names the condition that was violated (RFC 4918, section 16)."""
    inner = f"<D:{condition}>{content}</D:{condition}>"
    return f'<?xml version="1.0" encoding="utf-8"?>\n<D:error xmlns:D="DAV:">{inner}</D:error>\n'.encode()
