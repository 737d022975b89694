"""Bytes to requests: where a head ends, what it says, and where its body ends. No input and no output.

h11 parses the head; each request has an h11 connection of its own. Bodies do not pass through h11: their bytes are only
counted, those of each chunk too. What h11 tolerates and intermediaries read in different ways is refused here: bare LF
and CR, in heads, in the lines of chunks and in trailers, a length beside chunks, a length that is given twice (RFC
9112, sections 2.2, 6.3, 7.1 and 11.2).
"""

from __future__ import annotations

import re
from http import HTTPStatus

import attrs
import h11

from homeftp.server.http.messages import HttpHeaders

MAX_HEAD = 32 * 1024
"""Bytes of a head, of a line of chunks, and of trailers, at most; nginx has 32 KiB, Apache 8 KiB for each field."""

MAX_HEADERS = 100
"""Fields of a head, at most, as Apache has it."""

_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[ \t]")
"""Ends of lines other than CRLF, and a line that continues the one before (RFC 9112, 5.2)."""

_LENGTH = re.compile(rb"\r\ncontent-length:([^\r]*)", re.IGNORECASE)
_CRLF = b"\r\n"
_END = b"\r\n\r\n"

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;.*|[ \t]*)\r\n")
"""How long a chunk is, in hexadecimal digits, and extensions, which are ignored (RFC 9112, 7.1)."""

_HEXADECIMAL = 16

_CHUNK_END = re.compile(_CRLF)

_TRAILERS = re.compile(rb"(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00\r\n]*)*\r\n\r\n")
"""Fields behind the last chunk, which are ignored, from the end of its line on (RFC 9112, 7.1.2)."""


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


NO_REQUEST = RequestHead("", "/", HttpHeaders(), 0)
"""The head in place of one that is malformed, whose request is answered nevertheless."""


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
        self._in_chunks = False
        """Whether another chunk, or the end of this one, has to come."""
        self._expected = _CHUNK_LINE
        """The form of the next line in chunks, once nothing of this one is missing."""
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
        """Whether the next `size` bytes all belong to a body of known length or to a chunk, which is not complete then.

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
        if self._in_chunks and not self._missing:
            try:
                self._next_chunk()
            except Malformed:
                self._complete = True  # what follows waits for ever
                raise
        if not self._missing:
            if self._in_chunks:
                return None
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
        head = self._take(_END, "the head of the request")
        return None if head is None else self._parsed(head)

    def _take(self, mark: bytes, what: str) -> bytes | None:
        """Take the bytes up to this end of their last line; None where it has not arrived. Raises `Malformed`."""
        end = self._buffer.find(mark, max(0, self._scanned - len(mark)))
        whole = end >= 0
        end = end + len(mark) if whole else len(self._buffer)
        if end > MAX_HEAD:
            raise Malformed(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"{what} has more than {MAX_HEAD} bytes")
        start = max(0, self._scanned - 1)
        # A CR at the very end may still become a CRLF.
        if _BARE.search(self._buffer, start, end if whole or not self._buffer.endswith(b"\r") else end - 1):
            raise Malformed(
                HTTPStatus.BAD_REQUEST, f"a line of {what} does not end in CRLF, or continues the one before"
            )
        self._scanned = 0 if whole else end
        if not whole:
            return None
        taken = bytes(self._buffer[:end])
        del self._buffer[:end]
        return taken

    def _parsed(self, head: bytes) -> RequestHead:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            connection.receive_data(head)
            request = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise Malformed(error.error_status_hint, str(error)) from None
        if not isinstance(request, h11.Request):
            raise Malformed(HTTPStatus.BAD_REQUEST, "this is not a request")
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
        self._in_chunks, self._expected = chunked, _CHUNK_LINE
        return RequestHead(
            request.method.decode("ascii"),
            request.target.decode("latin-1"),
            headers,
            None if chunked else self._missing,
            keeps_alive=modern and "close" not in _tokens(headers.get("connection")),
            takes_chunks=modern,
            expects_continue=modern and "100-continue" in _tokens(headers.get("expect")),
        )

    def _next_chunk(self) -> None:
        """Take what is between two chunks, or behind the last one, as far as it has arrived. Raises `Malformed`."""
        while self._in_chunks and not self._missing:
            expected = self._expected
            mark, what = (_END, "the trailers") if expected is _TRAILERS else (_CRLF, "the chunks")
            line = self._take(mark, what)
            if line is None:
                return
            found = expected.fullmatch(line)
            if found is None:
                raise Malformed(HTTPStatus.BAD_REQUEST, f"{what} cannot be understood")
            if expected is _CHUNK_LINE:
                self._missing = int(found[1], base=_HEXADECIMAL)
                self._expected = _CHUNK_END if self._missing else _TRAILERS
                if not self._missing:
                    self._buffer[:0] = _CRLF
            else:
                self._expected, self._in_chunks = _CHUNK_LINE, expected is _CHUNK_END


def _tokens(value: str | None) -> set[str]:
    """The words of a field that is a list of them."""
    return set() if value is None else {each.strip().lower() for each in value.split(",")}
