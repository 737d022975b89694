"""A proxy from plain HTTP to the HTTPS front end, for clients whose tests need plain HTTP."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading

from tests.support.accepting import accepted
from tests.support.tlsconnections import tls_connection

PIECE = 64 * 1024


class PlainProxy:
    """Passes bytes on to a port of loopback by TLS; use it in a `with` statement.

    What the client sends has `added` behind each `before`.
    """

    def __init__(self, port: int, ca_file: str, before: bytes, added: bytes) -> None:
        self._to = port
        self._before, self._added = before, added
        self._context = ssl.create_default_context(cafile=ca_file)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> PlainProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        for near in accepted(self._listener):
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        """Pass on what there is until one end closes. One thread does both ways: TLS is not for two at once."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(near)
            far = stack.enter_context(tls_connection(self._context, self._to))
            stack.enter_context(contextlib.suppress(OSError, ValueError))
            while True:
                readable = [far] if far.pending() else select.select([near, far], [], [])[0]
                source = readable[0]
                data = source.recv(PIECE)
                if not data:
                    return
                if source is near:
                    far.sendall(data.replace(self._before, self._before + self._added))
                else:
                    near.sendall(data)
