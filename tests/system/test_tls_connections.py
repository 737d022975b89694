"""The TLS connections of the tests themselves."""

from __future__ import annotations

import gc
import select
import socket
import ssl
import struct
import threading
import warnings
from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.support.accepting import accepted
from tests.support.tlsconnections import HttpsConnection, over_tls, tls_connection

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with which close() resets a connection."""


class TlsConnectionsTests(SynchronousTestCase):
    """A server that resets each connection before its handshake."""

    def setUp(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=self.reset_all)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.listener.close)
        self.addCleanup(self.listener.shutdown, socket.SHUT_RDWR)
        self.port = self.listener.getsockname()[1]
        self.context = ssl.create_default_context()

    def reset_all(self) -> None:
        """Reset connections until nobody listens."""
        for connection in accepted(self.listener):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.close()

    def unclosed(self, act: Callable[[], object]) -> int:
        """How many sockets nobody has closed after that was done."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            act()
            gc.collect()
        return sum(issubclass(each.category, ResourceWarning) for each in caught)

    def connected(self) -> socket.socket:
        """A connection that has been reset."""
        connected = socket.create_connection(("127.0.0.1", self.port))
        select.select([connected], [], [])
        return connected

    def test_reset(self) -> None:
        """The error is told, and the socket closed; the control leaves one open."""

        def wrap() -> None:
            self.assertRaises(ConnectionResetError, over_tls, self.context, self.connected(), name="x")

        def connect() -> None:
            for _ in range(20):
                self.assertRaises(OSError, tls_connection, self.context, self.port)

        self.assertEqual(self.unclosed(wrap), 0)
        self.assertEqual(self.unclosed(connect), 0)
        self.assertEqual(self.unclosed(lambda: self.context.wrap_socket(socket.socket(), server_hostname="x")), 1)

    def test_http(self) -> None:
        """A request over such a connection ends in the same way."""

        def request() -> None:
            for _ in range(20):
                connection = HttpsConnection(self.context, self.port)
                self.assertRaises(OSError, connection.request, "GET", "/")
                connection.close()

        self.assertEqual(self.unclosed(request), 0)
