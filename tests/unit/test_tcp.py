"""Both ends notice that the other has vanished, and send small messages at once."""

from __future__ import annotations

import select
import socket
from functools import partial

import attrs
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MINUTE
from homeftp.tcp import (
    IDLE_SECONDS,
    PROBE_SECONDS,
    PROBES,
    UNACKNOWLEDGED_SECONDS,
    detect_dead_peer,
    lowest_transport,
    peer_has_closed,
    send_at_once,
)
from tests.support import needs
from tests.support.waiting import wait_until


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


class SendTests(SynchronousTestCase):
    """`send_at_once`."""

    def test_tcp(self) -> None:
        """A message on a TCP connection, with TLS in it or without, does not wait for the receipt of the one before."""
        for wrapped in (False, True):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as handle:
                self.assertFalse(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "the control")
                send_at_once(Layer(Transport(handle)) if wrapped else Transport(handle))
                self.assertTrue(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def test_other(self) -> None:
        """A UNIX socket, a transport without a socket, and none at all are left alone."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as handle:
            for transport in (Transport(handle), Transport(None), object(), None, Layer(None)):
                send_at_once(transport)


class ClosedPeerTests(SynchronousTestCase):
    """`peer_has_closed`."""

    def connected(self, family: socket.AddressFamily) -> tuple[socket.socket, socket.socket]:
        """Both ends of a connection."""
        if family is socket.AF_UNIX:
            here, there = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as server:
                there = socket.create_connection(server.getsockname())
                here, _ = server.accept()
        self.addCleanup(here.close)
        self.addCleanup(there.close)
        return here, there

    def test_closed(self) -> None:
        """It is noticed that the other end has closed, whatever it has sent before; nothing is read for that."""
        needs.require("a system that tells that", lambda: hasattr(select, "POLLRDHUP"))
        for family in (socket.AF_INET, socket.AF_UNIX):
            for transport in (Transport, lambda here: Layer(Transport(here))):
                here, there = self.connected(family)
                there.sendall(b"requests")
                self.assertFalse(peer_has_closed(transport(here)), "the control")
                there.close()
                wait_until(partial(peer_has_closed, transport(here)))
                self.assertEqual(here.recv(100), b"requests")

    def test_unknown(self) -> None:
        """Of a socket that is closed here, of a transport without one, and of none at all nothing is known."""
        here, there = self.connected(socket.AF_UNIX)
        there.close()
        here.close()
        for transport in (Transport(here), Transport(None), object(), None, Layer(None)):
            self.assertFalse(peer_has_closed(transport))


class LowestTransportTests(SynchronousTestCase):
    """The system's own transport beneath wrappers."""

    def test_wrapped(self) -> None:
        """It is found beneath any number of wrappers, and where there is none."""
        transport = StringTransport()
        wrapped: object = transport
        for _ in range(3):
            self.assertIs(lowest_transport(wrapped), transport)
            wrapper = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
            wrapper.transport = wrapped  # type: ignore[assignment]
            wrapped = wrapper
