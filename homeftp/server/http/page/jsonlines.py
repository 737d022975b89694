"""Answers of the page's API: one JSON value, or lines of JSON that are sent as they come.

The last of several lines is `{"end": true}`: without it the answer is incomplete. One that cannot be completed ends
with `{"error": {"status": N, "message": "..."}}`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, AsyncGenerator, AsyncIterator

import msgspec

from homeftp.errors import Refusal
from homeftp.server.http.messages import HttpResponse

_encode = msgspec.json.Encoder().encode

_HEADERS = (("Cache-Control", "no-store"),)


def json_response(value: Any, status: int = HTTPStatus.OK) -> HttpResponse:
    """A response that is one JSON value."""
    return HttpResponse(status, [*_HEADERS, ("Content-Type", "application/json")], _encode(value))


async def lines_response(values: AsyncGenerator[Any, None]) -> HttpResponse:
    """A response of one line for each value. What is refused before the first one is raised."""
    try:
        first = await anext(values)
    except StopAsyncIteration:
        first = None
    except BaseException:
        await values.aclose()
        raise
    headers = [*_HEADERS, ("Content-Type", "application/x-ndjson")]
    return HttpResponse(HTTPStatus.OK, headers, _lines(first, values), values.aclose)


async def _lines(first: Any, values: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    try:
        if first is not None:
            yield _encode(first) + b"\n"
            async for value in values:
                yield _encode(value) + b"\n"
    except Refusal as refusal:
        yield _encode({"error": {"status": int(refusal.status), "message": refusal.message}}) + b"\n"
    else:
        yield b'{"end":true}\n'
