"""Connections of the HTTPS front end: requests in order, the pace of both ends, and how connections end."""

from __future__ import annotations

from typing import AsyncIterator

import attrs
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from homeftp.config import GOODBYE_BYTES
from homeftp.errors import Busy, NotFound
from homeftp.interfaces import IConnection, guest
from homeftp.interfaces.usage import IActiveConnection
from homeftp.server.http.connection import CHUNKS_PER_TURN
from homeftp.server.http.messages import HttpRequest, HttpResponse
from tests.support.httpconnections import ConnectionCase, echo
from tests.support.queuedworkers import QueuedTurns


class RequestTests(ConnectionCase):
    """Requests and their responses."""

    def test_interfaces(self) -> None:
        """The protocol is what the gate expects."""
        verifyObject(IConnection, self.client.protocol)
        verifyObject(IActiveConnection, self.client.protocol)

    def test_handshake_in_turn(self) -> None:
        """Each step of a handshake waits for the turn of the client's address."""
        turns = QueuedTurns()
        server = attrs.evolve(self.server.services, workers=turns)
        self.web.context = attrs.evolve(self.web.context, server=server)
        client = self.web.connect()
        steps = 0
        while turns.calls:
            if not steps:
                self.assertIsNone(client.tls.negotiatedProtocol, "nothing happens before the turn")
            turns.calls.pop()()
            client.link.pump()
            steps += 1
        self.assertGreater(steps, 1)
        self.assertEqual(client.tls.negotiatedProtocol, b"http/1.1")
        self.assertEqual(set(turns.accounts), {guest("192.0.2.1")})

    def test_chunks_in_turn(self) -> None:
        """However many small chunks arrive at once, a few are taken in each turn; what is behind them follows."""
        turns = QueuedTurns()
        server = attrs.evolve(self.server.services, workers=turns)
        self.web.context = attrs.evolve(self.web.context, server=server)
        client = self.web.connect()
        while turns.calls:
            turns.calls.pop(0)()
            client.link.pump()
        chunks = 5 * CHUNKS_PER_TURN
        head = b"PUT /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        client.send_raw(head + b"1\r\nx\r\n" * chunks + b"0\r\n\r\n" + b"GET /t/next HTTP/1.1\r\nHost: x\r\n\r\n")
        arrived = []
        while turns.calls:
            turns.calls.pop(0)()
            arrived.append(self.handler.requests[0].body.arrived)
        self.assertEqual(
            arrived[:5], [number * CHUNKS_PER_TURN - 1 for number in range(1, 6)], "the head is one of them"
        )
        client.link.pump()
        self.web.clock.advance(0)
        while turns.calls:
            turns.calls.pop(0)()
        client.link.pump()
        self.assertEqual([each.body for each in client.answers("PUT", "GET")], [b"PUT " + b"x" * chunks, b"GET "])

    def test_answer(self) -> None:
        """A request is answered with a length, a date and the headers of security; the connection goes on."""
        for body in (b"hello", b""):
            answer = self.client.ask("PUT", "/t/a%20b", body=body)
            self.assertEqual((answer.status, answer.body), (200, b"PUT " + body))
            self.assertEqual(answer.headers["x-names"], "t|a b")
            self.assertEqual(answer.headers["content-length"], str(len(answer.body)))
            self.assertIn("GMT", answer.headers["date"])
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
            self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
        self.assertFalse(self.client.closed)

    def test_own_headers(self) -> None:
        """A handler's own headers replace those of the engine."""

        async def own(request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, [("content-security-policy", "default-src 'self'")], b"page")

        self.answer(own)
        self.assertEqual(self.client.ask("GET", "/t").headers["content-security-policy"], "default-src 'self'")

    def test_pipelined(self) -> None:
        """Requests that are sent without waiting are answered one after the other, in order."""
        waiting: list[Deferred[None]] = []

        async def wait(request: HttpRequest) -> HttpResponse:
            waiting.append(Deferred())
            await waiting[-1]
            return await echo(request)

        self.answer(wait)
        self.client.send_raw(
            b"".join(
                b"PUT /t/%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d" % (each, each) for each in range(3)
            )
        )
        for each in range(3):
            self.assertEqual(len(waiting), each + 1)
            waiting[each].callback(None)
            self.client.link.pump()
        bodies = [answer.body for answer in self.client.answers("PUT", "PUT", "PUT")]
        self.assertEqual(bodies, [b"PUT 0", b"PUT 1", b"PUT 2"])

    def test_chunked(self) -> None:
        """A body in chunks is read as one of a known length, and the next request follows it."""
        chunks = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: z\r\n\r\n"
        head = (("Transfer-Encoding", "chunked"),)
        self.assertEqual(self.client.ask("PUT", "/t", head, chunks).body, b"PUT hello world")
        self.assertIsNone(self.handler.requests[0].content_length)
        self.client.send("PUT", "/t", head, chunks + b"GET /t HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual([each.body for each in self.client.answers("PUT", "GET")], [b"PUT hello world", b"GET "])

    def test_pieces(self) -> None:
        """A response of unknown length is sent in chunks; nothing is sent as a body for HEAD, 204 and 304."""

        async def pieces() -> AsyncIterator[bytes]:
            for each in (b"one", b"", b"two"):
                yield each

        async def answer(request: HttpRequest) -> HttpResponse:
            return HttpResponse(int(request.query["status"]), (), pieces())

        self.answer(answer)
        found = self.client.ask("GET", "/t?status=200")
        self.assertEqual((found.body, found.headers["transfer-encoding"]), (b"onetwo", "chunked"))
        for method, status in (("HEAD", 200), ("GET", 204), ("GET", 304)):
            self.assertEqual(self.client.ask(method, f"/t?status={status}").body, b"")
        self.assertEqual(self.client.ask("GET", "/t?status=200").body, b"onetwo")

    def test_http_1_0(self) -> None:
        """A client of HTTP/1.0 gets its answer without chunks, and the connection is closed."""
        self.client.send_raw(b"GET /t HTTP/1.0\r\n\r\n")
        (answer,) = self.client.answers("GET")
        self.assertEqual((answer.body, answer.headers["connection"]), (b"GET ", "close"))
        self.assertTrue(self.client.closed)

    def test_continue(self) -> None:
        """A client that waits is asked for the body when a handler reads it, and not where the request is refused."""
        self.client.send_raw(b"PUT /t HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(self.client.received, b"HTTP/1.1 100 Continue\r\n\r\n")
        self.client.send_raw(b"hi")
        self.assertEqual(self.client.answers("PUT")[0].body, b"PUT hi")
        self.client.send_raw(b"PUT /m HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        self.assertNotIn(b"100 Continue", self.client.received)
        self.assertEqual(self.client.answers("PUT")[0].status, 401)
        self.assertTrue(self.client.closed)


class RefusalTests(ConnectionCase):
    """What is refused, and what becomes of the connection."""

    def test_refused(self) -> None:
        """A refusal is answered with its status; a bug without detail; the connection goes on."""

        async def busy(request: HttpRequest) -> HttpResponse:
            raise {"busy": Busy("later"), "gone": NotFound("<no>"), "bug": ZeroDivisionError()}[request.path[1]]

        self.answer(busy)
        answer = self.client.ask("GET", "/t/busy")
        self.assertEqual((answer.status, answer.body), (503, b"later\n"))
        self.assertIn("retry-after", answer.headers)
        answer = self.client.ask("GET", "/t/gone", (("Accept", "text/html"),))
        self.assertEqual(answer.status, 404)
        self.assertIn(b"&lt;no&gt;", answer.body)
        answer = self.client.ask("GET", "/t/bug", (("Accept", "application/json"),))
        self.assertEqual(answer.status, 500)
        self.assertNotIn(b"Zero", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.client.ask("GET", "/nothing").status, 404)
        self.assertFalse(self.client.closed)

    def test_malformed(self) -> None:
        """What is no request, or could be read in two ways, is answered once, and the connection closed."""
        cases = {
            b"GET /t HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
            b"GET /t HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc": 400,
            b"GET /t HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd": 400,
            b"GET /t HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc": 400,
            b"GET /t HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc": 400,
            b"GET /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n": 501,
            b"GET /t HTTP/1.1\nHost: x\n\n": 400,
            b"GET /t HTTP/1.1\r\nHost: x\nX: y\r\n\r\n": 400,
            b"GET /t HTTP/1.1\r\nHost: x\r\nX: y\rz\r\n\r\n": 400,
            b"GET /t HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n": 400,
            b"GET /t HTTP/1.1\r\nHost : x\r\n\r\n": 400,
            b"GET /t HTTP/1.1\r\n\r\n": 400,
            b"GET /t HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n": 400,
            b"GET /t HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
            b"\x16\x03\x01\x00\r\n\r\n": 400,
            b'{"request_type": "STARTTLS"}\n': 400,
            b"GET /" + b"a" * 40_000: 431,
            b"GET /t HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 200 + b"\r\n": 431,
        }
        for sent, status in cases.items():
            client = self.web.connect()
            client.send_raw(sent + b"GET /t/smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
            (answer,) = client.answers("GET")
            self.assertEqual((answer.status, answer.headers["connection"]), (status, "close"), sent[:90])
            self.assertEqual((client.received, client.closed), (b"", True), sent[:90])
        self.assertEqual([each.path for each in self.handler.requests], [])
        self.assertEqual(self.client.ask("GET", "/t").status, 200, "the control")

    def test_split(self) -> None:
        """A request may arrive in pieces of any size, and so may one that is refused."""
        good = b"PUT /t HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
        for split in (1, 2, 3, 7):
            client = self.web.connect()
            for sent, status in ((good, 200), (good.replace(b"Host: x\r", b"Host: x"), 400)):
                for start in range(0, len(sent), split):
                    client.send_raw(sent[start : start + split])
                self.assertEqual(client.answers("PUT")[0].status, status)

    def test_bad_chunks(self) -> None:
        """Chunks that make no sense, or could be read in two ways, are refused; nothing behind them is a request."""
        bad = (
            b"zz\r\n",
            b"5\r\nhelloX",
            b"5\nhello\n",
            b"-1\r\n",
            b"5;a\rb\r\nhello\r\n0\r\n\r\n",
            b"0\r\nA: \rb\r\n\r\n",
        )
        follows = b"GET /t/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        for sent in bad:
            for split in (1, 1000):
                client = self.web.connect()
                client.send("PUT", "/t", (("Transfer-Encoding", "chunked"),), b"")
                for start in range(0, len(sent + follows), split):
                    client.send_raw((sent + follows)[start : start + split])
                (answer,) = client.answers("PUT")
                self.assertEqual((answer.status, answer.headers["connection"]), (400, "close"), sent)
                self.assertEqual((client.received, client.closed), (b"", True), sent)
        self.assertNotIn(("t", "smuggled"), [each.path for each in self.handler.requests])
        self.client.send(
            "PUT", "/t", (("Transfer-Encoding", "chunked"),), b"5;a\r\nhello\r\n0\r\nA: b\r\n\r\n" + follows
        )
        self.assertEqual([each.status for each in self.client.answers("PUT", "GET")], [200, 200], "the control")

    def test_bad_chunks_unread(self) -> None:
        """They end the connection also behind an answer that was given without the body."""
        self.client.send("PUT", "/m", (("Transfer-Encoding", "chunked"),), b"")
        self.assertEqual((self.client.answers("PUT")[0].status, self.client.closed), (401, False))
        self.client.send_raw(b"5;a\rb\r\nhello\r\n0\r\n\r\n" + b"GET /t HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual((self.client.received, self.client.closed), (b"", True))

    def test_large_body(self) -> None:
        """Of a refused request the rest of a short body is skipped; a long one ends the connection."""
        self.client.send("PUT", "/m", body=bytes(1000))
        self.assertEqual(self.client.answers("PUT")[0].status, 401)
        self.assertEqual(self.client.ask("GET", "/t").status, 200)
        self.client.send_raw(b"PUT /m HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000\r\n\r\n" + bytes(1000))
        (answer,) = self.client.answers("PUT")
        self.assertEqual((answer.status, answer.headers["connection"]), (401, "close"))

    def test_endless_chunks(self) -> None:
        """A refused body in chunks is skipped up to a limit."""
        self.client.send("PUT", "/m", (("Transfer-Encoding", "chunked"),), b"")
        self.assertEqual(self.client.answers("PUT")[0].status, 401)
        chunk = b"%x\r\n%b\r\n" % (100_000, bytes(100_000))
        for _ in range(2 * GOODBYE_BYTES // 100_000):
            self.client.send_raw(chunk)
        self.assertTrue(self.client.closed)


class TLSTests(ConnectionCase):
    """What is negotiated."""

    def test_alpn(self) -> None:
        """HTTP/1.1 is negotiated, and TLS 1.3; no certificate is asked of the client."""
        handle = self.client.tls.getHandle()
        self.assertEqual(handle.get_alpn_proto_negotiated(), b"http/1.1")
        self.assertEqual(handle.get_protocol_version_name(), "TLSv1.3")
        self.assertEqual(handle.get_client_ca_list(), [])
