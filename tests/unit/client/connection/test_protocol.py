"""The client's connection against servers that do what they should not."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.errors import ConnectionFailed, ProtocolViolation
from homeftp.config import MAX_RESPONSE_LINE, ClientTimeouts
from homeftp.crypto import tls
from homeftp.errors import Refusal, UntrustedServer
from homeftp.wire.states import Phase
from tests.support.exchanges import ConnectedCase, RecordingHandler
from tests.support.fakeserver import Wire, identity

GO_AHEAD = {"status": 0, "message": "go ahead"}
SECRET = "a password that must not be seen"


class BeforeTLSTests(SynchronousTestCase):
    """Until TLS is up the client says STARTTLS and nothing else, and believes nothing."""

    def refused(self, wire: Wire, kind: type[Exception] = ProtocolViolation) -> Exception:
        """The connection must have been given up, with nothing but STARTTLS in clear."""
        wire.pump()
        reason: Exception = self.failureResultOf(wire.client.secured, kind).value
        self.assertEqual(wire.near.sent, b'{"request_type":"STARTTLS"}\n')
        self.assertTrue(wire.near.lost)
        with self.assertRaises(kind):
            wire.client.request(RecordingHandler(), "LOGIN", {"username": "anna", "password": SECRET})
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
                wire.client.request(RecordingHandler(), "HELLO")

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

    def test_words_before_tls(self) -> None:
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


class RequestTests(ConnectedCase):
    """Requests and their answers, once TLS is up."""

    def ask(self, *types: str) -> list[RecordingHandler]:
        told = [RecordingHandler() for _ in types]
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

    def test_bandwidth(self) -> None:
        """With a rate, reading pauses until the rate allows more; a handler that pauses too is not overruled."""
        self.client.limit_bandwidth(100_000)
        [told] = self.ask("GET")
        self.wire.server.take_lines()
        self.wire.say({"status": 0, "message": "", "id": 1, "content_length": 150_000}, bytes(50_000))
        self.wire.pump()
        paused = len(told.payload)
        self.assertEqual(paused, 50_000)
        self.wire.far.write(bytes(100_000))
        self.wire.pump()
        self.assertEqual(len(told.payload), paused)
        self.client.pauseProducing()
        self.wire.clock.advance(10)
        self.wire.pump()
        self.assertEqual(len(told.payload), paused)
        self.client.resumeProducing()
        for _ in range(30):
            self.wire.clock.advance(0.2)
            self.wire.pump()
        self.assertEqual((len(told.payload), told.ended), (150_000, True))

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
        self.assertEqual([str(first.reason), str(second.reason)], ["shutting down: try again later"] * 2)

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
        client.request(RecordingHandler(), request_type)
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
