"""`homeftp raw`: send JSON requests that a person types, after TLS and login, and print the responses.

Lines are sent unchanged. After a line with a `content_length`, that many bytes of standard input are sent as payload.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, Awaitable, Callable

from homeftp.cli.connect.operands import parse_operand
from homeftp.cli.connect.session import with_client
from homeftp.cli.terminal.completers import SERVER_NAMES, set_completer
from homeftp.cli.terminal.daemonthread import DaemonThread
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.failures import print_error
from homeftp.cli.terminal.help import add_epilog
from homeftp.cli.terminal.stdstreams import read_piece
from homeftp.cli.terminal.text import printable
from homeftp.errors import OperatorError, counted

if TYPE_CHECKING:
    from homeftp.client import Client, IClientReactor
    from homeftp.wire.messages import Response

_MAX_DISPLAYED = 4096
"""The longest text payload, in bytes, that is displayed at a terminal. Of other payloads only the size is."""

_READ_SIZE = 65536
"""The most bytes that are read from standard input at once."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the server's name."""
    add_epilog(
        parser,
        'Try {"request_type": "HELLO"} and {"request_type": "GET", "body": {"rel_endpoint": ""}}. At a terminal, '
        "responses are formatted and binary payloads are left out; in a pipe, every byte is passed on unchanged.",
    )
    name = parser.add_argument("name", metavar="NAME", help="a known server (see `homeftp remote list`)")
    set_completer(name, SERVER_NAMES)


def run(options: argparse.Namespace) -> int:
    """Relay until standard input has ended and every request has its response; returns the exit code."""
    operand = parse_operand(options.name)
    name = operand.remote or operand.path
    if operand.remote is not None and operand.path:
        raise OperatorError(f"raw takes a server's name without a path: homeftp raw {name}")

    async def work(reactor: IClientReactor, client: Client) -> int:
        from twisted.internet.defer import CancelledError, Deferred

        ended: Deferred[int | Exception] = Deferred()
        if sys.stdin.isatty():
            print(f"Logged in to {name}. Type one JSON object per line; Ctrl-D ends.", file=sys.stderr)
        kind = FormattedOutput if sys.stdout.isatty() else RawOutput
        session = RawSession(client, kind(sys.stdout.buffer), ended.callback)
        thread = DaemonThread(reactor)
        relaying = Deferred.fromCoroutine(session.relay(TypedInput(lambda size: thread.call(read_piece, size))))
        relaying.addErrback(lambda failure: failure.trap(CancelledError))
        try:
            result = await ended
        finally:
            relaying.cancel()
        if isinstance(result, Exception):
            raise result
        return result

    return with_client(name, work)


class RawOutput:
    """Writes responses and payloads byte for byte, for a pipe."""

    def __init__(self, output: Any) -> None:
        self._output = output

    def line(self, line: bytes) -> None:
        """Write the line of a response."""
        self.write(line + b"\n")

    def payload(self, data: bytes, rest: int) -> None:
        """Write a piece of its payload; `rest` more bytes will come."""
        self.write(data)

    def write(self, data: bytes) -> None:
        """Write and flush."""
        self._output.write(data)
        self._output.flush()


class FormattedOutput(RawOutput):
    """Writes responses and short text payloads indented and escaped, for a terminal."""

    def __init__(self, output: Any) -> None:
        super().__init__(output)
        self._buffered = b""
        self._size = 0

    def line(self, line: bytes) -> None:
        """Write the line of a response, indented."""
        text = json.dumps(json.loads(line), indent=2, ensure_ascii=False)
        self.write("".join(f"{printable(each)}\n" for each in text.split("\n")).encode("utf-8", "backslashreplace"))

    def payload(self, data: bytes, rest: int) -> None:
        """Write a short text payload when it is complete; of any other only the size."""
        self._size += len(data)
        if self._size <= _MAX_DISPLAYED:
            self._buffered += data
        if rest:
            return
        text = None
        if self._size <= _MAX_DISPLAYED:
            try:
                text = self._buffered.decode()
            except UnicodeDecodeError:
                text = None
        if text is None:
            self.write(f"({counted(self._size, 'byte')})\n".encode())
        else:
            self.write("".join(f"{printable(each)}\n" for each in text.splitlines()).encode())
        self._buffered, self._size = b"", 0


class TypedInput:
    """Requests and payloads from standard input; `read(size)` returns up to `size` bytes as soon as some arrive."""

    def __init__(self, read: Callable[[int], Awaitable[bytes]]) -> None:
        self._read = read
        self._buffered = bytearray()
        self._ended = False

    async def readline(self) -> bytes:
        """The next line with its end; b"" when the input has ended. Raises `OperatorError`."""
        searched = 0
        while (end := self._buffered.find(b"\n", searched)) < 0:
            searched = len(self._buffered)
            if not await self._fill():
                return self._take(searched)
        return self._take(end + 1)

    async def read(self, size: int) -> bytes:
        """Up to `size` bytes; b"" when the input has ended. Raises `OperatorError`."""
        if not self._buffered:
            await self._fill()
        return self._take(size)

    async def _fill(self) -> bool:
        """Read more; False when there is no more."""
        if not self._ended:
            data = await self._read(_READ_SIZE)
            self._buffered += data
            self._ended = not data
        return not self._ended

    def _take(self, size: int) -> bytes:
        data = bytes(memoryview(self._buffered)[:size])
        del self._buffered[:size]
        return data


class TypedPayload:
    """The payload of a typed request. The connection reads it from the input; then `done` fires.

    Where it cannot be read, `done` fires with the reason, and the payload ends early.
    """

    def __init__(self, size: int, source: TypedInput) -> None:
        from twisted.internet.defer import Deferred

        self.size = size
        self.done: Deferred[OperatorError | None] = Deferred()
        self._left = size
        self._source = source

    async def read(self) -> bytes:
        """Take the next bytes; b"" at the end."""
        data, failure = b"", None
        try:
            data = await self._source.read(min(self._left, _READ_SIZE)) if self._left else b""
        except OperatorError as error:
            failure = error
        self._left -= len(data)
        if not data and not self.done.called:
            self.done.callback(failure)
        return data

    async def read_all(self, limit: int) -> bytes:
        """Not supported: the connection reads a payload piece by piece."""
        raise NotImplementedError


class RawSession:
    """Relays standard input to the server and its responses to the output.

    `end` is called with the exit code, or with the exception that stopped reading or writing.
    """

    def __init__(self, client: Client, output: RawOutput, end: Callable[[int | Exception], None]) -> None:
        from zope.interface import directlyProvides

        from homeftp.client import IListener

        directlyProvides(self, IListener)
        self._client = client
        self._output = output
        self._end = end
        self._open = 0
        self._payload_left = 0
        self._input_ended = False
        self._has_quit = False
        """Whether QUIT was typed: the server ends the connection then."""
        self._line_refused = False
        """Whether the server refused what was no request: it ends the connection then too."""
        self._status = Exit.DONE
        self._ended = False
        client.set_listener(self)  # type: ignore[arg-type]

    async def relay(self, source: TypedInput) -> None:
        """Send requests and payloads until the input ends or the session does."""
        from homeftp.client import ConnectionFailed

        try:
            while not self._ended and (line := await source.readline()):
                await self._relay_line(line.rstrip(b"\r\n"), source)
        except (OperatorError, ConnectionFailed) as failure:
            self._fail(failure)
        self._input_ended = True
        self._end_if_done()

    async def _relay_line(self, line: bytes, source: TypedInput) -> None:
        if not line or self._ended:
            return
        length = _content_length(line)
        payload = TypedPayload(length, source) if length else None
        self._open += 1
        self._has_quit = self._has_quit or _field(line, "request_type") == "QUIT"
        self._client.send_line(line, payload)  # type: ignore[arg-type]
        if payload is not None and (failure := await payload.done) is not None:
            raise failure

    def _fail(self, failure: Exception) -> None:
        """End with an exception of this side."""
        if not self._ended:
            self._ended = True
            self._end(failure)

    def _write(self, write: Callable[..., None], *arguments: Any) -> None:
        """Write output. Raises nothing, because the connection calls it and is not to blame for a failure."""
        try:
            write(*arguments)
        except (OSError, OperatorError) as failure:
            self._fail(failure)

    def response_received(self, line: bytes, response: Response) -> None:
        """Called for the line of a response."""
        self._write(self._output.line, line)
        if response.refusal is not None:
            self._status = Exit.REFUSED
            self._line_refused = response.id is None
        if not response.more:
            self._open -= 1
        self._payload_left = response.content_length
        self._end_if_done()

    def received(self, data: bytes) -> None:
        """Called for a piece of its payload."""
        self._payload_left -= len(data)
        self._write(self._output.payload, data, self._payload_left)
        self._end_if_done()

    def failed(self, reason: Exception) -> None:
        """Called when the connection ends. It is an error unless QUIT or a bad line did it, or nothing is open."""
        if not self._ended:
            self._ended = True
            expected = self._line_refused or (self._open <= 0 and (self._input_ended or self._has_quit))
            if not expected:
                print_error(str(reason))
                self._status = Exit.UNREACHABLE
            self._end(self._status)

    def _end_if_done(self) -> None:
        if self._input_ended and self._open <= 0 and not self._payload_left and not self._ended:
            self._ended = True
            self._end(self._status)


def _field(line: bytes, name: str) -> object:
    """A field of a typed request; None where it has none, or is no request."""
    try:
        return json.loads(line).get(name)
    except (ValueError, AttributeError, RecursionError):
        return None


def _content_length(line: bytes) -> int:
    """The payload size of a typed request; 0 for a line that the server will refuse."""
    length = _field(line, "content_length")
    return length if isinstance(length, int) and not isinstance(length, bool) and length > 0 else 0
