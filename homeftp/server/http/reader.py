"""Bytes to requests: where a head ends, what it says, and where its body ends. No input and no output.

h11 parses the head and the chunks. Each request has an h11 connection of its own. The bytes of a body of known length
do not pass through h11: they are only counted. What h11 tolerates and intermediaries read in different ways is refused
here, before it parses: bare LF and CR, a length beside chunks, a length that is given twice (RFC 9112, sections 2.2,
6.3 and 11.2).
"""

from __future__ import annotations

import re
from http import HTTPStatus

import attrs
import h11

from homeftp.server.http.messages import HttpHeaders

MAX_HEAD = 32 * 1024
"""Bytes of a head, at most; nginx has 32 KiB, Apache 8 KiB for each field."""

FED_AT_ONCE = 64 * 1024
"""Bytes of chunks that h11 gets at once, at most.

h11 refuses a line without an end once more than `MAX_HEAD` bytes of it have come, and does not look at a whole one. So
the line that says how long a chunk is can have both together, however it arrives.
"""

MAX_HEADERS = 100
"""Fields of a head, at most, as Apache has it."""

_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[ \t]")
"""Ends of lines other than CRLF, and a line that continues the one before (RFC 9112, 5.2)."""

_LENGTH = re.compile(rb"\r\ncontent-length:([^\r]*)", re.IGNORECASE)
_END = b"\r\n\r\n"


class Malformed(Exception):
    """Bytes of a client that are no request; nothing behind them can be understood. `status` is the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@attrs.frozen
class RequestHead:
    """The head of one request."""

    method: str
    target: str
    headers: HttpHeaders
    size: int | None
    """Bytes of the body; None where it has chunks."""
    keeps_alive: bool = False
    """Whether the client lets another request follow."""
    takes_chunks: bool = False
    """Whether the client understands chunks: one of HTTP/1.0 does not."""
    expects_continue: bool = False
    """Whether the client waits before it sends the body."""


@attrs.frozen
class BodyEnd:
    """The body is complete."""


BODY_END = BodyEnd()

Event = RequestHead | bytes | BodyEnd


class RequestReader:
    """Finds one request after the other: `receive` bytes, then ask for each `next_event` until there is none."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._missing = 0
        self._chunks: h11.Connection | None = None
        self._in_request = False
        self._complete = False

    @property
    def incomplete(self) -> bool:
        """Whether the client owes the rest of a head or of a body."""
        return bool(self._buffer) if not self._in_request else not self._complete

    @property
    def idle(self) -> bool:
        """Whether no request has begun."""
        return not self._in_request and not self._buffer

    @property
    def waiting(self) -> int:
        """Bytes of the next request, which has to wait until this one is answered."""
        return len(self._buffer) if self._complete else 0

    def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._buffer += data

    def skip_body(self, size: int) -> bool:
        """Whether the next `size` bytes all belong to a body of known length, which is not complete then.

        They are counted, and need not be received.
        """
        if self._missing > size and not self._buffer:
            self._missing -= size
            return True
        return False

    def next_request(self) -> None:
        """The request is answered, and its body complete: the next one may begin."""
        self._in_request = self._complete = False
        self._scanned = 0

    def next_event(self) -> Event | None:
        """The next event; None where more bytes are needed, or this request has to be answered first.

        Raises `Malformed`.
        """
        if not self._in_request:
            return self._head()
        if self._complete:
            return None
        if self._chunks is not None:
            return self._next_chunk(self._chunks)
        if not self._missing:
            self._complete = True
            return BODY_END
        if not self._buffer:
            return None
        data = bytes(self._buffer[: self._missing])
        del self._buffer[: self._missing]
        self._missing -= len(data)
        return data

    def _head(self) -> RequestHead | None:
        if self._buffer.startswith(b"\r\n"):
            del self._buffer[:2]  # RFC 9112, 2.2: an empty line before a request is ignored
        end = self._buffer.find(_END, max(0, self._scanned - len(_END)))
        whole = end >= 0
        end = end + len(_END) if whole else len(self._buffer)
        if end > MAX_HEAD:
            raise Malformed(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the head of the request has more than {MAX_HEAD} bytes"
            )
        start = max(0, self._scanned - 1)
        # A CR at the very end may still become a CRLF.
        if _BARE.search(self._buffer, start, end if whole or not self._buffer.endswith(b"\r") else end - 1):
            raise Malformed(
                HTTPStatus.BAD_REQUEST, "a line of the head does not end in CRLF, or continues the one before"
            )
        self._scanned = end
        if not whole:
            return None
        head = bytes(self._buffer[:end])
        del self._buffer[:end]
        return self._parsed(head)

    def _parsed(self, head: bytes) -> RequestHead:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            connection.receive_data(head)
            request = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise Malformed(error.error_status_hint, str(error)) from None
        if not isinstance(request, h11.Request):
            raise Malformed(HTTPStatus.BAD_REQUEST, "this is no request")
        fields = request.headers
        if len(fields) > MAX_HEADERS:
            raise Malformed(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the request has more than {MAX_HEADERS} header fields"
            )
        headers = HttpHeaders((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
        length = headers.get("content-length")
        chunked = "transfer-encoding" in headers
        lengths = _LENGTH.findall(head)
        if lengths and (chunked or len(lengths) > 1 or b"," in lengths[0]):
            raise Malformed(HTTPStatus.BAD_REQUEST, "the length of the body is given twice")
        modern = request.http_version >= b"1.1"
        if chunked and not modern:
            raise Malformed(HTTPStatus.BAD_REQUEST, "HTTP/1.0 has no chunks")
        self._in_request = True
        self._missing = int(length or 0)
        self._chunks = connection if chunked else None
        if chunked and self._buffer:
            self._feed(connection)
        return RequestHead(
            request.method.decode("ascii"),
            request.target.decode("latin-1"),
            headers,
            None if chunked else self._missing,
            keeps_alive=modern and "close" not in _tokens(headers.get("connection")),
            takes_chunks=modern,
            expects_continue=modern and "100-continue" in _tokens(headers.get("expect")),
        )

    def _feed(self, chunks: h11.Connection) -> None:
        chunks.receive_data(bytes(self._buffer[:FED_AT_ONCE]))
        del self._buffer[:FED_AT_ONCE]

    def _next_chunk(self, chunks: h11.Connection) -> Event | None:
        try:
            event = chunks.next_event()
            while event is h11.NEED_DATA and self._buffer:
                self._feed(chunks)
                event = chunks.next_event()
        except h11.RemoteProtocolError as error:
            raise Malformed(error.error_status_hint, str(error)) from None
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if isinstance(event, h11.EndOfMessage):
            self._complete, self._chunks = True, None
            self._buffer[:0] = chunks.trailing_data[0]
            return BODY_END
        return None


def _tokens(value: str | None) -> set[str]:
    """The words of a field that is a list of them."""
    return set() if value is None else {each.strip().lower() for each in value.split(",")}
