"""TLS over connected sockets, which leaves none open where the other end has gone before the handshake."""

from __future__ import annotations

import http.client
import socket
import ssl

from tests.support.waiting import WITHIN


class _TlsSocket(ssl.SSLSocket):
    """Closed where the other end has reset it before the handshake.

    CPython's `wrap_socket` notices that by reading, and leaves the socket open. The warning about it fails some later
    test.
    """

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ConnectionError:
            if self.version() is None:
                self.close()
            raise


def over_tls(
    context: ssl.SSLContext, connected: socket.socket, *, name: str | None = None, server_side: bool = False
) -> ssl.SSLSocket:
    """TLS over a connection, after the handshake. Raises OSError where it fails, and then the connection is closed."""
    context.sslsocket_class = _TlsSocket
    return context.wrap_socket(connected, server_side=server_side, server_hostname=name)


def tls_connection(
    context: ssl.SSLContext, port: int, *, within: float = WITHIN, source: tuple[str, int] | None = None
) -> ssl.SSLSocket:
    """A connection to a port of 127.0.0.1, after its handshake. Raises OSError where it ends before."""
    return over_tls(context, socket.create_connection(("127.0.0.1", port), within, source), name="127.0.0.1")


class HttpsConnection(http.client.HTTPSConnection):
    """HTTP over such a connection. `source` is the client's own address, and 0 or its port."""

    def __init__(
        self, context: ssl.SSLContext, port: int, *, within: float = WITHIN, source: tuple[str, int] | None = None
    ) -> None:
        super().__init__("127.0.0.1", port, timeout=within, context=context)
        self._given = context, within, source

    def connect(self) -> None:
        """Connect. Raises OSError."""
        context, within, source = self._given
        self.sock = tls_connection(context, self.port, within=within, source=source)
