"""Client and server without input and output: each test runs its bytes through both roles."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MAX_REQUEST_LINE, MAX_RESPONSE_LINE, SMALL_FILE
from homeftp.errors import TooLarge
from homeftp.status import Status
from homeftp.wire.codec import response_line
from homeftp.wire.connection import ClientConnection, ServerConnection
from homeftp.wire.events import (
    EndOfInput,
    MessageReceived,
    PayloadReceived,
    Refused,
    RequestAnswered,
    TLSAccepted,
    TLSRequested,
    Violation,
)
from homeftp.wire.states import ConnectionState, Phase
from tests.support.repeatable import REPEATABLE

LOGIN = {"username": "ann", "password": "secret"}


@attrs.define
class ConnectionPair:
    """The two ends of one connection. What one sends, the other receives, in pieces of `split` bytes."""

    split: int = 0
    client: ClientConnection = attrs.field(factory=ClientConnection)
    server: ServerConnection = attrs.field(factory=lambda: ServerConnection(ConnectionState(Phase.PLAIN)))

    def to_server(self, data: bytes) -> list[Any]:
        """The server's events."""
        return self._deliver(self.server, data)

    def to_client(self, data: bytes) -> list[Any]:
        """The client's events."""
        return self._deliver(self.client, data)

    def _deliver(self, end: ClientConnection | ServerConnection, data: bytes) -> list[Any]:
        events: list[Any] = []
        for start in range(0, len(data), self.split or len(data) or 1):
            end.receive_data(data[start : start + (self.split or len(data))])
            while (event := end.next_event()) is not None:
                events.append(event)
        return events

    def start_tls(self) -> ConnectionPair:
        """Go through STARTTLS and the handshake."""
        assert self.to_server(self.client.send_starttls()) == [TLSRequested(None)]
        answer = response_line(0, "go ahead")
        self.server.begin_tls()
        assert self.to_client(answer) == [TLSAccepted()]
        self.client.begin_tls()
        assert self.server.next_event() is None and self.client.next_event() is None
        self.server.tls_established()
        self.client.tls_established()
        return self

    def ask(self, request_type: str, body: dict[str, Any] | None = None, payload: bytes = b"") -> int:
        """Send a request to the server; gives its id."""
        id, line = self.client.send_request(request_type, body, len(payload))
        [event, *pieces] = self.to_server(line + payload)
        assert isinstance(event, MessageReceived) and event.message.id == id
        received = event.payload if event.payload is not None else b"".join(piece.data for piece in pieces)
        assert received == payload
        return id

    @property
    def phases(self) -> tuple[Phase, Phase]:
        """The client's phase and the server's."""
        return self.client.phase, self.server.phase


SPLITS = (0, 1, 7)


class StartTLSTests(SynchronousTestCase):
    """Before TLS: one line each way, and not a byte more."""

    def test_handshake(self) -> None:
        """Both ends go through the same phases."""
        for split in SPLITS:
            pair = ConnectionPair(split)
            self.assertEqual(pair.phases, (Phase.PLAIN, Phase.PLAIN))
            pair.start_tls()
            self.assertEqual(pair.phases, (Phase.UNAUTHENTICATED, Phase.UNAUTHENTICATED))

    def test_injected_request(self) -> None:
        """A byte behind the STARTTLS line makes the server abort (CVE-2011-0411)."""
        for injected in (b"x", b"\n", b'{"request_type": "QUIT"}\n'):
            pair = ConnectionPair()
            [event] = pair.to_server(pair.client.send_starttls() + injected)
            self.assertIsInstance(event, Violation)
            self.assertTrue(event.must_abort)
            self.assertEqual(pair.to_server(pair.client.send_starttls()), [])

    def test_injected_response(self) -> None:
        """A byte behind the answer makes the client abort (CVE-2021-23222)."""
        injected = response_line(0, "logged in", id=1)
        for length in range(1, len(injected) + 1):
            pair = ConnectionPair()
            [event] = pair.to_client(response_line(0, "go ahead") + injected[:length])
            self.assertIsInstance(event, Violation)
            self.assertTrue(event.must_abort)

    def test_injected_in_the_handshake(self) -> None:
        """So does plaintext that arrives after that."""
        pair = ConnectionPair()
        pair.to_server(pair.client.send_starttls())
        pair.server.begin_tls()
        pair.to_client(response_line(0, "go ahead"))
        pair.client.begin_tls()
        for event, *rest in (pair.to_server(b"x"), pair.to_client(b"x")):
            self.assertIsInstance(event, Violation)
            self.assertTrue(event.must_abort)
            self.assertEqual(rest, [])

    def test_forgotten(self) -> None:
        """Data from before TLS does not count after it."""
        pair = ConnectionPair().start_tls()
        self.assertFalse(pair.client.incomplete or pair.server.incomplete)
        self.assertEqual(pair.ask("HELLO"), 1)

    def test_nothing_else(self) -> None:
        """Anything but STARTTLS is answered 30."""
        for line in (b'{"request_type": "HELLO"}', b"", b"GET / HTTP/1.1", b"x" * 20_000):
            for split in (0, 100):
                [event] = ConnectionPair(split).to_server(line + b"\n")
                self.assertIsInstance(event, Violation)
                self.assertEqual((event.status, event.must_abort), (Status.TLS_REQUIRED, False))

    def test_payload(self) -> None:
        """STARTTLS with a payload is refused before the payload comes, however small it is."""
        for size in (1, SMALL_FILE + 1):
            [event] = ConnectionPair().to_server(b'{"request_type": "STARTTLS", "content_length": %d}\n' % size)
            self.assertEqual(event.status, Status.TLS_REQUIRED)

    def test_refused(self) -> None:
        """A server may refuse before TLS; the client treats that refusal as unproven."""
        [event] = ConnectionPair().to_client(response_line(51, "too many connections"))
        self.assertIsInstance(event, Refused)
        self.assertEqual(event.refusal.status, Status.BUSY)

    def test_no_acceptance(self) -> None:
        """Nothing but status 0 without an id, a payload or more to come is an acceptance."""
        for line in (
            response_line(10, ""),
            response_line(0, "", id=1),
            response_line(0, "", more=True),
            response_line(0, "", content_length=1),
            b"220 ready\n",
        ):
            [event] = ConnectionPair().to_client(line)
            self.assertIsInstance(event, Violation, line)


class SendingTests(SynchronousTestCase):
    """What must not be sent is refused before it is encoded."""

    def test_phases(self) -> None:
        """A client sends STARTTLS first and once, and requests inside TLS only."""
        pair = ConnectionPair()
        self.assertRaises(RuntimeError, pair.client.send_request, "HELLO")
        pair.start_tls()
        self.assertRaises(RuntimeError, pair.client.send_starttls)
        self.assertRaises(RuntimeError, pair.client.send_request, "STARTTLS")
        self.assertEqual(pair.client.send_request("HELLO")[0], 1, "the control; no number was used up")
        pair.client.close()
        self.assertRaises(RuntimeError, pair.client.send_request, "HELLO")

    def test_request_line(self) -> None:
        """A request's line within the limit is understood; over it, it is not sent, and nothing is open."""
        pair = ConnectionPair().start_tls()
        empty = len(pair.client.send_request("GET", {"x": ""})[1]) - 1
        pair = ConnectionPair().start_tls()
        self.assertRaises(TooLarge, pair.client.send_request, "GET", {"x": "x" * (MAX_REQUEST_LINE - empty + 1)})
        self.assertEqual(pair.client.oldest_open, 0)
        self.assertEqual(pair.ask("GET", {"x": "x" * (MAX_REQUEST_LINE - empty)}), 1)

    def test_responses(self) -> None:
        """A response that a client would not accept is not made."""
        for bad in (
            lambda: response_line(99, ""),
            lambda: response_line(40, "", more=True),
            lambda: response_line(0, "x" * MAX_RESPONSE_LINE),
            lambda: response_line(0, "", content_length=-1),
            lambda: response_line(0, "", content_length=2**63),
        ):
            self.assertRaises(ValueError, bad)


class RequestTests(SynchronousTestCase):
    """Requests and responses inside TLS."""

    def test_small_and_large_payloads(self) -> None:
        """Payloads arrive as they were sent, whole or in pieces."""
        for split in SPLITS:
            pair = ConnectionPair(split and 997 * split).start_tls()
            for size in (0, 1, SMALL_FILE, SMALL_FILE + 1):
                pair.ask("PUSH", {"rel_endpoint": "a"}, bytes(size))

    def test_answers(self) -> None:
        """Each request ends with its last response and that one's payload; the next response is the next request's."""
        for split in SPLITS:
            pair = ConnectionPair(split).start_tls()
            first, second = pair.ask("GET"), pair.ask("CMP")
            self.assertEqual(pair.client.oldest_open, first)
            events = pair.to_client(response_line(0, "", id=first, more=True, content_length=3) + b"abc")
            self.assertEqual(b"".join(event.data for event in events if isinstance(event, PayloadReceived)), b"abc")
            self.assertNotIn(RequestAnswered(), events)
            events = pair.to_client(response_line(0, "", id=first) + response_line(10, "", id=second))
            self.assertEqual(
                [type(event) for event in events], [MessageReceived, RequestAnswered, MessageReceived, RequestAnswered]
            )
            self.assertEqual(pair.client.oldest_open, 0)

    def test_wrong_answers(self) -> None:
        """A response that is not to the oldest request ends the connection; a refusal without an id is the server's."""
        for line in (
            response_line(0, "", id=2),
            response_line(0, "", id="1"),
            response_line(0, ""),
            b"no response\n",
            json.dumps({"status": 7, "message": "", "id": 1}).encode() + b"\n",
        ):
            pair = ConnectionPair().start_tls()
            pair.ask("GET")
            [event] = pair.to_client(line + response_line(0, "", id=1))
            self.assertIsInstance(event, Violation, line)
        pair = ConnectionPair().start_tls()
        pair.ask("GET")
        [event] = pair.to_client(response_line(54, "stopping"))
        self.assertEqual(event.refusal.status, Status.SHUTTING_DOWN)

    def test_unmatched(self) -> None:
        """Every response is reported, and no request is counted, while a person types the requests."""
        pair = ConnectionPair().start_tls()
        pair.client.stop_matching()
        events = pair.to_client(response_line(0, "", id="x") + response_line(20, "") + response_line(0, "", id=9))
        self.assertEqual([event.message.id for event in events], ["x", None, 9])

    def test_end_of_input(self) -> None:
        """The end of input is an event at both ends, and says whether something was cut short."""
        for cut in (0, 1):
            pair = ConnectionPair().start_tls()
            _, line = pair.client.send_request("GET")
            pair.to_server(line[: len(line) - cut])
            answer = response_line(0, "", id=1, content_length=2) + b"ab"
            pair.to_client(answer[: len(answer) - cut])
            for end in (pair.client, pair.server):
                end.receive_end()
                self.assertEqual(end.next_event(), EndOfInput(not cut))

    def test_closed(self) -> None:
        """A closed connection looks at nothing."""
        pair = ConnectionPair().start_tls()
        _, line = pair.client.send_request("GET")
        for end in (pair.client, pair.server):
            end.close()
            end.close()
        self.assertEqual(pair.to_server(line), [])
        self.assertEqual(pair.to_client(response_line(0, "", id=1)), [])
        self.assertEqual(pair.phases, (Phase.CLOSING, Phase.CLOSING))

    def test_bad_request(self) -> None:
        """A line that is no request is a violation that may be answered; what follows it is not looked at."""
        pair = ConnectionPair().start_tls()
        _, line = pair.client.send_request("GET")
        [event] = pair.to_server(b"hello\n" + line)
        self.assertEqual((event.status, event.must_abort, event.size), (Status.BAD_REQUEST, False, 5))


class LoginTests(SynchronousTestCase):
    """Both ends agree on the login."""

    def test_password(self) -> None:
        """After LOGIN is accepted, both are authenticated; requests behind it need not wait."""
        pair = ConnectionPair().start_tls()
        login, get = pair.ask("LOGIN", LOGIN), pair.ask("GET")
        pair.server.state.advance(Phase.AUTHENTICATED)
        pair.to_client(response_line(0, "logged in", id=login) + response_line(40, "", id=get))
        self.assertEqual(pair.phases, (Phase.AUTHENTICATED, Phase.AUTHENTICATED))

    def test_device(self) -> None:
        """With a device's certificate the server knows first, the client with the first response that proves it."""
        pair = ConnectionPair().start_tls()
        pair.server.state.advance(Phase.AUTHENTICATED)
        self.assertEqual(pair.phases, (Phase.UNAUTHENTICATED, Phase.AUTHENTICATED))
        pair.to_client(response_line(0, "", {"account": "ann"}, id=pair.ask("HELLO")))
        self.assertEqual(pair.phases, (Phase.AUTHENTICATED, Phase.AUTHENTICATED))

    def test_refused(self) -> None:
        """A LOGIN that is refused changes neither."""
        pair = ConnectionPair().start_tls()
        pair.to_client(response_line(32, "no", id=pair.ask("LOGIN", LOGIN)))
        self.assertEqual(pair.phases, (Phase.UNAUTHENTICATED, Phase.UNAUTHENTICATED))


class ChunkingTests(SynchronousTestCase):
    """Whole conversations, in pieces."""

    @settings(REPEATABLE, max_examples=50)
    @given(st.integers(1, 300), st.lists(st.binary(max_size=400), max_size=5))
    def test_any_split(self, split: int, payloads: list[bytes]) -> None:
        """Requests, responses and payloads come out the same, however large the pieces."""
        pair = ConnectionPair(split).start_tls()
        ids = [pair.ask("PUSH", {"rel_endpoint": "a"}, payload) for payload in payloads]
        answers = b"".join(
            response_line(0, "", id=id, content_length=len(payload)) + payload
            for id, payload in zip(ids, payloads, strict=True)
        )
        events = pair.to_client(answers)
        self.assertEqual(events.count(RequestAnswered()), len(payloads))
        received = b"".join(event.data for event in events if isinstance(event, PayloadReceived))
        self.assertEqual(received, b"".join(payloads))


class KeepAliveTests(SynchronousTestCase):
    """Empty lines between responses."""

    def test_skipped(self) -> None:
        """A client skips them wherever a response may begin, in pieces of any size; CR or a space is no empty line."""
        for split in (0, 1, 3):
            pair = ConnectionPair(split).start_tls()
            pair.client.send_request("HELLO")
            answer = response_line(0, "hello", id=1)
            events = pair.to_client(b"\n\n" + answer + b"\n")
            self.assertEqual([type(event) for event in events], [MessageReceived, RequestAnswered])
            self.assertFalse(pair.client.incomplete)
            for line in (b"\r\n", b" \n"):
                self.assertIsInstance(ConnectionPair(split).start_tls().to_client(line)[-1], Violation)

    def test_not_before_tls(self) -> None:
        """Before TLS one is an injection."""
        for data in (b"\n" + response_line(0, "go ahead"), response_line(0, "go ahead") + b"\n"):
            self.assertIsInstance(_asked().to_client(data)[-1], Violation)

    def test_not_from_a_client(self) -> None:
        """A server takes none."""
        self.assertIsInstance(ConnectionPair().start_tls().to_server(b"\n")[-1], Violation)

    def test_endless(self) -> None:
        """A request gets so many responses, and no more."""
        pair = ConnectionPair().start_tls()
        pair.client.send_request("HELLO")
        line = response_line(0, "", id=1, more=True)
        with mock.patch("homeftp.wire.connection.MOST_LISTED", 3):
            for _ in range(3):
                self.assertIsInstance(pair.to_client(line)[-1], MessageReceived)
            self.assertIsInstance(pair.to_client(line)[-1], Violation)


def _asked() -> ConnectionPair:
    """A client that has asked for TLS."""
    pair = ConnectionPair()
    pair.client.send_starttls()
    return pair
