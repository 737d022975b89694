"""The client's way out: requests and their payloads, in order, no faster than the server reads."""

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
    """What is to be sent over one connection. The transport pauses and resumes it.

    `moved` is called whenever the transport takes more; `broken` with what
    kept a payload from being sent whole: the server waits for bytes that will
    never come, so the connection must end.
    """

    def __init__(self, transport: Any, *, moved: Callable[[], None], broken: Callable[[BaseException], None]) -> None:
        self._transport = transport
        self._moved = moved
        self._broken = broken
        self._waiting: deque[tuple[bytes, IPayload | None, int]] = deque()
        self._room: Deferred[None] | None = None
        self.choked = False
        """Whether the transport takes no more for now."""
        self.streaming = 0
        """The id of the request whose payload is being sent; 0 between such payloads."""

    def send(self, data: bytes, payload: IPayload | None, id: int) -> None:
        """Send `data`, then the payload, behind everything that was sent before."""
        if payload is None and not (self.choked or self.streaming or self._waiting):
            self._write(data)
        else:
            self._waiting.append((data, payload, id))
            self._go_on()

    def stop(self) -> None:
        """Send nothing any more."""
        self._waiting.clear()
        self._transport.unregisterProducer()

    def fail(self, reason: Exception) -> None:
        """The connection is gone: a payload that is being sent ends with `reason`."""
        self._waiting.clear()
        room, self._room = self._room, None
        if room is not None:
            room.errback(reason)

    def pauseProducing(self) -> None:
        """The transport is full."""
        self.choked = True

    def resumeProducing(self) -> None:
        """The transport has room again."""
        self.choked = False
        self._moved()
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)
        self._go_on()

    def stopProducing(self) -> None:
        """The transport is gone; the protocol hears of it by itself."""
        self.choked = True

    def _go_on(self) -> None:
        while self._waiting and not self.choked and not self.streaming:
            data, payload, id = self._waiting.popleft()
            self._write(data)
            if payload is not None:
                self.streaming = id
                Deferred.fromCoroutine(self._stream(payload)).addCallbacks(self._streamed, self._failed)

    def _streamed(self, _: None) -> None:
        self.streaming = 0
        self._go_on()

    def _failed(self, failure: Failure) -> None:
        if failure.value is not None:
            self._broken(failure.value)

    async def _stream(self, payload: IPayload) -> None:
        missing = payload.size
        while piece := await payload.read():
            missing -= len(piece)
            if missing < 0:
                break
            for start in range(0, len(piece), TLS_WRITE):
                if self.choked:
                    self._room = Deferred()
                    await self._room
                self._write(piece[start : start + TLS_WRITE])
        if missing:
            raise Changed("what was being sent changed its size meanwhile")

    def _write(self, data: bytes) -> None:
        """The one place of a running connection that writes to the transport."""
        self._transport.write(data)
