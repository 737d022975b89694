"""The front end: what listens, what is told to the owner, and what is turned away."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import Limits
from homeftp.errors import OperatorError
from homeftp.interfaces import IFrontEnd, IShownFrontEnd, IWebFrontEnd
from homeftp.server.http.connection import HttpConnection
from homeftp.server.http.frontend import FullServer, HttpFactory, HttpsFrontEnd
from tests.support.httpclient import HttpServer
from tests.support.inmemory import FakeTransport

ADDRESS = IPv4Address("TCP", "192.0.2.1", 5)


class FactoryTests(SynchronousTestCase):
    """Connections are counted before they are made."""

    def test_full(self) -> None:
        """Where there are too many connections a further one is closed at once."""
        web = HttpServer(lambda context: {}, limits=Limits(connections_per_address=1))
        self.addCleanup(web.close)
        factory = HttpFactory(web.context)
        first: Any = factory.buildProtocol(ADDRESS)
        self.assertIsInstance(first, HttpConnection)
        web.server.services.connections.authenticated(first, "ann")
        second: Any = factory.buildProtocol(ADDRESS)
        self.assertIsInstance(second, FullServer)
        transport = FakeTransport()
        second.makeConnection(transport)
        self.assertEqual((transport.aborted, transport.value()), (True, b""))
        self.assertIsInstance(factory.buildProtocol(IPv4Address("TCP", "192.0.2.2", 5)), HttpConnection)
        web.server.services.connections.remove(first)


class FrontEndTests(SynchronousTestCase):
    """The whole front end."""

    def make(self, *listen: str) -> HttpsFrontEnd:
        web = HttpServer(lambda context: {})
        self.addCleanup(web.close)
        self.reactor = MemoryReactorClock()
        front_end = HttpsFrontEnd(listen=listen, make_handlers=lambda context: {})
        service = front_end.service(attrs.evolve(web.server.services, reactor=self.reactor))
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)
        return front_end

    def test_listens(self) -> None:
        """It listens on every endpoint, and tells the URL of the page and that of WebDAV."""
        front_end = self.make("tcp:1:interface=127.0.0.1", "tcp:2")
        verifyObject(IFrontEnd, front_end)
        verifyObject(IShownFrontEnd, front_end)
        self.assertEqual([port for port, *_ in self.reactor.tcpServers], [1, 2])
        lines = front_end.lines()
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.assertRegex(line, r"^web        (https://\S+:\d+/)    WebDAV programs: \1dav/$")
            self.assertNotIn("0.0.0.0", line)
        verifyObject(IWebFrontEnd, front_end)
        self.assertEqual(f"{front_end.origin()}/", lines[0].split()[1])

    def test_no_origin(self) -> None:
        """One that listens nowhere has no address."""
        self.assertIsNone(self.make().origin())

    def test_refused(self) -> None:
        """A wrong endpoint is refused when the server is put together."""
        self.assertRaises(OperatorError, self.make, "carrier-pigeon:1")
