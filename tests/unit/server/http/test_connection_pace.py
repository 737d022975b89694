"""Connections of the HTTPS front end: slow clients, idle ones, and how connections end."""

from __future__ import annotations

from typing import AsyncIterator

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost

from homeftp.config import GOODBYE_BYTES, Limits
from homeftp.server.http.connection import IDLE_SECONDS, HttpConnection
from homeftp.server.http.messages import HttpRequest, HttpResponse
from tests.support.httpclient import basic
from tests.support.httpconnections import ConnectionCase, echo


class PaceTests(ConnectionCase):
    """Back-pressure, deadlines and ends."""

    limits = Limits(stall_seconds=10, tls_seconds=5)

    def test_slow_head(self) -> None:
        """A head that does not go on is answered 408."""
        self.client.send_raw(b"GET /t HTTP/1.1\r\n")
        for _ in range(5):
            self.web.clock.advance(3)
            self.client.send_raw(b"X: y\r\n") if not self.client.closed else None
        self.client.link.pump()
        self.assertEqual(self.client.answers("GET")[0].status, 408)

    def test_slow_body(self) -> None:
        """A body that does not go on is answered 408, and the connection ends."""
        self.client.send_raw(b"PUT /t HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        self.web.clock.advance(11)
        self.client.link.pump()
        self.assertEqual(self.client.answers("PUT")[0].status, 408)
        self.assertTrue(self.client.closed)

    def test_slow_body_behind_work(self) -> None:
        """So it is where the body is read only after some work, during which the client owes nothing."""
        work: Deferred[None] = Deferred()

        async def late(request: HttpRequest) -> HttpResponse:
            await work
            return await echo(request)

        self.members.answer = late
        self.client.send("PUT", "/m", (basic(), ("Content-Length", "100")))
        self.client.send_raw(b"abc")
        self.web.clock.advance(15)
        self.assertEqual(self.client.received, b"")
        work.callback(None)
        self.web.clock.advance(11)
        self.client.link.pump()
        self.assertEqual(self.client.answers("PUT")[0].status, 408)

    def test_slow_work(self) -> None:
        """A client that waits for its answer owes nothing."""
        work: Deferred[None] = Deferred()

        async def slow(request: HttpRequest) -> HttpResponse:
            await work
            return HttpResponse(204)

        self.members.answer = slow
        self.client.send("GET", "/m", (basic(),))
        for _ in range(30):
            self.web.clock.advance(10)
        work.callback(None)
        self.client.link.pump()
        self.assertEqual(self.client.answers("GET")[0].status, 204)

    def test_idle(self) -> None:
        """A connection is closed when no request came for a while."""
        self.assertEqual(self.client.ask("GET", "/m", (basic(),)).status, 200)
        for _ in range(3):
            self.web.clock.advance(IDLE_SECONDS)
        self.client.link.pump()
        self.assertTrue(self.client.closed)

    def test_no_login(self) -> None:
        """A connection without a login is closed after `login_seconds`; one with a login stays."""
        other = self.web.connect()
        self.assertEqual(other.ask("GET", "/m", (basic(),)).status, 200)
        self.web.clock.advance(Limits().login_seconds + 1)
        self.client.link.pump()
        other.link.pump()
        self.assertEqual((self.client.closed, other.closed), (True, False))

    def test_no_handshake(self) -> None:
        """A client that begins no TLS is disconnected."""
        protocol = HttpConnection(self.web.context, "192.0.2.1", "192.0.2.1:5")
        self.server.services.connections.add(protocol, None)
        from tests.support.inmemory import FakeTransport

        transport = FakeTransport()
        protocol.makeConnection(transport)
        self.web.clock.advance(6)
        self.assertTrue(transport.aborted)
        protocol.connectionLost()

    def test_does_not_read(self) -> None:
        """A response is produced no faster than the client reads, and a client that never reads is disconnected."""
        sent = []

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(40):
                sent.append(1)
                yield bytes(100_000)

        async def large(request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, (), pieces())

        self.answer(large)
        self.client.link.near.pauseProducing()
        self.client.send("GET", "/t")
        self.assertLess(len(sent), 20)
        self.client.link.near.resumeProducing()
        self.client.link.pump()
        self.assertEqual(len(self.client.answers("GET")[0].body), 4_000_000)
        self.client.link.near.pauseProducing()
        self.client.send("GET", "/t")
        self.web.clock.advance(11)
        self.assertTrue(self.client.link.far.aborted)

    def test_hung_up(self) -> None:
        """A client that hangs up ends its upload, and the response is closed."""
        closed = []
        failures = []

        async def close() -> None:
            closed.append(1)

        async def read(request: HttpRequest) -> HttpResponse:
            try:
                await request.body.read_all(GOODBYE_BYTES)
            except ConnectionLost:
                failures.append(1)
                raise
            return HttpResponse(200, (), b"x", close)

        self.answer(read)
        self.client.send_raw(b"PUT /t HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        self.client.link.cut()
        self.assertEqual(failures, [1])
        other = self.web.connect()
        self.assertEqual(other.ask("GET", "/t").status, 200)
        self.assertEqual(closed, [1])

    def test_stop(self) -> None:
        """A stopping server answers what is in progress, and closes; idle connections are closed at once."""
        work: Deferred[None] = Deferred()

        async def slow(request: HttpRequest) -> HttpResponse:
            await work
            return HttpResponse(204)

        self.answer(slow)
        idle = self.web.connect()
        self.client.send("GET", "/t")
        for each in (self.client, idle):
            each.protocol.stop()
            each.link.pump()
        self.assertEqual((self.client.closed, idle.closed), (False, True))
        work.callback(None)
        self.client.link.pump()
        self.assertEqual(self.client.answers("GET")[0].headers["connection"], "close")
        self.assertTrue(self.client.closed)

    def test_forgotten(self) -> None:
        """A connection that has ended counts no more, and neither does its login."""
        self.assertEqual(self.client.ask("GET", "/m", (basic(),)).status, 200)
        self.assertIn(self.client.protocol, self.server.services.connections)
        self.client.link.cut()
        self.assertNotIn(self.client.protocol, self.server.services.connections)
        self.assertEqual(self.server.services.logins.logins()[0].connections, [])
