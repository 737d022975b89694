"""A server with the HTTPS front end in a process of its own, and a raw connection to it."""

from __future__ import annotations

import base64
import contextlib
import re
import ssl
from typing import Any, Sequence

from tests.support.processes import PASSWORD, ServerProcess
from tests.support.tlsconnections import tls_connection
from tests.support.waiting import WITHIN

CREDENTIALS = f"ann:{PASSWORD}"
AUTHORIZATION = f"Authorization: Basic {base64.b64encode(CREDENTIALS.encode()).decode()}\r\n".encode()


_CLOSED = (ConnectionError, ssl.SSLEOFError)
"""The errors of a connection that the server has closed."""


class WebServer(ServerProcess):
    """A server of WebDAV on a free port of loopback, with the account ann."""

    def __init__(self, *options: str, **given: Any) -> None:
        super().__init__("--https", "tcp:0:interface=127.0.0.1", "--no-announce", *options, **given)

    @property
    def port(self) -> int:
        """The port of HTTPS."""
        found = re.search(r"web        https://127\.0\.0\.1:(\d+)/", self.output())
        assert found is not None, self.output()
        return int(found[1])

    def url(self, path: str = "") -> str:
        """The URL of a path below `/dav/`."""
        return f"https://127.0.0.1:{self.port}/dav/{path}"

    def connect(self, within: float = WITHIN) -> ssl.SSLSocket:
        """A connection that has verified the server's certificate by the home's CA."""
        context = ssl.create_default_context(cafile=self.ca_file)
        return tls_connection(context, self.port, within=within)

    def ask(self, *pieces: bytes) -> bytes:
        """What the server answers to these bytes until it closes the connection."""
        with self.connect() as connection:
            with contextlib.suppress(*_CLOSED):  # it may be closed before all is sent
                for piece in pieces:
                    connection.sendall(piece)
            return received(connection)


def received(connection: ssl.SSLSocket) -> bytes:
    """Everything until the server closes the connection."""
    found: list[bytes] = []
    with contextlib.suppress(*_CLOSED):
        while data := connection.recv(65536):
            found.append(data)
    return b"".join(found)


def request(method: str, path: str, *headers: str, body: bytes = b"", host: str = "x") -> bytes:
    """The bytes of one request of ann's, after which the connection is closed."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n".encode() + AUTHORIZATION
    lines = "".join(f"{each}\r\n" for each in headers)
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return head + f"{lines}{length}\r\n".encode("latin-1") + body


def statuses(answer: bytes) -> Sequence[int]:
    """The statuses of the responses in what a server has sent."""
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]
