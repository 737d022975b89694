"""A client of nothing but ssl and socket, for tests that must see every byte."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from typing import Any

from homeftp.config import ALPN
from tests.support.tlsconnections import over_tls
from tests.support.waiting import WITHIN


def context(ca_file: str, *, alpn: list[str] | None = None) -> ssl.SSLContext:
    """The client's side of TLS: the home's CA is all that is trusted; the name is the caller's to look at."""
    made = ssl.create_default_context(cafile=ca_file)
    made.check_hostname = False
    made.set_alpn_protocols([ALPN.decode()] if alpn is None else alpn)
    return made


class RawClient:
    """One connection: plain at first, TLS from `start_tls` on, with the certificate and key of the file `device`.

    `source` is the client's own address; "": the system chooses it.
    """

    def __init__(
        self, port: int, ca_file: str, *, host: str = "127.0.0.1", device: str | None = None, source: str = ""
    ) -> None:
        self._context = context(ca_file)
        if device is not None:
            self._context.load_cert_chain(device)
        self.socket: socket.socket = socket.create_connection((host, port), WITHIN, (source, 0) if source else None)
        self._buffer = b""

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def start_tls(self) -> RawClient:
        """STARTTLS, and the handshake."""
        self.socket.sendall(b'{"request_type": "STARTTLS"}\n')
        answer, _ = self.response()
        assert answer["status"] == 0 and not self._buffer, answer
        return self.wrap()

    def wrap(self) -> RawClient:
        """The handshake."""
        self.socket = over_tls(self._context, self.socket)
        return self

    def login(self, user: str, password: str) -> RawClient:
        """LOGIN."""
        answer, _ = self.ask("LOGIN", {"username": user, "password": password})
        assert answer["status"] == 0, answer
        return self

    def send(self, request_type: str, body: dict[str, Any] | None = None, payload: bytes = b"", **more: Any) -> None:
        """One request."""
        request = {"request_type": request_type, "body": body or {}, "content_length": len(payload), **more}
        self.socket.sendall(json.dumps(request).encode() + b"\n" + payload)

    def response(self) -> tuple[dict[str, Any], bytes]:
        """The next response, and its payload. Raises EOFError at the end of the stream."""
        while b"\n" not in self._buffer:
            self._read()
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        length = answer.get("content_length", 0)
        while len(self._buffer) < length:
            self._read()
        payload, self._buffer = self._buffer[:length], self._buffer[length:]
        return answer, payload

    def _read(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("the server closed the connection")
        self._buffer += data

    def ask(self, request_type: str, body: dict[str, Any] | None = None, payload: bytes = b"") -> tuple[Any, bytes]:
        """The last response to one request, and the payload of all its responses."""
        self.send(request_type, body, payload)
        return self.answer()

    def answer(self) -> tuple[Any, bytes]:
        """The last response to the request whose answer comes next, and the payload of all its responses."""
        content = b""
        while True:
            answer, part = self.response()
            content += part
            if not answer.get("more"):
                return answer, content

    def cut(self) -> None:
        """Break the connection: everything that was sent arrives, and then nothing more."""
        self.socket.shutdown(socket.SHUT_WR)  # of a TLS socket the socket beneath
        with contextlib.suppress(OSError):
            while self.socket.recv(1 << 16):
                pass
        self.socket.close()

    def at_end(self) -> bool:
        """Whether the server closes now, having said nothing more."""
        try:
            self.response()
        except (EOFError, ConnectionError, ssl.SSLError):
            return True
        return False
