"""Answers to the client: each is sent once, after all earlier ones, no faster than the client reads."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.config import TLS_WRITE
from homeftp.interfaces import IPayload, IResolution
from homeftp.server.gate.output import OutputBuffer
from homeftp.status import Status
from homeftp.wire.codec import response_line
from homeftp.wire.messages import Identifier

T = TypeVar("T")


@implementer(IResolution)
class Resolution:
    """The answer to one request. `resolved` is called once, when there is an answer."""

    def __init__(self, id: Identifier, output: OutputBuffer, resolved: Callable[[], None]) -> None:
        self._id = id
        self._output = output
        self._on_resolved = resolved
        self._at_head = False
        self._idle = False
        self._waiting: list[Deferred[None]] = []
        self._answer: tuple[bytes, IPayload | bytes | None] | None = None
        self.in_payload = False
        """Whether a payload has been begun and is not sent whole."""
        self.status: Status | int | None = None
        self.written = 0
        """Bytes of this answer that have been written."""

    @property
    def resolved(self) -> bool:
        """Whether there is an answer."""
        return self._answer is not None

    @property
    def held(self) -> int:
        """Bytes of the answer that are in memory."""
        if self._answer is None:
            return 0
        line, payload = self._answer
        return len(line) + (len(payload) if isinstance(payload, bytes) else 0)

    @property
    def streams(self) -> bool:
        """Whether the answer has a payload that is read while it is sent, perhaps from the request's payload."""
        return self._answer is not None and not isinstance(self._answer[1], bytes | None)

    @property
    def is_waiting(self) -> bool:
        """Whether it can make no progress now: it waits for earlier answers, the client or an event."""
        return self._idle or self._output.paused or (not self._at_head and (self.resolved or bool(self._waiting)))

    def reach_head(self) -> None:
        """All earlier requests have been answered: this one may send."""
        self._at_head = True
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    async def turn(self) -> None:
        """Return when all earlier requests have been answered and the client reads; raises `ConnectionLost`."""
        if not self._at_head:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting
        await self._output.ready()

    async def wait_idle(self, event: Awaitable[T]) -> T:
        """The result of `event`, which may never come; raises `ConnectionLost` when the client disconnects."""
        self._idle = True
        try:
            return await self._output.wait_idle(event)
        finally:
            self._idle = False

    async def send(self, body: dict[str, Any], message: str = "", payload: IPayload | bytes | None = None) -> None:
        """Send an interim answer; returns when the next may be sent.

        The first piece of a payload is read before anything is sent: where that raises, the request can be refused.
        """
        if self.resolved:
            raise RuntimeError("the request has been answered already")
        await self.turn()
        piece = b""
        if payload is not None and not isinstance(payload, bytes) and payload.size:
            piece = await payload.read()
            await self._output.ready()
        self._write(self._line(Status.OK, message, body, payload, more=True))
        await self._stream(payload, piece)
        await self._output.ready()

    def resolve(
        self, status: int, message: str, body: dict[str, Any] | None = None, payload: IPayload | bytes | None = None
    ) -> None:
        """Set the answer; it is sent after all earlier ones."""
        if self.resolved:
            raise RuntimeError("the request has been answered already")
        self._answer = (self._line(status, message, body, payload, more=False), payload)
        self.status = status
        self._on_resolved()

    def write_answer(self) -> Deferred[None] | None:
        """Send the answer; gives None when all of it is written, else a Deferred for the end of its payload."""
        assert self._answer is not None
        line, payload = self._answer
        if payload is None:
            self._write(line)
            return None
        if isinstance(payload, bytes) and len(payload) <= TLS_WRITE:
            self._write(line + payload)
            return None
        self._write(line)
        return Deferred.fromCoroutine(self._stream(payload, b""))

    def _line(
        self, status: int, message: str, body: dict[str, Any] | None, payload: IPayload | bytes | None, *, more: bool
    ) -> bytes:
        size = 0 if payload is None else len(payload) if isinstance(payload, bytes) else payload.size
        return response_line(status, message, body, id=self._id, content_length=size, more=more)

    async def _stream(self, payload: IPayload | bytes | None, piece: bytes) -> None:
        """Send a payload of which `piece` has been read; raises `ConnectionLost` when it cannot be sent whole."""
        if payload is None:
            return
        self.in_payload = True
        if isinstance(payload, bytes):
            await self._slices(payload)
            self.in_payload = False
            return
        try:
            await self._pieces(payload, piece)
        except ConnectionLost:
            raise
        except Exception as error:
            self._output.fail(Failure())
            raise ConnectionLost("the payload could not be sent whole") from error
        self.in_payload = False

    async def _pieces(self, payload: IPayload, piece: bytes) -> None:
        missing = payload.size
        while piece or (piece := await payload.read()):
            missing -= len(piece)
            if missing < 0:
                break
            await self._slices(piece)
            piece = b""
        if missing:
            raise RuntimeError(f"a payload missed its declared size by {missing} bytes")

    async def _slices(self, data: bytes) -> None:
        """Write it as the client reads."""
        await self._output.send(data)
        self.written += len(data)

    def _write(self, data: bytes) -> None:
        self.written += len(data)
        self._output.write(data)
