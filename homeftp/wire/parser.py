"""Where one request ends and the next begins, in a stretch of bytes that may hold many."""

from __future__ import annotations

from homeftp.config import MAX_REQUEST_LINE, SMALL_FILE
from homeftp.errors import Refusal
from homeftp.wire.codec import decode_request
from homeftp.wire.messages import Request

_LONGEST = MAX_REQUEST_LINE + 2
"""Of a line with its ending."""


def whole_request(data: bytes, start: int) -> tuple[Request, bytes, int] | None:
    """The request whose line begins at `start`, its payload, and where the next one begins.

    None unless it is there whole, with a payload of at most `config.SMALL_FILE`
    bytes, and can be decoded: then it needs more care.
    """
    end = data.find(b"\n", start, start + _LONGEST)
    if end < 0:
        return None
    line = data[start:end].removesuffix(b"\r")
    if len(line) > MAX_REQUEST_LINE:
        return None
    try:
        request = decode_request(line)
    except Refusal:
        return None
    after = end + 1 + request.content_length
    if request.content_length > SMALL_FILE or after > len(data):
        return None
    return request, data[end + 1 : after], after
