"""Output of a connection, no faster than its client reads: writers wait while the transport's buffer is full."""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from homeftp.config import TLS_WRITE

T = TypeVar("T")


class _WritableTransport(Protocol):
    """The methods of a transport that are needed."""

    def write(self, data: bytes) -> None: ...
    def registerProducer(self, producer: Any, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...


@implementer(IPushProducer)
class OutputBuffer:
    """Writes to the transport of one connection, and lets writers wait while its buffer is full.

    The transport pauses and resumes it as any push producer; `paused` and
    `resumed` are called then. `failed` gets the failure of a payload that
    could not be sent whole.
    """

    def __init__(
        self,
        transport: _WritableTransport,
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
        self._idle: set[Deferred[Any]] = set()
        self.paused = False
        self.lost = False
        self.written = 0
        self.write_part: Callable[[memoryview], object] | None = None
        """Writes a part of a payload without a copy of it, where the transport can."""
        self.slice = TLS_WRITE
        """Bytes of a payload that are written at once, at most."""

    def attach(self) -> None:
        """Register with the transport, which from now on tells when its buffer is full."""
        self._attached = True
        self._transport.registerProducer(self, True)

    def detach(self) -> None:
        """Unregister: the last byte has been written, and the transport may close when it is sent."""
        if self._attached:
            self._attached = False
            self._transport.unregisterProducer()

    def write(self, data: bytes) -> None:
        """Write bytes to the transport. Nothing else writes to it after TLS is established."""
        self.written += len(data)
        self._transport.write(data)

    async def ready(self) -> None:
        """Return when the transport takes more; raises `ConnectionLost` when the client has disconnected."""
        if self.paused and not self.lost:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting
        if self.lost:
            raise ConnectionLost("the client disconnected")

    async def send(self, data: bytes) -> None:
        """Write all of it, in pieces of the size that is fastest with TLS, as the client reads; as `ready`."""
        write_part = self.write_part if len(data) > self.slice else None
        view, start = memoryview(data), 0
        while start < len(data):
            await self.ready()
            end = min(start + self.slice, len(data))  # the size changes with the number of connections
            if write_part is None:
                self.write(data[start:end])
            else:
                self.written += end - start
                write_part(view[start:end])
            start = end

    async def wait_idle(self, event: Awaitable[T]) -> T:
        """The result of `event`; it is cancelled, and `ConnectionLost` raised, when the client disconnects."""

        async def wait() -> T:
            return await event

        waiting = Deferred.fromCoroutine(wait())
        self._idle.add(waiting)
        try:
            if self.lost:
                waiting.cancel()
            return await waiting
        except CancelledError:
            raise ConnectionLost("the client disconnected") from None
        finally:
            self._idle.discard(waiting)

    def fail(self, failure: Failure) -> None:
        """A payload ends early: nothing can follow it, because the client still expects the promised bytes."""
        self.lost = True
        self._on_failed(failure)

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self.paused = True
        self._on_paused()

    def resumeProducing(self) -> None:
        """The transport's buffer takes more."""
        self.paused = False
        self._wake_writers()
        self._on_resumed()

    def stopProducing(self) -> None:
        """The connection has ended; all that wait fail."""
        self.lost = True
        self._wake_writers()
        for waiting in list(self._idle):
            waiting.cancel()

    def _wake_writers(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
