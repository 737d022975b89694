"""A request and what comes back for it, as the protocol sees it: callbacks, for there may be many thousands.

`ResponseStream`, for coroutines, is built on this; so are the transfers, which cannot
afford a coroutine for every small file.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from homeftp.config import PIECE, STREAM_PIECE
from homeftp.errors import Refusal, TooLarge, refusal
from homeftp.interfaces import IPayload
from homeftp.status import Status
from homeftp.wire.messages import Response


class IResponseHandler(Interface):
    """What the protocol tells about one request. Nothing here may raise or block."""

    def responded(response: Response) -> None:
        """A response's line; `response.content_length` bytes of `received` follow before the next."""

    def received(data: bytes) -> None:
        """The next bytes of the last response's payload."""

    def finished() -> None:
        """The last response and all of its payload have arrived."""

    def failed(reason: Exception) -> None:
        """The connection ended first; nothing else is told after that."""


class IListener(Interface):
    """What hears every line of the server, of whatever request."""

    def heard(line: bytes, response: Response) -> None:
        """A response's line, without its ending, and what it says; its payload follows in `received`."""

    def received(data: bytes) -> None:
        """The next bytes of the last response's payload."""

    def failed(reason: Exception) -> None:
        """The connection has ended."""


class Flow(Protocol):
    """What can be told to wait: the connection's incoming side."""

    def pauseProducing(self) -> None:
        """Stop reading."""

    def resumeProducing(self) -> None:
        """Read on."""


@implementer(IPayload)
class ResponseBody:
    """The payload of a response, as an `IPayload`."""

    def __init__(self, size: int, answer: ResponseStream) -> None:
        self.size = size
        self._answer = answer
        self._missing = size
        self._held = 0
        self._pieces: deque[bytes] = deque()

    @property
    def ready(self) -> bool:
        """Whether a reader need not wait: handing over every few bytes would cost more than the bytes do."""
        return self._held >= PIECE or not self._missing

    async def read(self) -> bytes:
        """The next piece, from `config.PIECE` to `config.STREAM_PIECE` bytes; the rest, then b"", at the end.

        What came before the connection broke is given first.
        """
        while not self.ready and not (self._held and self._answer.broken):
            await self._answer.news()
        taken: list[bytes] = []
        size = 0
        while self._pieces and size < STREAM_PIECE:
            piece = self._pieces.popleft()
            if size + len(piece) > STREAM_PIECE:
                self._pieces.appendleft(piece[STREAM_PIECE - size :])
                piece = piece[: STREAM_PIECE - size]
            taken.append(piece)
            size += len(piece)
        self._held -= size
        self._answer.taken(size)
        return b"".join(taken)

    async def read_all(self, limit: int) -> bytes:
        """All of it; raises `TooLarge` (22) over `limit`, and leaves the rest unread."""
        if self.size > limit:
            raise TooLarge(f"the server sends {self.size} bytes; at most {limit} were expected")
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def deliver(self, data: bytes) -> None:
        """The next bytes from the connection."""
        self._missing -= len(data)
        self._held += len(data)
        self._pieces.append(data)


@attrs.frozen
class Part:
    """One response of a request: `more` of them may follow."""

    response: Response
    payload: IPayload

    @property
    def body(self) -> dict[str, Any]:
        """The response's body."""
        return self.response.body


_LINE_COST = 1024
"""What a response's line counts for, beside its payload, in the bytes that wait unread."""


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
            await self.news()
        part = self._parts.popleft()
        self.taken(_LINE_COST)
        refused = refusal_of(part.response)
        if refused is not None:
            raise refused
        self._read = part.payload
        return part

    async def last(self) -> Part:
        """The last response; any before it, and their payloads, are thrown away. Raises refusals."""
        async for part in self:
            if not part.response.more:
                return part
        raise RuntimeError("the answer has been read already")

    def discard(self) -> None:
        """Throw away everything that has not been read, and whatever still comes."""
        self._discarding = True
        self._parts.clear()
        self._held = 0
        self._go_on()

    @property
    def broken(self) -> bool:
        """Whether nothing more will come."""
        return self._failure is not None

    async def news(self) -> None:
        """Wait until something has arrived; raises what ended the connection."""
        if self._failure is not None:
            raise self._failure
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        await waiting

    def taken(self, cost: int) -> None:
        """So many bytes wait no longer."""
        self._held -= cost
        if self._held < STREAM_PIECE:
            self._go_on()

    def responded(self, response: Response) -> None:
        """A line from the protocol."""
        self._current = ResponseBody(response.content_length, self)
        if not self._discarding:
            self._parts.append(Part(response, self._current))
            self._hold(_LINE_COST)
            self._wake()

    def received(self, data: bytes) -> None:
        """Payload from the protocol."""
        if self._current is not None and not self._discarding:
            self._current.deliver(data)
            self._hold(len(data))
            if self._current.ready:
                self._wake()

    def finished(self) -> None:
        """The end, from the protocol."""
        self._ended = True
        self._wake()

    def failed(self, reason: Exception) -> None:
        """The connection's end, from the protocol."""
        self._failure = reason
        self._wake()

    def _hold(self, cost: int) -> None:
        self._held += cost
        if self._held >= STREAM_PIECE and not self._paused:
            self._paused = True
            self._flow.pauseProducing()

    def _go_on(self) -> None:
        if self._paused:
            self._paused = False
            self._flow.resumeProducing()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)


def refusal_of(response: Response) -> Refusal | None:
    """The refusal that a response is, or None."""
    if response.status >= Status.BAD_REQUEST:
        return refusal(response.status, response.message)
    return None
