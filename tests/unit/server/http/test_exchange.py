"""One request and its response: what is sent, and what becomes of a body that breaks off."""

from __future__ import annotations

from typing import Any, AsyncIterator, Callable

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import GOODBYE_BYTES
from homeftp.endpoint import Endpoint
from homeftp.errors import Busy, Changed, Damaged, Refusal
from homeftp.files.budget import MemoryBudget
from homeftp.files.upload import IncomingPayload
from homeftp.interfaces import IIncomingPayload
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.http.body import RequestBody
from homeftp.server.http.exchange import SECURITY, HttpExchange, WrongResponse
from homeftp.server.http.messages import HttpRequest, HttpResponse
from homeftp.server.http.reader import RequestHead, RequestReader
from homeftp.server.http.target import parse_target
from homeftp.server.json.payload import WholePayload
from tests.support.exchanges import FailingPayload


class ExchangeTests(SynchronousTestCase):
    """One exchange."""

    def make(
        self, head: bytes = b"GET /dav/a HTTP/1.1\r\nHost: x\r\n\r\n", body: RequestBody | None = None
    ) -> HttpExchange:
        reader = RequestReader()
        reader.receive(head)
        found = reader.next_event()
        assert isinstance(found, RequestHead)
        self.transport = StringTransport()
        self.output = OutputBuffer(
            self.transport, paused=lambda: None, resumed=lambda: None, failed=lambda failure: None
        )
        return HttpExchange(found, body or RequestBody.none(), self.output)

    def send(self, exchange: HttpExchange, *args: Any, close: bool = False) -> Deferred[int]:
        return Deferred.fromCoroutine(exchange.send(HttpResponse(200, (), *args), close=close))

    def received(self) -> bytes:
        sent: bytes = self.transport.value()
        return sent.partition(b"\r\n\r\n")[2]

    def test_bodies(self) -> None:
        """Bytes, a payload and pieces are sent whole, and a further request may follow."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"xyz"

        for body, sent in ((b"xyz", b"xyz"), (WholePayload(b"xyz"), b"xyz"), (pieces(), b"3\r\nxyz\r\n0\r\n\r\n")):
            exchange = self.make()
            self.successResultOf(self.send(exchange, body))
            self.assertEqual((self.received(), exchange.answered, exchange.keeps_alive), (sent, True, True))
            self.assertTrue(self.transport.value().startswith(b"HTTP/1.1 200 OK\r\n"))
        exchange = self.make()
        self.successResultOf(self.send(exchange, b"x" * 1_000_000))
        self.assertEqual(len(self.received()), 1_000_000)

    def test_close(self) -> None:
        """The last response of a connection says so."""
        exchange = self.make()
        self.successResultOf(self.send(exchange, b"x", close=True))
        self.assertIn(b"Connection: close", self.transport.value())
        self.assertFalse(exchange.keeps_alive)

    def body(self, size: int | None) -> RequestBody:
        """A body that nobody reads."""

        def payload(size: int, changed: Callable[[], None]) -> IIncomingPayload:
            return IncomingPayload(size, changed, MemoryBudget())

        return RequestBody(size, payload, lambda: None, lambda: None)

    def test_rest(self) -> None:
        """A short rest of a body can be skipped, unless the client waits before it sends it."""
        sizes = ((0, True), (GOODBYE_BYTES, True), (GOODBYE_BYTES + 1, False), (None, True))
        for size, may_skip in sizes:
            self.assertIs(self.make(body=self.body(size)).may_skip_rest, may_skip, size)
        expects = b"PUT /dav/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n"
        exchange = self.make(expects, self.body(1))
        self.assertFalse(exchange.may_skip_rest)
        exchange.continue_body()
        self.assertTrue(exchange.may_skip_rest)
        large = self.body(GOODBYE_BYTES + 1)
        large.discard()
        large.deliver(bytes(GOODBYE_BYTES + 1))
        self.assertTrue(self.make(body=large).may_skip_rest, "nothing is missing")

    def test_skipped(self) -> None:
        """Behind the answer so much of a body is skipped; before it nothing is too much."""
        exchange = self.make(body=self.body(None))
        exchange.body.discard()
        exchange.body.deliver(bytes(GOODBYE_BYTES + 1))
        self.assertFalse(exchange.skips_too_much)
        self.successResultOf(self.send(exchange, b"x"))
        self.assertTrue(exchange.skips_too_much)
        exchange = self.make(body=self.body(None))
        self.successResultOf(self.send(exchange, b"x"))
        exchange.body.discard()
        exchange.body.deliver(bytes(GOODBYE_BYTES))
        self.assertFalse(exchange.skips_too_much)

    def test_broken(self) -> None:
        """A body that breaks off, or has another length, is never completed; what it is read from is closed."""

        short = WholePayload(b"xyz")
        short.size = 10

        async def broken() -> AsyncIterator[bytes]:
            yield b"x"
            raise ZeroDivisionError

        closed = []

        async def close() -> None:
            closed.append(1)

        for body, error in ((short, WrongResponse), (broken(), ZeroDivisionError)):
            exchange = self.make()
            self.failureResultOf(self.send(exchange, body, close), error)
            self.assertEqual((exchange.answered, exchange.keeps_alive), (False, False))
            self.assertFalse(self.received().endswith(b"0\r\n\r\n"))
        self.assertEqual(len(closed), 2)

    def test_unreadable(self) -> None:
        """Where nothing of a body can be read the refusal is the response, unless it would say something else."""
        closed = []

        async def close() -> None:
            closed.append(1)

        for fault in (Damaged("not kept"), Busy("busy")):
            exchange = self.make()
            status = self.successResultOf(self.send(exchange, FailingPayload([fault]), close))
            self.assertIn(status, (500, 503))
            self.assertTrue(self.transport.value().startswith(b"HTTP/1.1 %d " % status))
            self.assertIn(fault.message.encode(), self.received())
            self.assertTrue(exchange.keeps_alive)
        broken: list[list[bytes | Exception]] = [[Changed("meanwhile")], [b"x", Damaged("not kept")]]
        for pieces in broken:
            exchange = self.make()
            self.failureResultOf(self.send(exchange, FailingPayload(pieces), close), Refusal)
            self.assertFalse(exchange.answered)
        self.assertEqual(len(closed), 4)

    def test_progress(self) -> None:
        """The owner sees what it is about until it is answered; while the client does not read it makes no progress."""
        exchange = self.make()
        self.assertIsNone(exchange.endpoint)
        exchange.request = HttpRequest(
            method="GET",
            target=parse_target("/dav/a/b"),
            headers=exchange.head.headers,
            body=exchange.body,
            address="",
        )
        self.assertEqual((exchange.endpoint, exchange.request_type), (Endpoint(("a", "b")), "GET"))
        before = exchange.progress()
        self.output.pauseProducing()
        self.assertIsNone(exchange.progress())
        self.output.resumeProducing()
        self.successResultOf(self.send(exchange, b"x"))
        self.assertNotEqual(exchange.progress(), before)
        self.assertIsNone(exchange.endpoint)

    def test_fields(self) -> None:
        """The head has what every response has, and what the handler gives in place of it."""
        exchange = self.make()
        response = HttpResponse(206, [("Cache-Control", "no-store"), ("X-Own", "1")], b"xyz")
        self.successResultOf(Deferred.fromCoroutine(exchange.send(response, close=False)))
        status, *fields = self.transport.value().partition(b"\r\n\r\n")[0].decode().split("\r\n")
        self.assertEqual(status, "HTTP/1.1 206 Partial Content")
        names = [field.partition(": ")[0] for field in fields]
        self.assertCountEqual(names, ["Date", "X-Own", *(name for name, _ in SECURITY), "Content-Length"])
        self.assertIn("Cache-Control: no-store", fields)

    def test_one_line_each(self) -> None:
        """A field that would be more than one line is never sent (CWE-113), nor anything else of its response."""
        for value in ("a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0b"):
            exchange = self.make()
            response = HttpResponse(200, [("X-Own", value)])
            self.failureResultOf(Deferred.fromCoroutine(exchange.send(response, close=False)), WrongResponse)
            self.assertEqual((self.transport.value(), exchange.keeps_alive), (b"", False))

    def test_long(self) -> None:
        """A body that is longer than was promised ends the connection before the rest of it is sent."""
        long = WholePayload(b"xyz")
        long.size = 2
        exchange = self.make()
        self.failureResultOf(self.send(exchange, long), WrongResponse)
        self.assertFalse(exchange.keeps_alive)

    def test_without_body(self) -> None:
        """HEAD, 204 and 304 have none; the length that a GET would have is told to HEAD only."""
        for head, status, length in (
            (b"HEAD /dav/a HTTP/1.1\r\nHost: x\r\n\r\n", 200, True),
            (b"GET /dav/a HTTP/1.1\r\nHost: x\r\n\r\n", 204, False),
            (b"GET /dav/a HTTP/1.1\r\nHost: x\r\n\r\n", 304, False),
        ):
            exchange = self.make(head)
            self.successResultOf(Deferred.fromCoroutine(exchange.send(HttpResponse(status, (), b"xyz"), close=False)))
            self.assertEqual((self.received(), exchange.keeps_alive), (b"", True))
            self.assertEqual(b"Content-Length: 3" in self.transport.value(), length)

    def test_old_clients(self) -> None:
        """A client of HTTP/1.0 gets no chunks: the end of the connection is that of the body."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"xyz"

        for body in (pieces(), b"xyz"):
            exchange = self.make(b"GET /dav/a HTTP/1.0\r\n\r\n")
            self.successResultOf(self.send(exchange, body))
            self.assertEqual((self.received(), exchange.keeps_alive), (b"xyz", False))
            self.assertIn(b"\r\nConnection: close", self.transport.value())

    def test_client_closes(self) -> None:
        """A client that says so, among other things, sends no further request."""
        exchange = self.make(b"GET /dav/a HTTP/1.1\r\nHost: x\r\nConnection: TE, Close\r\n\r\n")
        self.successResultOf(self.send(exchange, b"x"))
        self.assertFalse(exchange.keeps_alive)

    def test_continue(self) -> None:
        """A client that waits before it sends the body is asked for it once."""
        exchange = self.make(b"PUT /dav/a HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
        self.assertTrue(exchange.waits_to_send)
        exchange.continue_body()
        exchange.continue_body()
        self.assertEqual(self.transport.value(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.assertFalse(exchange.waits_to_send)
