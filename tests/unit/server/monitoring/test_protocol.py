"""Plain HTTP: one request, one response, and a bound for everything."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from homeftp.server.http.messages import HttpResponse
from homeftp.server.http.reader import MAX_HEAD, RequestHead
from homeftp.server.monitoring.protocol import MOST_CONNECTIONS, SECONDS, MonitoringFactory, MonitoringProtocol

GET = b"GET /health HTTP/1.1\r\nHost: nas\r\n\r\n"


class Transport(StringTransport):
    """A transport that can be closed at once."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class ProtocolTests(SynchronousTestCase):
    """A factory whose requests a test answers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[RequestHead] = []
        self.answers: list[Deferred[HttpResponse]] = []
        self.factory = MonitoringFactory(self.clock, self.answer)

    async def answer(self, head: RequestHead) -> HttpResponse:
        self.asked.append(head)
        answer: Deferred[HttpResponse] = Deferred()
        self.answers.append(answer)
        return await answer

    def connect(self, host: str | None = None) -> tuple[MonitoringProtocol, Transport]:
        """One more connection."""
        protocol = self.factory.buildProtocol(None if host is None else IPv4Address("TCP", host, 1))
        transport = Transport()
        protocol.makeConnection(transport)
        self.addCleanup(protocol.connectionLost)
        return protocol, transport

    def test_answered(self) -> None:
        """A request that arrives in pieces is answered once, whole, and the connection closes."""
        protocol, transport = self.connect()
        for byte in GET:
            protocol.dataReceived(bytes([byte]))
        self.assertEqual([(head.method, head.target) for head in self.asked], [("GET", "/health")])
        self.assertEqual(transport.value(), b"")
        self.answers[0].callback(HttpResponse(200, (), b"ok"))
        head, body = transport.value().split(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
        self.assertIn(b"Connection: close", head)
        self.assertEqual((body, transport.disconnecting, transport.aborted), (b"ok", True, False))

    def test_one(self) -> None:
        """Nothing behind the head of the first request counts: neither a body nor another request."""
        protocol, transport = self.connect()
        protocol.dataReceived(GET + GET)
        protocol.dataReceived(b"x" * 10 * MAX_HEAD)
        self.answers[0].callback(HttpResponse(200))
        protocol.dataReceived(GET)
        self.assertEqual((len(self.asked), transport.value().count(b"HTTP/1.1")), (1, 1))

    def test_malformed(self) -> None:
        """What is no request is refused without asking anybody, however long it is."""
        for data in (b"GET /\n\n", b"\x16\x03\x01" + b"\r\n\r\n", b"GET /" + b"x" * MAX_HEAD):
            protocol, transport = self.connect()
            protocol.dataReceived(data)
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 4"), transport.value())
            self.assertTrue(transport.disconnecting)
        self.assertEqual(self.asked, [])

    def test_bug(self) -> None:
        """A bug is logged, and answered without detail."""
        protocol, transport = self.connect()
        protocol.dataReceived(GET)
        self.answers[0].errback(ZeroDivisionError("secret"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 500 "))
        self.assertNotIn(b"secret", transport.value())

    def test_wrong_response(self) -> None:
        """A response that cannot be sent is logged, and the connection is closed at once."""
        protocol, transport = self.connect()
        protocol.dataReceived(GET)
        self.answers[0].callback(HttpResponse(200, (("X", "a\r\nb"),)))
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertTrue(transport.aborted)

    def test_slow(self) -> None:
        """A connection lasts so many seconds at most, whether its client or the server is slow."""
        _, silent = self.connect()
        protocol, asking = self.connect()
        protocol.dataReceived(GET)
        self.clock.advance(SECONDS - 0.1)
        self.assertFalse(silent.aborted or asking.aborted, "the control")
        self.clock.advance(0.1)
        self.assertTrue(silent.aborted and asking.aborted)

    def test_hung_up(self) -> None:
        """An answer for a client that has hung up is dropped without a word."""
        protocol, transport = self.connect()
        protocol.dataReceived(GET)
        protocol.connectionLost()
        self.answers[0].callback(HttpResponse(200, (), b"ok"))
        self.assertEqual(transport.value(), b"")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many(self) -> None:
        """There are so many connections at most: one more takes the place of the oldest; one that has ended, none."""
        connections = [self.connect() for _ in range(MOST_CONNECTIONS)]
        connections[3][0].connectionLost()
        self.connect()
        self.assertFalse(any(transport.aborted for _, transport in connections), "the control")
        for _ in range(2):
            self.connect()
        aborted = [transport.aborted for _, transport in connections]
        self.assertEqual(aborted, [True, True] + [False] * (MOST_CONNECTIONS - 2))

    def test_many_of_one(self) -> None:
        """Connections of one address that ask nothing do not keep another address from its answer."""
        _, honest = self.connect("192.0.2.1")
        idle = [self.connect("192.0.2.2")[1] for _ in range(3 * MOST_CONNECTIONS)]
        protocol, asking = self.connect("192.0.2.1")
        protocol.dataReceived(GET)
        self.answers[0].callback(HttpResponse(200, (), b"ok"))
        self.assertTrue(asking.value().endswith(b"ok"))
        self.assertFalse(honest.aborted)
        self.assertEqual(sum(not each.aborted for each in idle), MOST_CONNECTIONS - 2)

    def test_stop(self) -> None:
        """When the server stops, every connection is closed."""
        connections = [self.connect() for _ in range(3)]
        self.factory.abort()
        self.assertTrue(all(transport.aborted for _, transport in connections))
