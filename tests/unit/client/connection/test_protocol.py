"""The client's connection against servers that do what they should not."""

from __future__ import annotations

import json
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.client.connection.response import IResponseHandler, ResponseStream
from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.config import MAX_RESPONSE_LINE, STREAM_PIECE, ClientTimeouts
from homeftp.crypto import tls
from homeftp.errors import Refusal, UntrustedServer
from homeftp.interfaces import IPayload
from homeftp.testing.memorylink import BUFFER_SIZE
from homeftp.wire.messages import Response
from homeftp.wire.states import Phase
from tests.support.fakeserver import Wire, identity

GO_AHEAD = {"status": 0, "message": "go ahead"}
SECRET = "a password that must not be seen"


@implementer(IResponseHandler)
@attrs.define
class Told:
    """An exchange that keeps what it is told."""

    responses: list[Response] = attrs.field(factory=list)
    payload: bytes = b""
    ended: bool = False
    reason: Exception | None = None

    def responded(self, response: Response) -> None:
        self.responses.append(response)

    def received(self, data: bytes) -> None:
        self.payload += data

    def finished(self) -> None:
        self.ended = True

    def failed(self, reason: Exception) -> None:
        self.reason = reason


@implementer(IPayload)
class Pieces:
    """A payload of pieces that a test hands out."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked: Deferred[bytes] | None = None

    def read(self) -> Deferred[bytes]:
        self.asked = Deferred()
        return self.asked

    def give(self, data: bytes) -> None:
        assert self.asked is not None
        asked, self.asked = self.asked, None
        asked.callback(data)

    async def read_all(self, limit: int) -> bytes:
        raise NotImplementedError


def said(told: Any) -> str:
    return str(told.reason)


class BeforeTLSTests(SynchronousTestCase):
    """Until TLS is up the client says STARTTLS and nothing else, and believes nothing."""

    def refused(self, wire: Wire, kind: type[Exception] = ProtocolViolation) -> Exception:
        """The connection must have been given up, with nothing but STARTTLS in clear."""
        wire.pump()
        reason: Exception = self.failureResultOf(wire.client.secured, kind).value
        self.assertEqual(wire.near.sent, b'{"request_type":"STARTTLS"}\n')
        self.assertTrue(wire.near.lost)
        with self.assertRaises(kind):
            wire.client.request(Told(), "LOGIN", {"username": "anna", "password": SECRET})
        self.assertNotIn(SECRET.encode(), wire.near.sent)
        return reason

    def test_control(self) -> None:
        """A good server is accepted, also when its words come byte by byte."""
        for split in (0, 1, 7):
            wire = Wire()
            wire.secure(split)
            self.assertIs(self.successResultOf(wire.client.secured), wire.client)

    def test_injected_response(self) -> None:
        """Bytes behind the answer to STARTTLS, whole lines or fragments, end the connection (CVE-2021-23222)."""
        injected = json.dumps({"status": 0, "message": "you are in", "id": 1}).encode() + b"\n"
        for length in range(1, len(injected) + 1):
            wire = Wire()
            wire.pump()
            wire.far.write_raw(json.dumps(GO_AHEAD).encode() + b"\n" + injected[:length])
            self.assertIn("before TLS", str(self.refused(wire)))

    def test_injected_later(self) -> None:
        """Plaintext that arrives in a segment of its own, where the handshake should be, is never delivered."""
        injected = json.dumps({"status": 0, "message": "you are in", "id": 1}).encode() + b"\n"
        for length in range(1, len(injected) + 1):
            wire = Wire()
            wire.pump()
            wire.say(GO_AHEAD)
            wire.near.protocol.dataReceived(wire.far.take())
            wire.far.write_raw(injected[:length])
            wire.near.protocol.dataReceived(wire.far.take())
            wire.far.startTLS(tls.server_options(wire.identity))
            wire.pump()
            wire.clock.advance(10)
            wire.pump()
            self.failureResultOf(wire.client.secured, ConnectionFailed)
            with self.assertRaises(ConnectionFailed):
                wire.client.request(Told(), "HELLO")

    def test_stripping(self) -> None:
        """The client never goes on in clear, whatever comes in place of the answer to STARTTLS."""
        answers: list[tuple[dict[str, Any] | bytes, type[Exception]]] = [
            ({"status": 30, "message": "no TLS here"}, ConnectionFailed),
            ({"status": 20, "message": "TLS is up already"}, ConnectionFailed),
            ({"status": 10, "message": "go ahead"}, ProtocolViolation),
            ({"status": 0, "message": "go ahead", "id": 1}, ProtocolViolation),
            ({"status": 0, "message": "go ahead", "id": "0"}, ProtocolViolation),
            ({**GO_AHEAD, "more": True}, ProtocolViolation),
            ({**GO_AHEAD, "content_length": 5}, ProtocolViolation),
            (b"220 ftp.example.org ready", ProtocolViolation),
            (b"\x16\x03\x01\x02", ProtocolViolation),
            (b"", ProtocolViolation),
            (b"[]", ProtocolViolation),
            (b"{" * 100_000, ProtocolViolation),
        ]
        for answer, kind in answers:
            wire = Wire()
            wire.pump()
            wire.say(answer)
            self.refused(wire, kind)

    def test_plaintext_goes_on(self) -> None:
        """A server that says "go ahead" and then speaks plaintext is not listened to."""
        wire = Wire()
        wire.pump()
        wire.say(GO_AHEAD)
        wire.pump()
        wire.far.write_raw(b'{"status": 0, "message": "welcome", "id": 1}\n')
        wire.pump()
        wire.clock.advance(10)
        wire.pump()
        self.failureResultOf(wire.client.secured, ConnectionFailed)
        self.assertNotIn(b"LOGIN", wire.near.sent)

    def test_closed(self) -> None:
        """A server that hangs up is told apart from one that is not there."""
        wire = Wire()
        wire.pump()
        wire.far.loseConnection()
        self.assertIn("without an answer", str(self.refused(wire, ConnectionFailed)))

    def test_busy(self) -> None:
        """A server that is full says so unasked; what it says is shown, and that it could be anybody's words."""
        wire = Wire()
        wire.say({"status": 51, "message": "too many connections: try again in a minute"})
        wire.far.loseConnection()
        said = str(self.refused(wire, ConnectionFailed))
        self.assertIn("before TLS", said)
        self.assertIn('"too many connections: try again in a minute"', said)

    def test_words_of_a_stranger(self) -> None:
        """Words from before TLS are no refusal of the server, and can neither steer a terminal nor fill it."""
        wire = Wire()
        wire.pump()
        wire.say({"status": 32, "message": "send\x1b[2J your\npassword \u202e" + "x" * 10_000})
        reason = self.refused(wire, ConnectionFailed)
        self.assertNotIsInstance(reason, Refusal)
        self.assertIn('"send\\x1b[2J your\\npassword \\u202exxx', str(reason))
        self.assertLess(len(str(reason)), 500)

    def test_endless_line(self) -> None:
        """A line without an end is not collected."""
        wire = Wire()
        wire.pump()
        wire.far.write_raw(b"x" * (MAX_RESPONSE_LINE + 1))
        self.refused(wire)

    def test_silence(self) -> None:
        """A server that never begins TLS is given up after the deadline, and not before."""
        wire = Wire(patience=ClientTimeouts(tls_seconds=10))
        wire.pump()
        wire.clock.advance(9.9)
        wire.pump()
        self.assertNoResult(wire.client.secured)
        wire.clock.advance(0.2)
        self.assertIn("TLS", str(self.refused(wire, ConnectionFailed)))


class TrustTests(SynchronousTestCase):
    """Only the pinned home's server will do."""

    def test_other_home(self) -> None:
        """Another CA is refused before a byte of a request is sent."""
        wire = Wire(pinned="home", presented="another")
        wire.secure()
        self.failureResultOf(wire.client.secured, UntrustedServer)
        self.assertEqual(wire.server.heard, b"")

    def test_other_application(self) -> None:
        """A TLS server that does not speak homeftp is refused."""
        wire = Wire()
        wire.pump()
        wire.server.take_line()
        wire.say(GO_AHEAD)
        options = tls.server_options(identity("home"))
        options._acceptableProtocols = []
        options._context = None
        wire.far.startTLS(options)
        wire.pump()
        self.failureResultOf(wire.client.secured, ConnectionFailed)


class RequestTests(SynchronousTestCase):
    """Requests and their answers, once TLS is up."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.wire.secure()
        self.client = self.successResultOf(self.wire.client.secured)

    def ask(self, *types: str) -> list[Told]:
        told = [Told() for _ in types]
        for one, request_type in zip(told, types, strict=True):
            self.client.request(one, request_type)
        self.wire.pump()
        return told

    def test_pipelined(self) -> None:
        """Requests go out without waiting, and each gets its own answer."""
        first, second = self.ask("HELLO", "GET")
        self.assertEqual(
            self.wire.server.take_lines(), [{"request_type": "HELLO", "id": 1}, {"request_type": "GET", "id": 2}]
        )
        self.wire.say({"status": 0, "message": "", "id": 1})
        self.wire.say({"status": 40, "message": "nothing there", "id": 2})
        self.wire.pump()
        self.assertEqual([r.status for r in first.responses], [0])
        self.assertEqual([r.status for r in second.responses], [40])
        self.assertTrue(first.ended and second.ended)

    def test_any_chunking(self) -> None:
        """However the bytes are cut, responses and payloads come out the same."""
        content = bytes(range(256)) * 3
        for split in (0, 1, 2, 3, 50, 1000):
            first, second = self.ask("GET", "GET")
            ids = [line["id"] for line in self.wire.server.take_lines()]
            data = b""
            for id in ids:
                for line, payload in [
                    ({"status": 0, "message": "", "id": id, "more": True, "content_length": len(content)}, content),
                    ({"status": 0, "message": "", "id": id}, b""),
                ]:
                    data += json.dumps(line).encode() + b"\n" + payload
            for start in range(0, len(data), split or len(data)):
                self.client.dataReceived(data[start : start + (split or len(data))])
            for told in (first, second):
                self.assertEqual(told.payload, content)
                self.assertEqual([r.more for r in told.responses], [True, False])
                self.assertTrue(told.ended)

    def test_payload_of_the_last_response(self) -> None:
        """A last response may have a payload too; the request ends behind it."""
        (told,) = self.ask("COUNT")
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 3}, b"a")
        self.wire.pump()
        self.assertFalse(told.ended)
        self.wire.far.write(b"bc")
        self.wire.pump()
        self.assertTrue(told.ended)
        self.assertEqual(told.payload, b"abc")

    def test_hostile_answers(self) -> None:
        """A response to no open request ends the connection, and every open request gets the reason."""
        good = {"status": 0, "message": "", "id": 1}
        for answer in [
            b"not JSON",
            b"\xff\xfe{\x00",
            b"[" * 100_000,
            b"\r",
            b" ",
            json.dumps({**good, "id": 2}).encode(),
            json.dumps({**good, "id": "1"}).encode(),
            json.dumps({"status": 0, "message": ""}).encode(),
            json.dumps({**good, "content_length": -1}).encode(),
            json.dumps({**good, "content_length": 2**63}).encode(),
            json.dumps({**good, "content_length": 1.5}).encode(),
            json.dumps({**good, "status": "0"}).encode(),
            json.dumps({**good, "body": []}).encode(),
            b"{" + b" " * MAX_RESPONSE_LINE + b"}",
            b'{"status": 0, "id": 1' + b"0" * 5000 + b"}",
            json.dumps(good).encode() + b"\n" + json.dumps(good).encode(),
        ]:
            self.setUp()
            _, second = self.ask("GET", "CMP")
            self.wire.say(answer)
            self.wire.pump()
            self.assertIsInstance(second.reason, ProtocolViolation, answer[:80])
            self.assertTrue(self.wire.near.lost)

    def test_unasked_refusal(self) -> None:
        """A server that shuts down says so without an id; every open request gets that refusal."""
        first, second = self.ask("GET", "CMP")
        self.wire.say({"status": 54, "message": "shutting down: try again later"})
        self.wire.pump()
        self.assertEqual([said(first), said(second)], ["shutting down: try again later"] * 2)

    def test_cut_anywhere(self) -> None:
        """A connection that breaks in the middle of an answer fails the request, wherever it is cut (A10)."""
        content = b"x" * 40
        data = json.dumps({"status": 0, "message": "", "id": 1, "content_length": 40}).encode() + b"\n" + content
        for length in range(len(data) + 1):
            self.setUp()
            (told,) = self.ask("GET")
            self.wire.far.write(data[:length])
            self.wire.pump()
            self.wire.cut()
            self.assertEqual(told.ended, length == len(data))
            self.assertEqual(isinstance(told.reason, ConnectionFailed), length < len(data))

    def test_close(self) -> None:
        """Closing ends open requests, tells the server by close_notify, and is told when it is over."""
        (told,) = self.ask("GET")
        closed = self.client.close()
        self.wire.pump()
        self.assertIsInstance(told.reason, ConnectionFailed)
        self.assertIsInstance(self.successResultOf(closed), ConnectionFailed)
        self.assertIsInstance(self.successResultOf(self.client.when_ended()), ConnectionFailed)
        self.assertIsNotNone(self.wire.server.reason)
        self.assertEqual(self.wire.clock.getDelayedCalls(), [])

    def test_close_of_a_dead_connection(self) -> None:
        """A server that does not answer the goodbye is left after a while."""
        self.wire.near.outgoing = b""
        self.wire.far.reading = False
        closed = self.client.close()
        self.wire.pump()
        self.assertNoResult(closed)
        self.wire.clock.advance(10)
        self.wire.pump()
        self.successResultOf(closed)


class LoginStateTests(SynchronousTestCase):
    """The client's phase follows the login, as the server's does."""

    def answered(self, request_type: str, **response: Any) -> Phase:
        """The phase after one request and its response."""
        wire = Wire()
        wire.secure()
        client = self.successResultOf(wire.client.secured)
        self.assertIs(client.phase, Phase.UNAUTHENTICATED, "the control")
        client.request(Told(), request_type)
        wire.say({"status": 0, "message": "", "id": 1, **response})
        wire.pump()
        return client.phase

    def test_login(self) -> None:
        """A LOGIN that is accepted authenticates the connection; one that is refused does not."""
        self.assertIs(self.answered("LOGIN"), Phase.AUTHENTICATED)
        self.assertIs(self.answered("LOGIN", status=32), Phase.UNAUTHENTICATED)

    def test_device_certificate(self) -> None:
        """With a device's certificate the proof is HELLO with an account, or the first success."""
        self.assertIs(self.answered("HELLO", body={"account": "ann"}), Phase.AUTHENTICATED)
        self.assertIs(self.answered("HELLO", body={"account": None}), Phase.UNAUTHENTICATED)
        self.assertIs(self.answered("CMP", status=14), Phase.AUTHENTICATED)
        self.assertIs(self.answered("CMP", status=31), Phase.UNAUTHENTICATED)
        self.assertIs(self.answered("PAIR"), Phase.UNAUTHENTICATED)


class SendingTests(SynchronousTestCase):
    """Payloads on their way out."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.wire.secure()
        self.client = self.successResultOf(self.wire.client.secured)

    def test_bytes(self) -> None:
        """A payload in memory follows its line."""
        self.client.request(Told(), "PUSH", {"rel_endpoint": "a"}, b"hello")
        self.client.request(Told(), "HELLO")
        self.wire.pump()
        line = self.wire.server.take_line()
        self.assertEqual(line["content_length"], 5)
        self.assertEqual(self.wire.server.heard[:5], b"hello")

    def test_stream_keeps_order(self) -> None:
        """A request that is made while a payload streams is sent behind it."""
        payload = Pieces(10)
        self.client.request(Told(), "PUSH", {}, payload)
        self.client.request(Told(), "HELLO")
        payload.give(b"01234")
        self.wire.pump()
        self.assertEqual(self.wire.server.take_line()["content_length"], 10)
        self.assertEqual(self.wire.server.heard, b"01234")
        payload.give(b"56789")
        payload.give(b"")
        self.wire.pump()
        self.assertEqual(self.wire.server.heard[:10], b"0123456789")
        self.assertIn(b"HELLO", self.wire.server.heard)

    def test_waits_for_the_server(self) -> None:
        """While the server does not read, no more is read from the payload: memory stays bounded."""
        payload = Pieces(50 * STREAM_PIECE)
        self.client.request(Told(), "PUSH", {}, payload)
        self.wire.far.reading = False
        given = 0
        while payload.asked is not None:
            payload.give(bytes(STREAM_PIECE))
            given += 1
            self.wire.pump()
        self.assertLessEqual(given, 2)
        self.assertLess(len(self.wire.near.outgoing), STREAM_PIECE)
        self.wire.far.reading = True
        self.wire.pump()
        self.assertIsNotNone(payload.asked)

    def test_wrong_size(self) -> None:
        """A payload that ends early or late ends the connection: it is never padded, and no next line gets into it."""
        for pieces in ([b"0123", b""], [b"0123456789", b"x"]):
            self.setUp()
            told, payload = Told(), Pieces(10)
            self.client.request(told, "PUSH", {}, payload)
            for piece in pieces:
                payload.give(piece)
            self.wire.pump()
            self.assertIn("changed its size", said(told))
            self.assertTrue(self.wire.near.lost)

    def test_broken_payload(self) -> None:
        """A payload that cannot be read ends the connection."""
        told, payload = Told(), Pieces(10)
        self.client.request(told, "PUSH", {}, payload)
        assert payload.asked is not None
        payload.asked.errback(OSError(5, "Input/output error"))
        self.wire.pump()
        self.assertIn("Input/output error", said(told))

    def test_connection_lost_while_choked(self) -> None:
        """A payload that waits to be sent is closed when the connection breaks."""
        told, payload = Told(), Pieces(50 * STREAM_PIECE)
        self.client.request(told, "PUSH", {}, payload)
        self.wire.far.reading = False
        while payload.asked is not None:
            payload.give(bytes(STREAM_PIECE))
        self.wire.cut()
        self.assertIsInstance(told.reason, ConnectionFailed)


class TimeoutTests(SynchronousTestCase):
    """How long the client waits, by its own clock."""

    def setUp(self) -> None:
        self.wire = Wire(patience=ClientTimeouts(stall_seconds=60, answer_seconds=3600))
        self.wire.secure()
        self.client = self.successResultOf(self.wire.client.secured)

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.wire.clock.advance(1)
            self.wire.pump()

    def test_stalled_payload(self) -> None:
        """A payload that stops arriving is given up; one that trickles is not."""
        told = Told()
        self.client.request(told, "GET")
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 100}, b"x")
        for _ in range(5):
            self.wait(50)
            self.wire.far.write(b"x")
        self.assertIsNone(told.reason)
        self.wait(80)
        self.assertIn("stalled", said(told))

    def test_stalled_line(self) -> None:
        """So is a line that was begun."""
        told = Told()
        self.client.request(told, "GET")
        self.wire.far.write(b'{"status"')
        self.wait(80)
        self.assertIn("stalled", said(told))

    def test_server_that_works(self) -> None:
        """A server that does not show that it is there may take an hour to begin its answer, no more."""
        told = Told()
        self.client.keepalive = 0
        self.client.request(told, "CMP")
        self.wait(3500)
        self.assertIsNone(told.reason)
        self.wait(200)
        self.assertIn("does not answer", said(told))

    def test_dead_server(self) -> None:
        """One that should show it, or has not said whether it does, is given up after a minute; a person is told."""
        for keepalive in (None, 15.0, 1e-9):
            self.setUp()
            told, notices = Told(), list[str]()
            self.client.keepalive = keepalive
            self.client.on_silence(notices.append)
            self.client.request(told, "CMP")
            self.wait(59)
            self.assertIsNone(told.reason)
            self.assertEqual(notices, [f"no answer from the server for {seconds} s" for seconds in (15, 30, 45)])
            self.wait(16)
            self.assertIn("does not answer", said(told))

    def test_keepalive(self) -> None:
        """Empty lines show that a server works, and are no answer; a hostile interval is no reason to wait longer."""
        for keepalive in (15.0, 1e300):
            self.setUp()
            told, notices = Told(), list[str]()
            self.client.keepalive = keepalive
            self.client.on_silence(notices.append)
            self.client.request(told, "CMP")
            for _ in range(300):
                self.wait(14)
                self.wire.far.write(b"\n")
                self.wire.pump()
            self.assertEqual((told.reason, notices), (None, []))
            self.wire.say({"status": 14, "message": "", "id": 1})
            self.wire.pump()
            self.assertIsNone(told.reason)
            self.client.request(told, "CMP")
            self.wait(3700)
            self.assertIn("does not answer", said(told))

    def test_server_that_does_not_read(self) -> None:
        """A payload that the server does not take is given up."""
        told, payload = Told(), Pieces(50 * STREAM_PIECE)
        self.client.request(told, "PUSH", {}, payload)
        self.wire.far.reading = False
        while payload.asked is not None:
            payload.give(bytes(STREAM_PIECE))
        self.wait(80)
        self.assertIn("stalled", said(told))

    def test_idle(self) -> None:
        """A connection on which nothing is open may stay idle for ever."""
        self.wait(5000)
        self.assertFalse(self.wire.near.lost)

    def test_paused(self) -> None:
        """While the client itself does not read, the server has not stalled."""
        told = Told()
        self.client.request(told, "GET")
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 2}, b"x")
        self.wire.pump()
        self.client.pauseProducing()
        self.wait(500)
        self.client.resumeProducing()
        self.wire.far.write(b"y")
        self.wire.pump()
        self.assertTrue(told.ended)


class AnswerTests(SynchronousTestCase):
    """The answer of one request, for coroutines."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.wire.secure()
        self.client = self.successResultOf(self.wire.client.secured)
        self.answer = ResponseStream(self.client)
        self.client.request(self.answer, "GET")
        self.wire.pump()

    def respond(self, payload: bytes = b"", **fields: Any) -> None:
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": len(payload), **fields}, payload)
        self.wire.pump()

    def test_parts(self) -> None:
        """Iterating gives every response with its payload."""

        async def collect() -> list[tuple[dict[str, Any], bytes]]:
            return [(part.body, await part.payload.read_all(100)) async for part in self.answer]

        collecting = Deferred.fromCoroutine(collect())
        self.respond(b"one", more=True, body={"n": 1})
        self.assertNoResult(collecting)
        self.respond(b"", body={"n": 2})
        self.assertEqual(self.successResultOf(collecting), [({"n": 1}, b"one"), ({"n": 2}, b"")])

    def test_refusal(self) -> None:
        """A refusal is raised, with the server's words."""
        waiting = Deferred.fromCoroutine(self.answer.last())
        self.respond(status=33, message="not yours")
        self.assertEqual(str(self.failureResultOf(waiting).value), "not yours")

    def test_connection_lost(self) -> None:
        """So is the end of the connection, in the middle of a payload too."""

        async def read() -> bytes:
            part = await self.answer.last()
            return await part.payload.read_all(100)

        reading = Deferred.fromCoroutine(read())
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 10}, b"x")
        self.wire.pump()
        self.wire.cut()
        self.failureResultOf(reading, ConnectionFailed)

    def test_unread_payload_holds_up(self) -> None:
        """A megabyte that is not read pauses the connection; reading resumes it."""
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 5 * STREAM_PIECE})
        for _ in range(40):
            self.wire.far.write(bytes(STREAM_PIECE // 8))
            self.wire.pump()
        self.assertFalse(self.wire.near.reading)
        self.assertLess(self.answer._held, STREAM_PIECE + BUFFER_SIZE)
        reading = Deferred.fromCoroutine(self._read_size())
        self.wire.pump()
        self.assertEqual(self.successResultOf(reading), 5 * STREAM_PIECE)

    def test_cancelled(self) -> None:
        """What arrives for a reader that was cancelled is discarded, so that it holds up no later answer."""
        reading = Deferred.fromCoroutine(self._read_size())
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 5 * STREAM_PIECE})
        self.wire.pump()
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
        later = ResponseStream(self.client)
        self.client.request(later, "HELLO")
        waiting = Deferred.fromCoroutine(later.last())
        for _ in range(40):
            self.wire.far.write(bytes(STREAM_PIECE // 8))
            self.wire.pump()
        self.wire.say({"status": 0, "message": "", "id": 2})
        self.wire.pump()
        self.successResultOf(waiting)

    async def _read_size(self) -> int:
        part = await self.answer.last()
        size = 0
        while piece := await part.payload.read():
            size += len(piece)
        return size

    def test_status_that_is_none(self) -> None:
        """A status that neither answers nor refuses is no answer: it is not taken for success."""
        waiting = Deferred.fromCoroutine(self.answer.last())
        self.wire.say({"status": -1, "message": "", "id": 1})
        self.wire.pump()
        self.failureResultOf(waiting, ProtocolViolation)

    def test_last_skips(self) -> None:
        """Waiting for the last response throws away what is before it, however much that is."""
        waiting = Deferred.fromCoroutine(self.answer.last())
        for _ in range(4):
            self.respond(bytes(STREAM_PIECE), more=True)
        self.respond(b"", body={"done": True})
        self.assertEqual(self.successResultOf(waiting).body, {"done": True})

    def test_discard(self) -> None:
        """An answer that is not wanted does not hold up the connection."""
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 3 * STREAM_PIECE})
        self.wire.far.write(bytes(2 * STREAM_PIECE))
        self.wire.pump()
        self.assertFalse(self.wire.near.reading)
        self.answer.discard()
        self.wire.far.write(bytes(STREAM_PIECE))
        self.wire.pump()
        self.assertTrue(self.wire.near.reading)
