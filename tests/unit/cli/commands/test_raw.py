"""The parts of `homeftp raw`; tests/system/cli/test_raw.py talks to a server."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, Coroutine, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.commands.raw import FormattedOutput, RawOutput, RawSession, TypedInput, TypedPayload
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client import Client, ConnectionFailed
from homeftp.errors import OperatorError
from homeftp.status import Status
from homeftp.wire.messages import Response
from tests.support.commandline import CommandCase

T = TypeVar("T")


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
            ([b"a" * 4096, b"a"], b"(4,097 bytes)\n"),
        ):
            terminal = io.BytesIO()
            output = FormattedOutput(terminal)
            output.line(b'{"status": 0}')
            rest = sum(map(len, pieces))
            for piece in pieces:
                rest -= len(piece)
                output.payload(piece, rest)
            self.assertEqual(terminal.getvalue(), b'{\n  "status": 0\n}\n' + displayed)


class InputTests(SynchronousTestCase):
    """TypedInput and TypedPayload."""

    def setUp(self) -> None:
        self.asked: list[int] = []

    def input(self, *pieces: bytes) -> TypedInput:
        """Input that arrives in these pieces."""
        left = list(pieces)

        async def read(size: int) -> bytes:
            self.asked.append(size)
            return left.pop(0) if left else b""

        return TypedInput(read)

    def finish(self, work: Coroutine[Any, Any, T]) -> T:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def test_lines(self) -> None:
        """Lines and payloads may arrive in any pieces; the last line may have no end."""
        typed = self.input(b"on", b"e\ntwo\nthr", b"ee")
        self.assertEqual([self.finish(typed.readline()) for _ in range(4)], [b"one\n", b"two\n", b"three", b""])
        self.assertEqual(self.finish(typed.read(5)), b"")

    def test_pieces(self) -> None:
        """Bytes are given as soon as there are some, and no more than asked for."""
        typed = self.input(b"one\nabc", b"def")
        self.finish(typed.readline())
        self.assertEqual([self.finish(typed.read(2)) for _ in range(4)], [b"ab", b"c", b"de", b"f"])

    def test_payload(self) -> None:
        """A payload ends after its size, and reads nothing before the connection asks for it."""
        typed = self.input(b"abcd")
        payload = TypedPayload(3, typed)
        self.assertEqual(self.asked, [])
        self.assertEqual([self.finish(payload.read()) for _ in range(2)], [b"abc", b""])
        self.assertIsNone(self.successResultOf(payload.done))
        self.assertEqual(self.finish(typed.readline()), b"d")

    def test_unreadable(self) -> None:
        """Input that cannot be read ends a payload early, with the reason."""

        async def read(size: int) -> bytes:
            raise OperatorError("Cannot read")

        payload = TypedPayload(3, TypedInput(read))
        self.assertEqual(self.finish(payload.read()), b"")
        self.assertIsInstance(self.successResultOf(payload.done), OperatorError)


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
        async def read(size: int) -> bytes:
            return source.read(size)

        source = io.BytesIO(data)
        self.relaying = Deferred.fromCoroutine(self.session.relay(TypedInput(read)))

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
        """After a line with content_length, that many bytes of input are the payload; the next line waits for it."""
        self.type(b'{"content_length": 3}\nabc{}\n')
        ((line, payload),) = self.client.sent
        self.assertEqual((line, payload.size), (b'{"content_length": 3}', 3))
        for data in (b"abc", b""):
            self.assertEqual(self.successResultOf(Deferred.fromCoroutine(payload.read())), data)
        self.assertEqual(self.client.sent[1], (b"{}", None))
        self.successResultOf(self.relaying)

    def test_hung_up(self) -> None:
        """A server that closes the connection is an error while a request is open."""
        self.patch(sys, "stderr", io.StringIO())
        self.type(b"a\n")
        self.client.listener.failed(ConnectionFailed("gone"))
        self.assertEqual(self.ends, [Exit.UNREACHABLE])

    def test_bad_line(self) -> None:
        """A server that refused what is no request, and hangs up, has said why; one that refused a request has not."""
        for id, end, said in ((None, Exit.REFUSED, ""), (1, Exit.UNREACHABLE, "homeftp: gone\n")):
            self.setUp()
            self.patch(sys, "stderr", io.StringIO())
            self.type(b"nonsense\na\n")
            self.answer(Status.BAD_REQUEST, id=id)
            self.client.listener.failed(ConnectionFailed("gone"))
            assert isinstance(sys.stderr, io.StringIO)
            self.assertEqual((self.ends, sys.stderr.getvalue()), ([end], said))

    def test_hung_up_while_typing(self) -> None:
        """A closed connection is an error while more may be typed, without an open request too; not after QUIT."""
        quit = b'{"request_type": "QUIT"}\n'
        for typed, end, said in ((b"a\n", Exit.UNREACHABLE, "homeftp: gone\n"), (quit, Exit.DONE, "")):
            self.setUp()
            self.patch(sys, "stderr", io.StringIO())
            pieces = [typed]

            async def read(size: int, pieces: list[bytes] = pieces) -> bytes:
                return pieces.pop() if pieces else await Deferred()

            relaying = Deferred.fromCoroutine(self.session.relay(TypedInput(read)))
            self.addCleanup(relaying.addErrback, lambda failure: None)
            self.addCleanup(relaying.cancel)
            self.answer()
            self.client.listener.failed(ConnectionFailed("gone"))
            self.assertEqual(self.ends, [end])
            assert isinstance(sys.stderr, io.StringIO)
            self.assertEqual(sys.stderr.getvalue(), said)

    def test_output_full(self) -> None:
        """Output that cannot be written ends the session with that failure."""
        self.type(b"a\n")
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "wb", buffering=0) as broken:
            self.session._output = RawOutput(broken)
            self.answer()
        self.assertIsInstance(self.ends[0], BrokenPipeError)
