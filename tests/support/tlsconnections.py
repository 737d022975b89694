"""Connections of TLS from the first byte, which leave no socket open where the server ends them at once."""

from __future__ import annotations

import http.client
import socket
import ssl


def tls_connection(
    context: ssl.SSLContext, port: int, *, within: float = 30.0, source: tuple[str, int] | None = None
) -> ssl.SSLSocket:
    """A connection to a port of 127.0.0.1, after its handshake. Raises OSError where it ends before.

    The socket is wrapped before it connects: one that the server has reset by then is never closed by CPython's
    `wrap_socket`, and the warning about it fails some later test.
    """
    connection = context.wrap_socket(socket.socket(), server_hostname="127.0.0.1")
    try:
        connection.settimeout(within)
        if source is not None:
            connection.bind(source)
        connection.connect(("127.0.0.1", port))
    except BaseException:
        connection.close()
        raise
    return connection


class HttpsConnection(http.client.HTTPSConnection):
    """HTTP over such a connection. `source` is the client's own address, and 0 or its port."""

    def __init__(
        self, context: ssl.SSLContext, port: int, *, within: float = 30.0, source: tuple[str, int] | None = None
    ) -> None:
        super().__init__("127.0.0.1", port, timeout=within, context=context)
        self._given = context, within, source

    def connect(self) -> None:
        """Connect. Raises OSError."""
        context, within, source = self._given
        self.sock = tls_connection(context, self.port, within=within, source=source)
