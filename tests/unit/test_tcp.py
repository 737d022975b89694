"""Both ends notice that the other has vanished."""

from __future__ import annotations

import socket

import attrs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.tcp import KEEPALIVE_COUNT, KEEPALIVE_IDLE_SECONDS, KEEPALIVE_SECONDS, detect_dead_peer


@attrs.frozen
class Transport:
    """A transport of Twisted's."""

    socket: object


@attrs.frozen
class Layer:
    """TLS, or another protocol, over a transport."""

    transport: object


class DeadPeerTests(SynchronousTestCase):
    """`detect_dead_peer`."""

    def test_tcp(self) -> None:
        """A TCP connection asks whether its peer is there, with TLS in it or without; in less than two minutes."""
        self.assertLess(KEEPALIVE_IDLE_SECONDS + KEEPALIVE_SECONDS * KEEPALIVE_COUNT, 120)
        for wrapped in (False, True):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as handle:
                detect_dead_peer(Layer(Transport(handle)) if wrapped else Transport(handle))
                self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def test_other(self) -> None:
        """A UNIX socket, a transport without a socket, and none at all are left alone."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as handle:
            for transport in (Transport(handle), Transport(None), object(), None, Layer(None)):
                detect_dead_peer(transport)
            self.assertFalse(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
