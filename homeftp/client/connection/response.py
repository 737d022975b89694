"""The responses to one request: as callbacks for the protocol, and as a stream for coroutines.

`ResponseStream`, for coroutines, is built on this; so are the transfers, which cannot
afford a coroutine for every small file.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from zope.interface import Interface, implementer

from homeftp.client.errors import ConnectionFailed
from homeftp.config import MOST_DISCARDED, PIECE, STREAM_PIECE
from homeftp.errors import TooLarge, counted
from homeftp.interfaces import IPayload
from homeftp.wire.messages import Response
from homeftp.workers.pieces import PieceQueue


class IResponseHandler(Interface):
    """Gets the responses to one request from the protocol. No method may raise or block."""

    def responded(response: Response) -> None:
        """A response's line was received; its payload follows in calls of `received`."""

    def received(data: bytes) -> None:
        """The next bytes of the last response's payload."""

    def finished() -> None:
        """The last response and all of its payload have been received."""

    def failed(reason: Exception) -> None:
        """The connection ended before that. Nothing is called afterwards."""


class IListener(Interface):
    """Gets every line of the server, whatever request it answers."""

    def response_received(line: bytes, response: Response) -> None:
        """A response's line was received, here without its ending; its payload follows in calls of `received`."""

    def received(data: bytes) -> None:
        """The next bytes of the last response's payload."""

    def failed(reason: Exception) -> None:
        """The connection has ended."""


class Flow(Protocol):
    """The incoming side of a connection, which can be paused."""

    def pauseProducing(self) -> None:
        """Stop reading."""

    def resumeProducing(self) -> None:
        """Read again."""

    def abort(self, reason: Exception) -> None:
        """End the connection at once."""


@implementer(IPayload)
class ResponseBody:
    """The payload of a response, as an `IPayload`."""

    def __init__(self, size: int, answer: ResponseStream) -> None:
        self.size = size
        self._answer = answer
        self._missing = size
        self._pieces = PieceQueue()

    @property
    def ready(self) -> bool:
        """Whether a reader need not wait: there is a whole piece, or the rest."""
        return self._pieces.size >= PIECE or not self._missing

    @property
    def missing(self) -> int:
        """Bytes that have not arrived."""
        return self._missing

    async def read(self) -> bytes:
        """The next piece, from `config.PIECE` to `config.STREAM_PIECE` bytes; the rest, then b"", at the end.

        What came before the connection broke is given first.
        """
        while not self.ready and not (self._pieces.size and self._answer.broken):
            await self._answer.wait_for_data()
        data = self._pieces.take(STREAM_PIECE)
        self._answer.taken(len(data))
        return data

    async def read_all(self, limit: int) -> bytes:
        """The whole payload; raises `TooLarge` (22) over `limit`, and leaves the rest unread."""
        if self.size > limit:
            raise TooLarge(f"the server sends {counted(self.size, 'byte')}; at most {limit:,} were expected")
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def deliver(self, data: bytes) -> None:
        """The next bytes from the connection."""
        self._missing -= len(data)
        self._pieces.append(data)


class Part(msgspec.Struct, frozen=True):
    """One response of a request: `more` of them may follow."""

    response: Response
    payload: IPayload

    @property
    def body(self) -> dict[str, Any]:
        """The response's body."""
        return self.response.body


_LINE_COST = 1024
"""Bytes that a response's line counts for, besides its payload, while it waits to be read."""


@implementer(IResponseHandler)
class ResponseStream:
    """The responses of one request, in order: iterate over it with `async for`, or await `last()`.

    A response that refuses raises its refusal, a lost connection
    `ConnectionFailed`. The payload of a response is gone when the next one is
    asked for. What is not read holds up the whole connection after a
    megabyte: read it to the end, or `discard()` it.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._parts: deque[Part] = deque()
        self._current: ResponseBody | None = None
        self._read: IPayload | None = None
        self._held = 0
        self._paused = False
        self._ended = False
        self._discarding = False
        self._failure: Exception | None = None
        self._waiting: list[Deferred[None]] = []

    def __aiter__(self) -> ResponseStream:
        return self

    async def __anext__(self) -> Part:
        while self._read is not None and await self._read.read():
            pass
        while not self._parts:
            if self._failure is not None:
                raise self._failure
            if self._ended:
                raise StopAsyncIteration
            await self.wait_for_data()
        part = self._parts.popleft()
        self.taken(_LINE_COST)
        refused = part.response.refusal
        if refused is not None:
            raise refused
        self._read = part.payload
        return part

    async def last(self) -> Part:
        """The last response; earlier ones and their payloads are discarded. Raises refusals."""
        async for part in self:
            if not part.response.more:
                return part
        raise RuntimeError("the answer has been read already")

    def discard(self) -> None:
        """Discard everything that has not been read, and everything that still arrives.

        Where that is too much the connection ends.
        """
        self._discarding = True
        self._parts.clear()
        self._held = 0
        self._resume()
        if self._current is not None and not self._ended:
            self._check_discarded(self._current.missing)

    def _check_discarded(self, size: int) -> None:
        """End the connection where too much would have to be read only to be discarded."""
        if size > MOST_DISCARDED:
            self._flow.abort(ConnectionFailed("the rest of a large file is no longer needed"))

    @property
    def broken(self) -> bool:
        """Whether the connection has ended, so that nothing more arrives."""
        return self._failure is not None

    async def wait_for_data(self) -> None:
        """Wait until something arrives; raises the reason when the connection ends.

        When the wait is cancelled, the rest of the answer is discarded: it would hold up the answers behind it.
        """
        if self._failure is not None:
            raise self._failure
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        try:
            await waiting
        except CancelledError:
            self.discard()
            raise

    def taken(self, cost: int) -> None:
        """Count so many bytes as read."""
        self._held -= cost
        if self._held < STREAM_PIECE:
            self._resume()

    def responded(self, response: Response) -> None:
        """A response's line was received."""
        self._current = ResponseBody(response.content_length, self)
        if self._discarding:
            self._check_discarded(response.content_length)
        else:
            self._parts.append(Part(response, self._current))
            self._hold(_LINE_COST)
            self._wake()

    def received(self, data: bytes) -> None:
        """Payload was received."""
        if self._current is not None and not self._discarding:
            self._current.deliver(data)
            self._hold(len(data))
            if self._current.ready:
                self._wake()

    def finished(self) -> None:
        """The request has been answered."""
        self._ended = True
        self._wake()

    def failed(self, reason: Exception) -> None:
        """The connection has ended."""
        self._failure = reason
        self._wake()

    def _hold(self, cost: int) -> None:
        self._held += cost
        if self._held >= STREAM_PIECE and not self._paused:
            self._paused = True
            self._flow.pauseProducing()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self._flow.resumeProducing()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
