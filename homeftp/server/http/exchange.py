"""One request and its response: the head that the engine completes, and the body as the client reads it."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Sequence

import h11

from homeftp.endpoint import Endpoint
from homeftp.interfaces import IPayload
from homeftp.interfaces.links import LINK_PATH
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.http.body import RequestBody
from homeftp.server.http.messages import HttpRequest, HttpResponse
from homeftp.server.http.reader import RequestHead

SECURITY = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "private, no-cache"),
)
"""Header fields of every response that does not set them itself. HSTS is not among them: it would make a browser refuse
the certificate of the home's own CA for good, where its owner has only made an exception."""

_REASONS = {int(each): each.phrase for each in HTTPStatus}
_NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_JOINED = 64 * 1024
"""Bytes of a body that are written together with the head."""


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


class HttpExchange:
    """One request and its response, for `StuckRequestLog` too."""

    def __init__(self, head: RequestHead, body: RequestBody, output: OutputBuffer) -> None:
        self.head = head
        self.body = body
        self.request: HttpRequest | None = None
        self.request_type = head.method
        self._output = output
        self._written = 0
        self.answered = False
        """Whether the response is sent."""

    @property
    def endpoint(self) -> Endpoint | None:
        """What the request is about, for the owner to see; not the secret of a share link."""
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
        return self.answered and self.head.h11.our_state is h11.DONE

    def continue_body(self) -> None:
        """Ask the client to send the body, where it waits for that."""
        if self.head.expects_continue:
            self._write(
                self.head.h11.send(
                    h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[], reason="Continue")
                )
            )

    async def send(self, response: HttpResponse, *, close: bool) -> None:
        """Send the response; with `close` it is the last one of the connection.

        Raises `ConnectionLost` when the client is gone, and whatever the body raises: then its length was promised and
        the connection has to end.
        """
        try:
            await self._send(response, close)
        finally:
            if response.close is not None:
                await response.close()

    async def _send(self, response: HttpResponse, close: bool) -> None:
        body = response.body
        bodiless = response.status in _NO_BODY
        size = len(body) if isinstance(body, bytes) else body.size if IPayload.providedBy(body) else None
        headers = self._headers(response.headers, None if bodiless else size, close)
        connection = self.head.h11
        reason = _REASONS.get(response.status, "")
        data = connection.send(h11.Response(status_code=response.status, headers=headers, reason=reason))
        if bodiless or self.head.method == "HEAD":
            await self._end(data)
        elif isinstance(body, bytes):
            if len(body) > _JOINED:
                await self._output_send(data)
                data = b""
                await self._output_send(connection.send(h11.Data(data=body)))
            elif body:
                data += connection.send(h11.Data(data=body))
            await self._end(data)
        elif IPayload.providedBy(body):
            await self._send_payload(data, body)
        else:
            await self._send_pieces(data, body)

    async def _send_payload(self, data: bytes, body: IPayload) -> None:
        while piece := await body.read():
            piece = self.head.h11.send(h11.Data(data=piece))
            if data:
                await self._output.ready()
                self._write(data)
                data = b""
            await self._output_send(piece)
        await self._end(data)

    async def _send_pieces(self, data: bytes, body: object) -> None:
        pieces = body.__aiter__()  # type: ignore[attr-defined]
        try:
            async for piece in pieces:
                if piece:
                    await self._output_send(data + self.head.h11.send(h11.Data(data=piece)))
                    data = b""
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()
        await self._end(data)

    async def _end(self, data: bytes) -> None:
        """Send the end of the response behind `data`."""
        data += self.head.h11.send(h11.EndOfMessage())
        if data:
            await self._output_send(data)
        self.answered = True

    async def _output_send(self, data: bytes) -> None:
        await self._output.send(data)
        self._written += len(data)

    def _write(self, data: bytes) -> None:
        self._written += len(data)
        self._output.write(data)

    def _headers(self, given: Sequence[tuple[str, str]], size: int | None, close: bool) -> list[tuple[str, str]]:
        names = {name.lower() for name, _ in given}
        headers = [("Date", _date(int(time.time()))), *given]
        headers += [(name, value) for name, value in SECURITY if name.lower() not in names]
        if size is not None and "content-length" not in names:
            headers.append(("Content-Length", str(size)))
        if close:
            headers.append(("Connection", "close"))
        return headers
