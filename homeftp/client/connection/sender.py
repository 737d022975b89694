"""What the client sends: requests and their payloads, in order, no faster than the server reads."""

from __future__ import annotations

from collections import deque
from typing import Any, Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

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
        self.streaming = 0
        """The id of the request whose payload is being sent; 0 where there is none."""

    def send(self, data: bytes, payload: IPayload | None, id: int) -> None:
        """Send `data`, then the payload, behind everything that was sent before."""
        if payload is None and not (self.paused or self.streaming or self._queue):
            self._write(data)
        else:
            self._queue.append((data, payload, id))
            self._send_queued()

    def stop(self) -> None:
        """Send nothing more."""
        self._queue.clear()
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
        self._progressed()
        resumed, self._resumed = self._resumed, None
        if resumed is not None:
            resumed.callback(None)
        self._send_queued()

    def stopProducing(self) -> None:
        """The transport is closed; the protocol is notified separately."""
        self.paused = True

    def _send_queued(self) -> None:
        while self._queue and not self.paused and not self.streaming:
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
            for start in range(0, len(piece), TLS_WRITE):
                if self.paused:
                    self._resumed = Deferred()
                    await self._resumed
                self._write(piece[start : start + TLS_WRITE])
        if missing:
            raise Changed("the file changed its size while it was sent: try again")

    def _write(self, data: bytes) -> None:
        """Write to the transport; nothing else does while a connection is in use."""
        self._transport.write(data)
