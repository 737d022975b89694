"""`homeftp raw`: type requests to a server as JSON and see its answers, after TLS and login.

Lines go out as they are typed, and come back as they are. A line with a
`content_length` is followed by so many bytes of standard input.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from typing import TYPE_CHECKING, Any, Callable

from homeftp.cli.completion import SERVERS, completes
from homeftp.cli.connect.operands import operand
from homeftp.cli.connect.session import with_remote
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cli.terminal.output import shown
from homeftp.errors import OperatorError

if TYPE_CHECKING:
    from homeftp.client import Client
    from homeftp.client.transfer.model import TransferContext
    from homeftp.wire.messages import Response

_SHOWN_PAYLOAD = 4096
"""Bytes of text that are shown at a terminal; of more, and of what is no text, only how much it is."""

_TYPED_AHEAD = 16
"""Pieces of standard input that wait for the server, at most."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The server."""
    parser.epilog = (
        'Try {"request_type": "HELLO"} and {"request_type": "GET", "body": {"rel_endpoint": ""}}. At a terminal '
        "answers are laid out and binary content is not shown; piped, every byte is as it came. "
        f"{parser.epilog or ''}"
    )
    completes(parser.add_argument("name", metavar="NAME", help="a known server (homeftp remote list)"), SERVERS)


def run(options: argparse.Namespace) -> int:
    """Talk to it until standard input ends and all is answered."""
    place = operand(options.name)
    name = place.remote or place.path
    if place.remote is not None and place.path:
        raise OperatorError(f"raw takes a server's name alone: homeftp raw {name}")

    async def work(reactor: Any, client: Client, tools: TransferContext) -> int:
        from twisted.internet.defer import Deferred

        ended: Deferred[int | Exception] = Deferred()
        if sys.stdin.isatty():
            print(f"logged in to {name}: one JSON object a line; Ctrl-D ends", file=sys.stderr)
        screen: Screen = Laid(sys.stdout.buffer) if sys.stdout.isatty() else Screen(sys.stdout.buffer)
        talk = RawSession(client, screen, ended.callback)
        threading.Thread(target=talk.read, args=(sys.stdin.buffer, reactor.callFromThread), daemon=True).start()
        how = await ended
        if isinstance(how, Exception):
            raise how
        return how

    return with_remote(name, work)


class Screen:
    """Where a pipe reads answers: byte for byte."""

    def __init__(self, output: Any) -> None:
        self._output = output

    def line(self, line: bytes) -> None:
        """A response."""
        self.write(line + b"\n")

    def payload(self, data: bytes, rest: int) -> None:
        """Bytes that follow it; `rest` more will come."""
        self.write(data)

    def write(self, data: bytes) -> None:
        """Show something, now."""
        self._output.write(data)
        self._output.flush()


class Laid(Screen):
    """Where a person reads them."""

    def __init__(self, output: Any) -> None:
        super().__init__(output)
        self._kept = b""
        self._size = 0

    def line(self, line: bytes) -> None:
        """A response, laid out."""
        laid = json.dumps(json.loads(line), indent=2, ensure_ascii=False)
        self.write("".join(f"{shown(each)}\n" for each in laid.split("\n")).encode("utf-8", "backslashreplace"))

    def payload(self, data: bytes, rest: int) -> None:
        """Text if it is short, the size of anything else."""
        self._size += len(data)
        if self._size <= _SHOWN_PAYLOAD:
            self._kept += data
        if rest:
            return
        text = None
        if self._size <= _SHOWN_PAYLOAD:
            try:
                text = self._kept.decode()
            except UnicodeDecodeError:
                text = None
        if text is None:
            self.write(f"({self._size} bytes)\n".encode())
        else:
            self.write("".join(f"{shown(each)}\n" for each in text.splitlines()).encode())
        self._kept, self._size = b"", 0


class TypedInput:
    """The bytes that follow a typed line, as they come from standard input."""

    def __init__(self, size: int) -> None:
        from twisted.internet.defer import DeferredQueue

        self.size = size
        self._queue: Any = DeferredQueue()
        self._room = threading.Semaphore(_TYPED_AHEAD)

    def wait(self) -> None:
        """In the thread that reads: wait until the server has taken enough."""
        self._room.acquire()

    def put(self, data: bytes) -> None:
        """The next bytes; b"" when there are no more."""
        self._queue.put(data)

    async def read(self) -> bytes:
        """The next bytes."""
        data: bytes = await self._queue.get()
        self._room.release()
        return data

    async def read_all(self, limit: int) -> bytes:
        """Never asked for."""
        raise NotImplementedError


class RawSession:
    """Standard input to the server, and its answers to the screen.

    `end` is called with the exit status, or with why nothing can be read or shown any more.
    """

    def __init__(self, client: Client, screen: Screen, end: Callable[[int | Exception], None]) -> None:
        from zope.interface import directlyProvides

        from homeftp.client.connection.response import IListener

        directlyProvides(self, IListener)
        self._protocol = client.protocol
        self._screen = screen
        self._end = end
        self._open = 0
        self._missing = 0
        self._typed_all = False
        self._status = Exit.DONE
        self._ended = False
        client.protocol.hand_over(self)  # type: ignore[arg-type]

    def read(self, source: Any, call: Callable[..., None]) -> None:
        """In a thread: lines from `source`, and the bytes that follow them, each given to the reactor by `call`."""
        try:
            self._read(source, call)
        except (OSError, OperatorError) as failure:
            call(self._fail, failure)
        else:
            call(self._finish)

    def _read(self, source: Any, call: Callable[..., None]) -> None:
        for line in iter(source.readline, b""):
            line = line.rstrip(b"\r\n")
            if not line:
                continue
            length = _content_length(line)
            payload = TypedInput(length) if length else None
            call(self._send, line, payload)
            while payload is not None and length:
                payload.wait()
                data = source.read(min(length, 65536))
                length -= len(data)
                call(payload.put, data)
                if not data:
                    break
            if payload is not None:
                call(payload.put, b"")

    def _send(self, line: bytes, payload: TypedInput | None) -> None:
        if self._ended:
            return
        self._open += 1
        self._protocol.transmit(line, payload)  # type: ignore[arg-type]

    def _fail(self, failure: Exception) -> None:
        """This side can go on no more."""
        if not self._ended:
            self._ended = True
            self._end(failure)

    def _show(self, show: Callable[..., None], *what: Any) -> None:
        """Show something; called in the middle of what the connection does, which is not to blame for a failure."""
        try:
            show(*what)
        except (OSError, OperatorError) as failure:
            self._fail(failure)

    def _finish(self) -> None:
        """Standard input has ended: all that is open is still waited for."""
        self._typed_all = True
        self._end_if_done()

    def heard(self, line: bytes, response: Response) -> None:
        """A response."""
        from homeftp.client.connection.response import settled

        self._show(self._screen.line, line)
        if settled(response) is not None:
            self._status = Exit.REFUSED
        if not response.more:
            self._open -= 1
        self._missing = response.content_length
        self._end_if_done()

    def received(self, data: bytes) -> None:
        """What follows it."""
        self._missing -= len(data)
        self._show(self._screen.payload, data, self._missing)
        self._end_if_done()

    def failed(self, reason: Exception) -> None:
        """The server has hung up: that is its right after a last answer."""
        if not self._ended:
            self._ended = True
            if self._open > 0:
                print(f"homeftp: {shown(str(reason))}", file=sys.stderr)
                self._status = Exit.UNREACHABLE
            self._end(self._status)

    def _end_if_done(self) -> None:
        if self._typed_all and self._open <= 0 and not self._missing and not self._ended:
            self._ended = True
            self._end(self._status)


def _content_length(line: bytes) -> int:
    """How many bytes follow a typed line; 0 for what the server will refuse."""
    try:
        length = json.loads(line).get("content_length", 0)
    except (ValueError, AttributeError, RecursionError):
        return 0
    return length if isinstance(length, int) and not isinstance(length, bool) and length > 0 else 0
