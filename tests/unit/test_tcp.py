"""Both ends notice that the other has vanished."""

from __future__ import annotations

import socket

import attrs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MINUTE
from homeftp.tcp import IDLE_SECONDS, PROBE_SECONDS, PROBES, UNACKNOWLEDGED_SECONDS, detect_dead_peer


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
        """A TCP connection, with TLS in it or without, finds within a minute that its peer has vanished."""
        self.assertLessEqual(IDLE_SECONDS + PROBE_SECONDS * PROBES, MINUTE)
        self.assertLessEqual(UNACKNOWLEDGED_SECONDS, MINUTE)
        for wrapped in (False, True):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as handle:
                detect_dead_peer(Layer(Transport(handle)) if wrapped else Transport(handle))
                self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
                for name, value in (
                    ("TCP_KEEPIDLE", IDLE_SECONDS),
                    ("TCP_KEEPINTVL", PROBE_SECONDS),
                    ("TCP_KEEPCNT", PROBES),
                    ("TCP_USER_TIMEOUT", 1000 * UNACKNOWLEDGED_SECONDS),
                ):
                    if hasattr(socket, name):  # Linux has all of them
                        self.assertEqual(handle.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)), value, name)

    def test_other(self) -> None:
        """A UNIX socket, a transport without a socket, and none at all are left alone."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as handle:
            for transport in (Transport(handle), Transport(None), object(), None, Layer(None)):
                detect_dead_peer(transport)
            self.assertFalse(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
