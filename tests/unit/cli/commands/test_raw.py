"""The parts of `homeftp raw`; tests/system/cli/test_raw.py talks to a server."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.commands.raw import FormattedOutput, RawOutput, RawSession, TypedPayload
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import Client, ConnectionFailed
from homeftp.status import Status
from homeftp.wire.messages import Response
from tests.support.commandline import CommandCase


class OutputTests(SynchronousTestCase):
    """RawOutput and FormattedOutput."""

    def test_raw(self) -> None:
        """In a pipe every byte passes unchanged."""
        pipe = io.BytesIO()
        output = RawOutput(pipe)
        output.line(b'{"status":0}')
        output.payload(b"\x00\xff", 0)
        self.assertEqual(pipe.getvalue(), b'{"status":0}\n\x00\xff')

    def test_formatted(self) -> None:
        """At a terminal a response is indented, short text is displayed escaped, and of anything else the size."""
        for pieces, displayed in (
            ([b"two\n", b"\x1b[31m"], b"two\n\\x1b[31m\n"),
            ([b"\x00\xff"], b"(2 bytes)\n"),
            ([b"a" * 4096, b"a"], b"(4097 bytes)\n"),
        ):
            terminal = io.BytesIO()
            output = FormattedOutput(terminal)
            output.line(b'{"status": 0}')
            rest = sum(map(len, pieces))
            for piece in pieces:
                rest -= len(piece)
                output.payload(piece, rest)
            self.assertEqual(terminal.getvalue(), b'{\n  "status": 0\n}\n' + displayed)


class PayloadTests(SynchronousTestCase):
    """TypedPayload."""

    def test_bounded(self) -> None:
        """The reading thread may be a bounded number of pieces ahead; each piece that is taken makes space for one."""
        payload = TypedPayload(100)
        for _ in range(16):
            payload.wait()
            payload.put(b"x")
        self.assertFalse(payload._free.acquire(blocking=False))
        with self.assertRaises(StopIteration) as done:
            payload.read().send(None)
        self.assertEqual(done.exception.value, b"x")
        self.assertTrue(payload._free.acquire(blocking=False))


class RawTests(CommandCase):
    """The command line."""

    def test_path(self) -> None:
        """A path is refused with what to write."""
        self.assertEqual(self.homeftp("raw", "nas:lib"), Exit.USAGE)
        self.assertEqual(self.err.getvalue(), "homeftp: raw takes a server's name without a path: homeftp raw nas\n")


class FakeClient:
    """Takes requests and never answers by itself."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Any]] = []
        self.listener: Any = None

    def set_listener(self, listener: Any) -> None:
        self.listener = listener

    def send_line(self, line: bytes, payload: Any) -> None:
        self.sent.append((line, payload))


class SessionTests(SynchronousTestCase):
    """RawSession over a connection that a test drives."""

    def setUp(self) -> None:
        self.client = FakeClient()
        self.output = io.BytesIO()
        self.ends: list[Any] = []
        self.session = RawSession(cast(Client, self.client), RawOutput(self.output), self.ends.append)

    def type(self, data: bytes) -> None:
        self.session.read(io.BytesIO(data), lambda function, *arguments: function(*arguments))

    def answer(self, status: Status = Status.OK, **fields: Any) -> None:
        response = Response(status=int(status), **fields)
        self.client.listener.response_received(b"answer", response)

    def test_answered(self) -> None:
        """Lines are sent unchanged, blank ones left out; the session ends when input and answers have ended."""
        self.type(b'{"request_type":  "HELLO"}\r\n\nnot json\n')
        self.assertEqual([line for line, _ in self.client.sent], [b'{"request_type":  "HELLO"}', b"not json"])
        self.answer()
        self.assertEqual(self.ends, [])
        self.answer()
        self.assertEqual(self.ends, [Exit.DONE])
        self.assertEqual(self.output.getvalue(), b"answer\nanswer\n")

    def test_refused(self) -> None:
        """A refusal is the exit code; the payload of an answer is waited for."""
        self.type(b"a\nb\n")
        self.answer(Status.NOT_FOUND)
        self.answer(content_length=2)
        self.assertEqual(self.ends, [])
        self.client.listener.received(b"xy")
        self.assertEqual(self.ends, [Exit.REFUSED])

    def test_payload(self) -> None:
        """After a line with content_length, that many bytes of input are the payload."""
        self.type(b'{"content_length": 3}\nabc{}\n')
        self.assertEqual([line for line, _ in self.client.sent], [b'{"content_length": 3}', b"{}"])
        payload = self.client.sent[0][1]
        self.assertEqual(payload.size, 3)

    def test_hung_up(self) -> None:
        """A server that closes the connection is an error only while a request is open."""
        self.patch(sys, "stderr", io.StringIO())
        self.type(b"a\n")
        self.client.listener.failed(ConnectionFailed("gone"))
        self.assertEqual(self.ends, [Exit.UNREACHABLE])

    def test_output_full(self) -> None:
        """Output that cannot be written ends the session with that failure."""
        self.type(b"a\n")
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "wb", buffering=0) as broken:
            self.session._output = RawOutput(broken)
            self.answer()
        self.assertIsInstance(self.ends[0], BrokenPipeError)
