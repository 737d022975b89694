"""Sends requests and their payloads, in order, no faster than the server reads."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.client.connection.pacing import Pacer
from homeftp.config import TLS_WRITE
from homeftp.errors import Changed
from homeftp.interfaces import IPayload


@implementer(IPushProducer)
class Sender:
    """Sends over one connection. The transport pauses and resumes it.

    `progressed` is called whenever the transport takes more, and `failed` with
    the reason when a payload cannot be sent whole: the server waits for bytes
    that will never come, so the connection must end.
    """

    def __init__(
        self, transport: Any, *, progressed: Callable[[], None], failed: Callable[[BaseException], None]
    ) -> None:
        self._transport = transport
        self._progressed = progressed
        self._failed = failed
        self._queue: deque[tuple[bytes, IPayload | None, int]] = deque()
        self._resumed: Deferred[None] | None = None
        self.paused = False
        """Whether the transport takes no more for now."""
        self._pacer: Pacer | None = None
        self.streaming = 0
        """The id of the request whose payload is being sent; 0 where there is none."""

    def limit(self, clock: IReactorTime, rate: float) -> None:
        """From now on send at most `rate` bytes a second."""
        self._pacer = Pacer(clock, rate, self._go_on)

    @property
    def _is_held(self) -> bool:
        """Whether nothing may be written for now."""
        return self.paused or (self._pacer is not None and self._pacer.is_waiting)

    def send(self, data: bytes, payload: IPayload | None, id: int) -> None:
        """Send `data`, then the payload, behind everything that was sent before."""
        if payload is None and len(data) > self._step:
            data, payload = b"", _BytesPayload(data)
        if payload is None and not (self._is_held or self.streaming or self._queue):
            self._write(data)
        else:
            self._queue.append((data, payload, id))
            self._send_queued()

    def stop(self) -> None:
        """Send nothing more."""
        self._queue.clear()
        if self._pacer is not None:
            self._pacer.stop()
        self._transport.unregisterProducer()

    def fail(self, reason: Exception) -> None:
        """The connection has ended: a payload that waits to be sent fails with `reason`."""
        self._queue.clear()
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            resumed.errback(reason)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self.paused = True

    def resumeProducing(self) -> None:
        """The transport takes more again."""
        self.paused = False
        self._go_on()

    def stopProducing(self) -> None:
        """The transport is closed; the protocol is notified separately."""
        self.paused = True

    @property
    def _step(self) -> int:
        """Bytes of a payload that are written at once, at most."""
        return TLS_WRITE if self._pacer is None else min(TLS_WRITE, self._pacer.step)

    def _go_on(self) -> None:
        """Write what waits, where nothing holds it any more."""
        self._progressed()
        if self._is_held:
            return
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            resumed.callback(None)
        self._send_queued()

    def _send_queued(self) -> None:
        while self._queue and not self._is_held and not self.streaming:
            data, payload, id = self._queue.popleft()
            self._write(data)
            if payload is not None:
                self.streaming = id
                Deferred.fromCoroutine(self._stream(payload)).addCallbacks(self._streamed, self._stream_failed)

    def _streamed(self, _: None) -> None:
        self.streaming = 0
        self._send_queued()

    def _stream_failed(self, failure: Failure) -> None:
        if failure.value is not None:
            self._failed(failure.value)

    async def _stream(self, payload: IPayload) -> None:
        missing = payload.size
        while piece := await payload.read():
            missing -= len(piece)
            if missing < 0:
                break
            step = self._step
            for start in range(0, len(piece), step):
                if self._is_held:
                    self._resumed = Deferred()
                    await self._resumed
                self._write(piece[start : start + step])
        if missing:
            raise Changed("the file changed its size while it was sent: try again")

    def _write(self, data: bytes) -> None:
        """Write to the transport; nothing else does while a connection is in use."""
        self._transport.write(data)
        if self._pacer is not None:
            self._pacer.spend(len(data))


@implementer(IPayload)
class _BytesPayload:
    """Bytes in memory, as a payload."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data

    async def read(self) -> bytes:
        """All of it, then b""."""
        data, self._data = self._data, b""
        return data

    async def read_all(self, limit: int) -> bytes:
        """All of it: it is no larger than what was given."""
        return await self.read()
