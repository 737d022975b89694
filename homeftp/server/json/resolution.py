"""Where a dispatcher's answer goes: to the client, once, when its turn has come, at the client's pace."""

from __future__ import annotations

from typing import Any, Callable, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.config import TLS_WRITE
from homeftp.interfaces import IPayload, IResolution
from homeftp.status import Status
from homeftp.wire.codec import response_line
from homeftp.wire.messages import Identifier


class _Way(Protocol):
    """What an outlet needs of a transport."""

    def write(self, data: bytes) -> None: ...
    def registerProducer(self, producer: Any, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...


@implementer(IPushProducer)
class OutputBuffer:
    """The way out of one connection: says whether the client keeps up, and lets writers wait until it does.

    `resumed` is called when the client has read enough for more; `failed`
    gets the failure of a payload that could not be sent whole. The transport
    pauses and resumes it as any push producer.
    """

    def __init__(
        self,
        transport: _Way,
        *,
        paused: Callable[[], None],
        resumed: Callable[[], None],
        failed: Callable[[Failure], None],
    ) -> None:
        self._transport = transport
        self._on_failed = failed
        self._on_paused = paused
        self._on_resumed = resumed
        self._waiting: list[Deferred[None]] = []
        self._attached = False
        self.paused = False
        self.lost = False
        self.written = 0

    def attach(self) -> None:
        """Let the transport say from now on when its buffer is full."""
        self._attached = True
        self._transport.registerProducer(self, True)

    def detach(self) -> None:
        """The last byte has been written: the transport may close when it has sent it."""
        if self._attached:
            self._attached = False
            self._transport.unregisterProducer()

    def write(self, data: bytes) -> None:
        """Give bytes to the transport; the only place of a running session that does."""
        self.written += len(data)
        self._transport.write(data)

    async def ready(self) -> None:
        """Return when the client keeps up; raises `ConnectionLost` when it has gone."""
        if self.paused and not self.lost:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting
        if self.lost:
            raise ConnectionLost("the client went away")

    def fail(self, failure: Failure) -> None:
        """A payload whose size has been promised ends early: what follows could not be told from it."""
        self.lost = True
        self._on_failed(failure)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self.paused = True
        self._on_paused()

    def resumeProducing(self) -> None:
        """The transport's buffer has room."""
        self.paused = False
        self._release()
        self._on_resumed()

    def stopProducing(self) -> None:
        """The connection has gone; whoever waits learns it."""
        self.lost = True
        self._release()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)


@implementer(IResolution)
class Resolution:
    """The answer to one request. `finished` is called once, when it has been resolved."""

    def __init__(self, id: Identifier, output: OutputBuffer, finished: Callable[[], None]) -> None:
        self._id = id
        self._output = output
        self._finished = finished
        self._turn = False
        self._waiting: list[Deferred[None]] = []
        self._answer: tuple[bytes, IPayload | bytes | None] | None = None
        self.status: Status | int | None = None
        self.written = 0
        """Bytes of this answer that are on their way."""

    @property
    def resolved(self) -> bool:
        """Whether there is an answer."""
        return self._answer is not None

    @property
    def streams(self) -> bool:
        """Whether the answer has a payload that is read as it is sent, perhaps from the request's own."""
        return self._answer is not None and not isinstance(self._answer[1], bytes | None)

    @property
    def waits(self) -> bool:
        """Whether it can do nothing at the moment: the answers before it are not out, or the client does not read."""
        return self._output.paused or (not self._turn and (self.resolved or bool(self._waiting)))

    def reach_head(self) -> None:
        """Every request before this one has been answered."""
        self._turn = True
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(None)

    async def send(self, body: dict[str, Any], message: str = "", payload: IPayload | bytes | None = None) -> None:
        """One interim answer; returns when the next may be sent."""
        if self.resolved:
            raise RuntimeError("the request has been answered already")
        if not self._turn:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting
        await self._output.ready()
        self._write(self._line(Status.OK, message, body, payload, more=True))
        await self._stream(payload)
        await self._output.ready()

    def resolve(
        self, status: int, message: str, body: dict[str, Any] | None = None, payload: IPayload | bytes | None = None
    ) -> None:
        """The answer; it is sent when its turn comes."""
        if self.resolved:
            raise RuntimeError("the request has been answered already")
        self._answer = (self._line(status, message, body, payload, more=False), payload)
        self.status = status
        self._finished()

    def write_answer(self) -> Deferred[None] | None:
        """Send the answer, at its turn; None when that is done, else a Deferred for the end of its payload."""
        assert self._answer is not None
        line, payload = self._answer
        if payload is None:
            self._write(line)
            return None
        if isinstance(payload, bytes) and len(payload) <= TLS_WRITE:
            self._write(line + payload)
            return None
        self._write(line)
        return Deferred.fromCoroutine(self._stream(payload))

    def _line(
        self, status: int, message: str, body: dict[str, Any] | None, payload: IPayload | bytes | None, *, more: bool
    ) -> bytes:
        size = 0 if payload is None else len(payload) if isinstance(payload, bytes) else payload.size
        return response_line(status, message, body, id=self._id, content_length=size, more=more)

    async def _stream(self, payload: IPayload | bytes | None) -> None:
        """The bytes behind a line that has been sent; raises `ConnectionLost` when they cannot be sent whole."""
        if payload is None:
            return
        if isinstance(payload, bytes):
            await self._slices(payload)
            return
        try:
            await self._pieces(payload)
        except ConnectionLost:
            raise
        except Exception as error:
            self._output.fail(Failure())
            raise ConnectionLost("the answer broke off") from error

    async def _pieces(self, payload: IPayload) -> None:
        missing = payload.size
        while piece := await payload.read():
            missing -= len(piece)
            if missing < 0:
                break
            await self._slices(piece)
        if missing:
            raise RuntimeError(f"a payload missed its declared size by {missing} bytes")

    async def _slices(self, data: bytes) -> None:
        """Pieces of the size that TLS is fastest with, as the client reads them."""
        for start in range(0, len(data), TLS_WRITE):
            await self._output.ready()
            self._write(data[start : start + TLS_WRITE])

    def _write(self, data: bytes) -> None:
        self.written += len(data)
        self._output.write(data)
