"""The JSON front end: its listeners, and what it answers where there are too many connections."""

from __future__ import annotations

import json

import attrs
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import Limits
from homeftp.dispatchers.delete import DeleteDispatcher
from homeftp.errors import OperatorError
from homeftp.interfaces import IFrontEnd
from homeftp.server.json.frontend import JsonFrontEnd, RejectedConnection, ServerFactory
from homeftp.server.json.protocol import ServerProtocol
from homeftp.status import Status
from tests.support.inmemory import FakeTransport, Server

ADDRESS = IPv4Address("TCP", "192.0.2.1", 5)


class FactoryTests(SynchronousTestCase):
    """One listener, and a limit of one connection for each address."""

    def setUp(self) -> None:
        self.server = Server.make(limits=Limits(connections_per_address=1))
        self.addCleanup(self.server.close)

    def build(self, address: object = ADDRESS, *, immediate_tls: bool = False) -> object:
        return ServerFactory(self.server.json, immediate_tls).buildProtocol(address)  # type: ignore[arg-type]

    def test_accepted(self) -> None:
        """A connection that is accepted counts, with its address."""
        protocol = self.build()
        self.assertIsInstance(protocol, ServerProtocol)
        self.assertIn(protocol, self.server.services.connections)
        self.server.services.connections.authenticated(protocol, "ann")  # type: ignore[arg-type]
        self.assertIsNotNone(self.server.services.connections.full("192.0.2.1"))
        self.assertIsInstance(self.build(UNIXAddress("/run/x")), ServerProtocol)

    def test_rejected(self) -> None:
        """One too many is told so in one line, and does not count; where TLS comes first it is only closed."""
        self.server.services.connections.authenticated(self.build(), "ann")  # type: ignore[arg-type]
        for immediate_tls in (False, True):
            protocol = self.build(immediate_tls=immediate_tls)
            assert isinstance(protocol, RejectedConnection)
            transport = FakeTransport()
            protocol.makeConnection(transport)
            self.assertTrue(transport.disconnecting)
            self.assertEqual(transport.aborted, immediate_tls)
            if immediate_tls:
                self.assertEqual(transport.value(), b"")
            else:
                answer = json.loads(transport.value())
                self.assertEqual(answer["status"], Status.BUSY)
                self.assertIn("from your address", answer["message"])
        self.assertEqual(len(self.server.services.connections), 1)


class FrontEndTests(SynchronousTestCase):
    """The whole front end."""

    def setUp(self) -> None:
        self.server = Server.make()
        self.addCleanup(self.server.close)
        self.reactor = MemoryReactorClock()

    def make(self, *dispatchers: object, listen: tuple[str, ...] = ("tcp:1", "tcp:2")) -> JsonFrontEnd:
        front_end = JsonFrontEnd(
            listen=listen,
            listen_tls=("tcp:3",),
            dispatchers=dispatchers,  # type: ignore[arg-type]
            parts=self.server.json.parts,
        )
        front_end.service(attrs.evolve(self.server.services, reactor=self.reactor)).privilegedStartService()
        return front_end

    def test_listens(self) -> None:
        """It listens on every endpoint that is named, with TLS from the first byte on those that say so."""
        front_end = self.make()
        verifyObject(IFrontEnd, front_end)
        self.assertEqual([port for port, *_ in self.reactor.tcpServers], [1, 2, 3])
        self.assertEqual((len(front_end.plain), len(front_end.tls)), (2, 1))

    def test_refused(self) -> None:
        """A wrong endpoint, and two dispatchers of one type, are refused when the server is put together."""
        self.assertRaises(OperatorError, self.make, listen=("carrier-pigeon:1",))
        self.assertRaises(OperatorError, self.make, DeleteDispatcher(), DeleteDispatcher())
