"""Framing: where lines and payloads begin and end, however the bytes are split."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MAX_REQUEST_LINE, SMALL_FILE
from homeftp.status import Status
from homeftp.wire.codec import decode_request
from homeftp.wire.events import EndOfInput, MessageReceived, PayloadReceived, Violation
from homeftp.wire.messages import Request
from homeftp.wire.parser import MessageParser
from tests.support.repeatable import REPEATABLE

WHOLE = 100
LONGEST = 200


def parser() -> MessageParser[Request]:
    return MessageParser(decode_request, LONGEST, WHOLE)


def request(payload: bytes = b"", *, ending: bytes = b"\n", **fields: Any) -> bytes:
    line = {"request_type": "PUSH", "content_length": len(payload), **fields}
    return json.dumps(line).encode() + ending + payload


def events(parsing: MessageParser[Request], *pieces: bytes) -> list[object]:
    """All events of these pieces, with the pieces of a payload joined."""
    found: list[Any] = []
    for piece in pieces:
        parsing.receive_data(piece)
        while (event := parsing.next_event()) is not None:
            before = found[-1] if found else None
            if isinstance(event, PayloadReceived) and isinstance(before, PayloadReceived) and not before.last:
                event = PayloadReceived(before.data + event.data, event.last)
                found.pop()
            found.append(event)
    return found


class MessageTests(SynchronousTestCase):
    """Lines, and payloads that come with them or in pieces."""

    def test_without_payload(self) -> None:
        """A line is a message; CR and LF do not belong to it."""
        for ending in (b"\n", b"\r\n"):
            [event] = events(parser(), request(id=1, ending=ending))
            assert isinstance(event, MessageReceived)
            self.assertEqual((event.message.id, event.payload, event.line), (1, b"", request(id=1)[:-1]))

    def test_small_payload(self) -> None:
        """A payload up to the limit comes whole with its message, and not before it is complete."""
        content = bytes(range(WHOLE))
        data = request(content, id=1)
        parsing = parser()
        self.assertEqual(events(parsing, data[:-1]), [])
        self.assertTrue(parsing.incomplete)
        assert parsing.message is not None
        self.assertEqual(parsing.message.id, 1)
        [event] = events(parsing, data[-1:])
        assert isinstance(event, MessageReceived)
        self.assertEqual(event.payload, content)
        self.assertFalse(parsing.incomplete)

    def test_large_payload(self) -> None:
        """A larger one follows its message in pieces, the last of which is marked."""
        content = bytes(WHOLE + 1)
        parsing = parser()
        message, first = events(parsing, request(content)[:-1])
        assert isinstance(message, MessageReceived)
        self.assertIsNone(message.payload)
        self.assertEqual(first, PayloadReceived(content[:-1], False))
        self.assertEqual(events(parsing, b"\0" + request(id=2)[:5]), [PayloadReceived(b"\0", True)])
        self.assertTrue(parsing.incomplete, "the next line has begun")

    def test_piece_is_not_copied(self) -> None:
        """A piece that is all payload is handed on without a copy."""
        parsing = parser()
        events(parsing, request(content_length=10**6))
        piece = bytes(1000)
        parsing.receive_data(piece)
        event = parsing.next_event()
        assert isinstance(event, PayloadReceived)
        self.assertIs(event.data, piece)

    def test_skip_payload(self) -> None:
        """Bytes in the middle of a payload in pieces may be counted without an event; no others."""
        parsing = parser()
        self.assertFalse(parsing.skip_payload(1), "a line is next")
        events(parsing, request(content_length=1000))
        self.assertTrue(parsing.skip_payload(900))
        self.assertFalse(parsing.skip_payload(100), "the last bytes")
        self.assertEqual(events(parsing, bytes(100)), [PayloadReceived(bytes(100), True)])
        events(parsing, request(content_length=WHOLE))
        self.assertFalse(parsing.skip_payload(1), "a payload that is delivered whole")
        parsing = parser()
        parsing.receive_data(request(content_length=1000) + b"x")
        parsing.next_event()
        self.assertFalse(parsing.skip_payload(1), "there are bytes before these")


class ViolationTests(SynchronousTestCase):
    """What is no message ends the parsing."""

    def test_bad_line(self) -> None:
        """A line that cannot be decoded is a violation; what follows is not looked at."""
        [event] = events(parser(), b"hello\n" + request(), request())
        assert isinstance(event, Violation)
        self.assertEqual((event.status, event.size), (Status.BAD_REQUEST, 5))
        self.assertIn("JSON", event.message)

    def test_line_limit(self) -> None:
        """The limit is exact, with CR or without, and holds for a line without an end too."""
        head = b'{"request_type": "GET", "x": "'
        for size, ending, fits in [
            (LONGEST, b"\n", True),
            (LONGEST, b"\r\n", True),
            (LONGEST + 1, b"\n", False),
            (LONGEST + 1, b"\r\n", False),
            (LONGEST + 1, b"", False),
            (10 * LONGEST, b"", False),
        ]:
            line = head + b"x" * (size - len(head) - 2) + b'"}'
            for step in (1, 7, len(line) + 2):
                data = line + ending
                found = events(parser(), *(data[at : at + step] for at in range(0, len(data), step)))
                self.assertEqual(len(found), 1, (size, ending, step))
                self.assertIsInstance(found[0], MessageReceived if fits else Violation)
                if isinstance(found[0], Violation):
                    self.assertEqual(found[0].status, Status.TOO_LARGE)

    def test_longest_line_that_may_still_end(self) -> None:
        """A line of the limit and a CR is no violation before the next byte is known."""
        parsing = parser()
        self.assertEqual(events(parsing, b"x" * LONGEST + b"\r"), [])
        [event] = events(parsing, b"x")
        self.assertIsInstance(event, Violation)


class EndTests(SynchronousTestCase):
    """The end of input is an event, once."""

    def test_end(self) -> None:
        """It says whether the last message was complete."""
        for data, complete in [
            (b"", True),
            (request(), True),
            (request(bytes(WHOLE + 1)), True),
            (request(b"x")[:-1], False),
            (request(bytes(WHOLE + 1))[:-1], False),
            (b"{", False),
        ]:
            parsing = parser()
            events(parsing, data)
            parsing.receive_end()
            self.assertEqual(parsing.next_event(), EndOfInput(complete), data)
            self.assertIsNone(parsing.next_event())
            self.assertRaises(RuntimeError, parsing.receive_data, b"x")

    def test_before_the_end(self) -> None:
        """Received messages come before the end of input."""
        parsing = parser()
        parsing.receive_data(request(id=1) + request(id=2))
        parsing.receive_end()
        found = [parsing.next_event() for _ in range(3)]
        self.assertEqual([type(event) for event in found], [MessageReceived, MessageReceived, EndOfInput])

    def test_stopped(self) -> None:
        """A parser that was stopped keeps nothing and says nothing."""
        parsing = parser()
        parsing.receive_data(request() + b"{")
        parsing.stop()
        parsing.receive_data(request())
        self.assertIsNone(parsing.next_event())
        self.assertFalse(parsing.incomplete or parsing.has_unread_data)


MESSAGES = st.lists(
    st.tuples(st.binary(max_size=3 * WHOLE), st.sampled_from([b"\n", b"\r\n"]), st.integers(0, 999)), max_size=6
)
TAILS = st.sampled_from([b"", b"{", b"hello\n", b"x" * (2 * LONGEST), b'{"request_type": "GET"'])


class ChunkingTests(SynchronousTestCase):
    """However the bytes are split, the events are the same."""

    @settings(REPEATABLE, max_examples=200)
    @given(MESSAGES, TAILS, st.data())
    def test_any_split(self, messages: list[tuple[bytes, bytes, int]], tail: bytes, data: st.DataObject) -> None:
        """Split at random places, the same events come as from all bytes at once."""
        stream = b"".join(request(payload, ending=ending, id=id) for payload, ending, id in messages) + tail
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
        pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        at_once, in_pieces = parser(), parser()
        expected = events(at_once, stream)
        found = events(in_pieces, *pieces)
        self.assertEqual(list(map(self.sizeless, found)), list(map(self.sizeless, expected)))
        for parsing in (at_once, in_pieces):
            parsing.receive_end()
        self.assertEqual(in_pieces.next_event(), at_once.next_event())

    @staticmethod
    def sizeless(event: object) -> object:
        """An event without the size of a line that is too long: as much as had been received."""
        if isinstance(event, Violation) and event.status == Status.TOO_LARGE:
            return structs.replace(event, size=0)
        return event

    def test_byte_by_byte(self) -> None:
        """80,000 reads of one byte take memory for one message and a few steps each (D3)."""
        parsing = MessageParser(decode_request, MAX_REQUEST_LINE, SMALL_FILE)
        data = (b'{"request_type":"PUSH","x":"' + b"x" * 16_000 + b'","content_length":64000}\n' + bytes(64_000))[
            :80_000
        ]
        found = 0
        partial = parsing._partial
        for start in range(len(data)):
            parsing.receive_data(data[start : start + 1])
            self.assertLessEqual(len(parsing._data), 1, "nothing but the new byte is searched")
            found += parsing.next_event() is not None
            if parsing.message is None and not found and start < 16_000:
                self.assertIs(parsing._partial, partial, "a byte is appended, nothing is copied")
            self.assertLessEqual(len(parsing._partial), SMALL_FILE)
        self.assertEqual(found, 0, "the payload is not complete")
