"""Lines to messages and back: strict, and with refusals that name the fault."""

from __future__ import annotations

import json

import attrs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MAX_REQUEST_LINE, MAX_RESPONSE_LINE
from homeftp.errors import BadRequest, TooLarge
from homeftp.model import MAX_SIZE
from homeftp.wire import codec
from homeftp.wire.messages import GetBody


class DecodingTests(SynchronousTestCase):
    """What arrives."""

    def test_request(self) -> None:
        """A missing field has its default; an unknown one is ignored; of one that is given twice the last counts."""
        request = codec.decode_request(b'{"request_type": "A", "request_type": "GET", "x": [1e400, {}]}')
        self.assertEqual((request.request_type, request.id, request.content_length), ("GET", None, 0))
        self.assertEqual(bytes(request.body), b"{}")

    def test_faults(self) -> None:
        """Any bytes are decoded, or refused in one printable line that names the fault; nothing else is raised."""
        for line, fault in [
            (b"", "JSON"),
            (b"[]", "object"),
            (b"{}", "request_type"),
            (b'{"request_type": "GET", "id": 1.5}', "id"),
            (b'{"request_type": "GET", "content_length": -1}', "content_length"),
            (b'{"request_type": "GET", "x": NaN}', "JSON"),
            (b'{"request_type": "\xff"}', "UTF-8 at byte 18"),
            ('{"request_type": "GET"}'.encode("utf-16"), "UTF-16"),
            (b'\xef\xbb\xbf{"request_type": "GET"}', "byte order mark"),
            (b'{"request_type": "\\ud800"}', "lone surrogate"),
            (b'{"request_type": "GET", "x": ' + b"[" * 16_000, "nested too deeply"),
        ]:
            with self.assertRaises(BadRequest) as caught:
                codec.decode_request(line)
            self.assertIn(fault, caught.exception.message)
            self.assertTrue(caught.exception.message.isprintable())

    def test_response(self) -> None:
        """A response needs a status, and its body must be an object."""
        self.assertEqual(codec.decode_response(b'{"status": 0}').body, {})
        for line in (b"{}", b'{"status": "0"}', b'{"status": 0, "body": []}', b'{"status": 0, "more": 1}'):
            self.assertRaises(BadRequest, codec.decode_response, line)

    def test_body(self) -> None:
        """A body that does not fit is refused with the request type and the parameter."""
        request = codec.decode_request(b'{"request_type": "GET", "body": {"rel_endpoint": "a", "offset": -1}}')
        with self.assertRaises(BadRequest) as caught:
            codec.decode_body("GET", request.body, GetBody)
        self.assertIn("the body of GET", caught.exception.message)
        self.assertIn("offset", caught.exception.message)

    def test_kinds(self) -> None:
        """A class that no body can be decoded into is told when it is declared, in one line."""

        @attrs.frozen
        class Impossible:
            what: set[object] | frozenset[int] | list[str]

        codec.check_kind(GetBody)
        with self.assertRaises(TypeError) as caught:
            codec.check_kind(Impossible)
        self.assertNotIn("\n", str(caught.exception))


class EncodingTests(SynchronousTestCase):
    """What is sent: validated first."""

    def test_defaults_left_out(self) -> None:
        """A default value is not written; an id of 0 or "" is."""
        self.assertEqual(codec.encode_request("HELLO"), b'{"request_type":"HELLO"}')
        self.assertEqual(json.loads(codec.encode_request("HELLO", id=0)), {"request_type": "HELLO", "id": 0})
        self.assertEqual(codec.encode_response(0, "ok"), b'{"status":0,"message":"ok"}')
        self.assertEqual(json.loads(codec.encode_response(0, "", id="", more=True))["id"], "")

    def test_lines(self) -> None:
        """A line ends with LF, and contains no other."""
        for line in (codec.request_line("GET", {"x": "a\nb"}), codec.response_line(0, "a\nb")):
            self.assertEqual((line.count(b"\n"), line[-1:]), (1, b"\n"))

    def test_limits(self) -> None:
        """A line at its limit is made, a longer one is not; nor is one whose payload has no possible size."""
        overhead = len(codec.request_line("GET", {"x": ""})) - 1
        line = codec.request_line("GET", {"x": "x" * (MAX_REQUEST_LINE - overhead)})
        self.assertEqual(len(line), MAX_REQUEST_LINE + 1)
        self.assertRaises(TooLarge, codec.request_line, "GET", {"x": "x" * (MAX_REQUEST_LINE - overhead + 1)})
        overhead = len(codec.response_line(0, "")) - 1
        line = codec.response_line(0, "x" * (MAX_RESPONSE_LINE - overhead))
        self.assertEqual(len(line), MAX_RESPONSE_LINE + 1)
        self.assertRaises(ValueError, codec.response_line, 0, "x" * (MAX_RESPONSE_LINE - overhead + 1))
        for size in (-1, MAX_SIZE + 1):
            self.assertRaises(ValueError, codec.request_line, "GET", content_length=size)
            self.assertRaises(ValueError, codec.response_line, 0, "", content_length=size)
        codec.request_line("GET", content_length=MAX_SIZE)

    def test_statuses(self) -> None:
        """A status that does not exist is not sent, and a refusal is always the last response."""
        self.assertRaises(ValueError, codec.response_line, 7, "")
        self.assertRaises(ValueError, codec.response_line, 40, "", more=True)
        codec.response_line(40, "")
