"""Two protocols joined in memory, with real TLS: nothing is delivered before `pump` is called.

The transports do what Twisted's TCP transport does for the protocols of both
ends: pause, fill up, start TLS, close and abort.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

BUFFER_SIZE = 64 * 1024
"""Bytes that a transport holds before it pauses its producer, as Twisted's TCP transport does."""


class MemoryTransport:
    """One end's transport. `client` says which end it is in the TLS handshake."""

    def __init__(self, protocol: Any, clock: Clock, *, client: bool) -> None:
        self.protocol = protocol
        """The receiver of the bytes: the protocol, or TLS above it."""
        self.clock = clock
        self.client = client
        self.outgoing: bytes | bytearray = bytearray()
        """Bytes that have not been delivered yet."""
        self._sent: list[bytes] = []
        self.reading = True
        self.closing = False
        self.aborted = False
        self.lost = False
        self.disconnecting = False
        self.producer: Any = None
        self.tls: Any = None

    @property
    def sent(self) -> bytes:
        """Everything that was ever sent, as it went over the wire."""
        return b"".join(self._sent)

    def write(self, data: bytes) -> None:
        """Send bytes, inside TLS where it has begun."""
        if self.tls is None:
            self.write_raw(data)
        else:
            self.tls.write(data)

    def writeSequence(self, data: list[bytes]) -> None:
        """Send several pieces."""
        self.write(b"".join(data))

    def write_raw(self, data: bytes) -> None:
        """Send bytes outside TLS."""
        if self.closing or self.lost:
            return
        self.outgoing += data
        self._sent.append(data)
        if self.producer is not None and len(self.outgoing) > BUFFER_SIZE:
            self.producer.pauseProducing()

    def take(self) -> bytes:
        """Remove the bytes that have not been delivered, and return them."""
        data, self.outgoing = bytes(self.outgoing), bytearray()
        return data

    def startTLS(self, options: Any) -> None:
        """Put TLS between the protocol and this transport."""
        producer, self.producer = self.producer, None
        factory = TLSMemoryBIOFactory(options, self.client, None, self.clock)  # type: ignore[arg-type]
        self.tls = factory.protocol(factory, self.protocol, False)
        self.protocol = self.tls
        self.tls.makeConnection(_BelowTLS(self))
        if producer is not None:
            self.tls.registerProducer(producer, True)

    def getHandle(self) -> Any:
        """The OpenSSL connection."""
        return self.tls.getHandle()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause and resume this producer from now on."""
        if self.tls is None:
            self.producer = producer
        else:
            self.tls.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """Pause and resume none."""
        if self.tls is None:
            self.producer = None
        else:
            self.tls.unregisterProducer()

    def pauseProducing(self) -> None:
        """Deliver nothing to this end's protocol."""
        self.reading = False

    def resumeProducing(self) -> None:
        """Deliver again."""
        self.reading = True

    def loseConnection(self) -> None:
        """Close when everything has been delivered."""
        if self.tls is None:
            self.closing = True
        else:
            self.tls.loseConnection()

    def abortConnection(self) -> None:
        """Close at once, and lose what has not been delivered."""
        self.aborted = self.closing = self.disconnecting = True
        self.outgoing = bytearray()

    def disconnect(self, reason: Exception) -> None:
        """Tell the protocol, once, that the connection is lost."""
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(reason))


class _BelowTLS:
    """A transport as TLS sees it."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport
        self.write = transport.write_raw
        self.pauseProducing = transport.pauseProducing
        self.resumeProducing = transport.resumeProducing
        self.abortConnection = transport.abortConnection

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._transport.producer = producer

    def unregisterProducer(self) -> None:
        self._transport.producer = None

    def loseConnection(self) -> None:
        self._transport.closing = True


class MemoryLink:
    """A connection in memory: `near` is the client's transport, `far` the server's."""

    def __init__(self, client: Any, server: Any, clock: Clock) -> None:
        self.clock = clock
        self.near = MemoryTransport(client, clock, client=True)
        self.far = MemoryTransport(server, clock, client=False)
        server.makeConnection(self.far)
        client.makeConnection(self.near)

    def pump(self, split: int = 0) -> bool:
        """Deliver until nothing moves, `split` bytes at a time or all at once; gives whether anything moved."""
        moved, any_moved = True, False
        while moved:
            self.clock.advance(0)
            moved = self._deliver(self.near, self.far, split)
            moved = self._deliver(self.far, self.near, split) or moved
            any_moved = any_moved or moved
        return any_moved

    def _deliver(self, sender: MemoryTransport, receiver: MemoryTransport, split: int) -> bool:
        moved = False
        if sender.outgoing and receiver.reading and not receiver.lost:
            data = sender.take()
            for start in range(0, len(data), split or len(data)):
                if not receiver.closing:
                    receiver.protocol.dataReceived(data[start : start + (split or len(data))])
            moved = True
            if sender.producer is not None:
                sender.producer.resumeProducing()
        if sender.closing and not sender.outgoing and not (sender.lost and receiver.lost):
            reason = ConnectionLost() if sender.aborted else ConnectionDone()
            sender.disconnect(reason)
            receiver.disconnect(reason)
            moved = True
        return moved

    def cut(self) -> None:
        """Break the connection: both ends see it close, without TLS being closed first."""
        self.near.disconnect(ConnectionDone())
        self.far.disconnect(ConnectionDone())
