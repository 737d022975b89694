"""One SSH channel with an SFTP session in it: what may arrive, and what is sent, no faster than its client reads.

The window is reopened as requests are answered, so that a client cannot make the server hold more than the window. It
is a share of the memory that all channels of the server have.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol, Sequence

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from homeftp.config import KIB
from homeftp.interfaces.usage import Activity

MIN_WINDOW = 64 * KIB
"""Bytes of a window, at least."""

LOCAL_PACKET = 32 * KIB
"""Bytes of data in one message of the client, at most: what OpenSSH's client sends."""

MAX_WINDOW = 2**32 - 1
"""Bytes of a window, at most (RFC 4254, section 5.2)."""

REOPENED_PARTS = 4
"""The part of the window that is reopened at once: a message for each packet would cost more than it gains."""

MOST_PENDING = 256 * KIB
"""Bytes that wait to be sent, at which nothing more is read for the client."""


class ChannelSession(Protocol):
    """The protocol in a channel."""

    @property
    def held(self) -> int:
        """Bytes that have arrived and were not answered."""

    @property
    def partial(self) -> bool:
        """Whether a packet has begun and is not complete."""

    @property
    def busy(self) -> bool:
        """Whether requests are being carried out."""

    def activities(self) -> Sequence[Activity]:
        """The requests that are being carried out, the oldest first."""

    def data_received(self, data: bytes | memoryview) -> None:
        """Bytes from the client, which do not change."""

    def resume(self) -> None:
        """The channel is writable again."""

    def stop(self) -> None:
        """The server stops: begin nothing more."""

    def close(self) -> object:
        """The channel has ended."""


class ChannelTransport(Protocol):
    """The connection, as a channel needs it."""

    @property
    def may_send(self) -> bool:
        """Whether the transport takes more now."""

    def send_data(self, channel: int, parts: list[bytes | memoryview], size: int) -> None:
        """Send data to the client's end of the channel."""

    def reopen(self, channel: int, size: int) -> None:
        """Let the client send so many more bytes."""

    def channel_changed(self, channel: SftpChannel) -> None:
        """More, or less, waits to be sent than before, or the session has nothing more to do."""

    def channel_lost(self, channel: SftpChannel) -> None:
        """The session makes no sense: end the channel."""


class SftpChannel:
    """A channel of a connection; `number` is what the client calls it."""

    def __init__(
        self,
        transport: ChannelTransport,
        number: int,
        *,
        window: int,
        remote_window: int,
        remote_packet: int,
        clock: IReactorTime,
    ) -> None:
        self.number = number
        self.session: ChannelSession | None = None
        self.eof = False
        """Whether the client sends nothing more."""
        self._transport = transport
        self._window = window
        self._left = window
        self._reopened = window // REOPENED_PARTS
        self._remote_window = remote_window
        self._remote_packet = remote_packet
        self._clock = clock
        self._parts: deque[bytes | memoryview] = deque()
        self.pending = 0
        """Bytes that wait to be sent."""
        self._session_waits = False
        """Whether the session was told that the client does not read fast enough."""
        self._flushing: IDelayedCall | None = None

    # -- the session's output ------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether the client reads fast enough."""
        if self.pending < MOST_PENDING and self._transport.may_send:
            return True
        self._session_waits = True
        return False

    def write(self, data: bytes | memoryview) -> None:
        """Send a part of an answer; a part that fills no message waits for `consumed`, which is called after it."""
        self._parts.append(data)
        self.pending += len(data)
        if self.pending >= self._remote_packet:
            self._send(whole=True)

    def consumed(self) -> None:
        """Reopen the window by what was answered, not for every byte; the answers of one turn are sent together."""
        assert self.session is not None
        if self.pending and not self.session.busy:
            self._send(whole=False)  # nothing else is to be answered now
        if self.pending and self._flushing is None:
            self._flushing = self._clock.callLater(0, self._flush)
        used = self._window - self._left
        if used >= self._reopened and not self.eof:
            give = used - self.session.held
            if give >= self._reopened:
                self._left += give
                self._transport.reopen(self.number, give)
        self._transport.channel_changed(self)

    def lose(self) -> None:
        """End the channel."""
        self._transport.channel_lost(self)

    # -- the connection ------------------------------------------------------------------

    def received(self, data: memoryview) -> bool:
        """Data of the client; False where that is more than it may send."""
        size = len(data)
        if size > self._left or size > LOCAL_PACKET or self.eof or self.session is None:
            return False
        self._left -= size
        self.session.data_received(data)
        return True

    def widen(self, size: int) -> bool:
        """The client takes so many more bytes; False where that is more than there can be."""
        self._remote_window += size
        if self._remote_window > MAX_WINDOW:
            return False
        if self.pending or self._session_waits:  # some clients widen it twice for each answer
            self.resume()
        return True

    def resume(self) -> None:
        """The transport, or the client, takes more."""
        self._send(whole=False)
        if self.session is not None and self.writable:
            self._session_waits = False
            self.session.resume()
        self._transport.channel_changed(self)

    def stop(self) -> None:
        """Send nothing more."""
        self._parts.clear()
        self.pending = 0
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None

    def _flush(self) -> None:
        self._flushing = None
        self._send(whole=False)
        self._transport.channel_changed(self)

    def _send(self, *, whole: bool) -> None:
        """Send what may be sent; where only `whole` messages are wanted, the rest stays."""
        while self.pending and self._transport.may_send:
            size = min(self.pending, self._remote_window, self._remote_packet)
            if not size or (whole and size < self._remote_packet):
                return
            self._remote_window -= size
            self._transport.send_data(self.number, self._take(size), size)

    def _take(self, size: int) -> list[bytes | memoryview]:
        taken: list[bytes | memoryview] = []
        self.pending -= size
        if not self.pending:
            taken.extend(self._parts)
            self._parts.clear()
            return taken
        while size:
            part = self._parts.popleft()
            if len(part) > size:
                view = memoryview(part)
                self._parts.appendleft(view[size:])
                part = view[:size]
            taken.append(part)
            size -= len(part)
        return taken
