"""One request and its response: the head that the engine completes, and the body as the client reads it.

Responses are written here, and not by h11, which reads requests (`reader.py`). What a client sends may be anything; a
response is our own, and h11 took as long to make one as all else that a request for a small file needs in this package.
"""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import Callable

from twisted.internet.defer import Deferred

from homeftp.config import GOODBYE_BYTES
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, Refusal
from homeftp.interfaces import IPayload
from homeftp.interfaces.links import LINK_PATH
from homeftp.model import SECOND_US
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.http.body import RequestBody
from homeftp.server.http.content import http_date
from homeftp.server.http.messages import HttpRequest, HttpResponse
from homeftp.server.http.reader import RequestHead
from homeftp.server.http.refusals import error_response

SECURITY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "private, no-cache"),
)
"""Header fields of every response that does not set them itself. HSTS is not among them: it would make a browser refuse
the certificate of the home's own CA for good, where its owner has only made an exception."""

_SECURITY_LINES = {name.lower(): f"{name}: {value}" for name, value in SECURITY}
_STATUS_LINES = {int(each): f"HTTP/1.1 {int(each)} {each.phrase}" for each in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_SPLIT = re.compile(r"[\0\r\n]")
"""Characters that would let a value begin another field, or another response (CWE-113)."""

_NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_JOINED = 64 * 1024
"""Bytes of a body that are written together with the head."""


class WrongResponse(Exception):
    """A response that cannot be sent as it is: its body has not the promised length, or a field breaks its line."""


class HttpExchange:
    """One request and its response, for `StuckRequestLog` too."""

    def __init__(self, head: RequestHead, body: RequestBody, output: OutputBuffer, began: float = 0.0) -> None:
        self.head = head
        self.began = began
        """When the head had arrived: seconds by the clock."""
        self.body = body
        self.request: HttpRequest | None = None
        self.request_type = head.method
        self._output = output
        self._written = 0
        self._begun = False
        self._may_follow = head.keeps_alive
        self._chunked = False
        self.waits_to_send = head.expects_continue
        """Whether the client waits before it sends the body."""
        self.has_login = False
        """Whether it is carried out by a login."""
        self.answered = False
        """Whether the response is sent."""
        self._ended: Deferred[None] | None = None
        """Fires when an account has one request less; None for a request without a login."""

    async def wait_for_turn(self, begin_request: Callable[[Callable[[], Deferred[None]]], object]) -> None:
        """Return when it is its turn among the requests of its account; it counts as one of them until `end`."""
        if self._ended is None:
            ended = self._ended = Deferred()
            begun: Deferred[None] = Deferred()

            def begin() -> Deferred[None]:
                begun.callback(None)
                return ended

            begin_request(begin)
            await begun

    def end(self) -> None:
        """End the request, which has been answered or cannot be."""
        if self._ended is not None:
            self._ended.callback(None)

    @property
    def endpoint(self) -> Endpoint | None:
        """The endpoint of the request, for the owner to see; not the secret of a share link."""
        if self.request is None or self.answered or self.request.path[:1] == (LINK_PATH,):
            return None
        return Endpoint(self.request.path[1:])

    def progress(self) -> tuple[int, int] | None:
        """A value that changes when it makes progress; None while it waits for the client."""
        waits = self._output.paused or self.body.waits_for_client
        return None if waits else (self.body.arrived, self._written)

    @property
    def keeps_alive(self) -> bool:
        """Whether another request may follow: only behind a response that was sent whole."""
        return self.answered and self._may_follow

    @property
    def may_skip_rest(self) -> bool:
        """Whether the rest of the body can be skipped. The length of a body in chunks shows only when they come."""
        body = self.body
        short = body.size is None or body.missing <= GOODBYE_BYTES
        return body.complete or (short and not self.waits_to_send)

    @property
    def skips_too_much(self) -> bool:
        """Whether more of the body came after the answer than may be skipped."""
        return self.answered and self.body.arrived - self.body.taken > GOODBYE_BYTES

    def continue_body(self) -> None:
        """Ask the client to send the body, where it waits for that."""
        if self.waits_to_send:
            self.waits_to_send = False
            self._write(_CONTINUE)

    async def send(self, response: HttpResponse, *, close: bool) -> int:
        """Send the response, and return its status; with `close` it is the last one of the connection.

        Where the first piece of the body cannot be read, the refusal is sent instead. `Changed` (44) is the exception:
        its status in HTTP says that a condition of the client does not hold. Raises `ConnectionLost` when the client is
        gone, and whatever else the body raises: then the connection has to end.
        """
        try:
            await self._send(response, close)
            return response.status
        except Refusal as refusal:
            if self._begun or isinstance(refusal, Changed):
                raise
            refused = error_response(refusal, self.head.headers)
            await self._send(refused, close)
            return refused.status
        finally:
            if response.close is not None:
                await response.close()

    async def _send(self, response: HttpResponse, close: bool) -> None:
        body = response.body
        size = len(body) if isinstance(body, bytes) else body.size if IPayload.providedBy(body) else None
        bodiless = response.status in _NO_BODY
        sends_body = not bodiless and self.head.method != "HEAD"
        if close or (sends_body and size is None and not self.head.takes_chunks):
            self._may_follow = False  # where there are no chunks, the end of the connection is that of the body
        self._chunked = sends_body and size is None and self.head.takes_chunks
        data = self._response_head(response, None if bodiless else size)
        if not sends_body:
            await self._end(data)
        elif isinstance(body, bytes):
            if len(body) > _JOINED:
                await self._output_send(data)
                data = b""
            await self._end(data + body)
        elif IPayload.providedBy(body):
            await self._send_payload(data, body)
        else:
            await self._send_pieces(data, body)

    async def _send_payload(self, data: bytes, body: IPayload) -> None:
        missing = body.size
        while piece := await body.read():
            missing -= len(piece)
            if missing < 0:
                raise WrongResponse("the body is longer than was promised")
            if data:
                await self._output_send(data)
                data = b""
            await self._output_send(piece)
        if missing:
            raise WrongResponse("the body is shorter than was promised")
        await self._end(data)

    async def _send_pieces(self, data: bytes, body: object) -> None:
        pieces = body.__aiter__()  # type: ignore[attr-defined]
        try:
            async for piece in pieces:
                if piece:
                    await self._output_send(data + (b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece))
                    data = b""
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()
        await self._end(data)

    async def _end(self, data: bytes) -> None:
        """Send the end of the response behind `data`."""
        if self._chunked:
            data += _LAST_CHUNK
        if data:
            await self._output_send(data)
        self.answered = True

    async def _output_send(self, data: bytes) -> None:
        self._begun = True
        await self._output.send(data)
        self._written += len(data)

    def _write(self, data: bytes) -> None:
        self._written += len(data)
        self._output.write(data)

    def _response_head(self, response: HttpResponse, size: int | None) -> bytes:
        """The status line and the fields. Raises `WrongResponse` for a field that would be more than one."""
        own = [f"{name}: {value}" for name, value in response.headers]
        if _SPLIT.search("".join(own)) is not None:
            raise WrongResponse("a header field has the end of a line in it")
        names = {name.lower() for name, _ in response.headers}
        status = _STATUS_LINES.get(response.status) or f"HTTP/1.1 {response.status} "
        lines = [status, f"Date: {http_date(int(time.time()) * SECOND_US)}", *own]
        lines += [line for name, line in _SECURITY_LINES.items() if name not in names]
        if size is not None and "content-length" not in names:
            lines.append(f"Content-Length: {size}")
        if self._chunked:
            lines.append("Transfer-Encoding: chunked")
        if not self._may_follow:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("ascii")
