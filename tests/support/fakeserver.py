"""A connection in memory with real TLS, which a test holds both ends of: nothing arrives unless it is pumped.

One end is the client under test, the other a server that does what the test
says, however wrong. It knows how to pause, how to fill up and how to break.
"""

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from homeftp.client.connection.protocol import ClientProtocol
from homeftp.config import ClientTimeouts
from homeftp.crypto import tls
from homeftp.crypto.ca import Identity, open_identity

FULL = 64 * 1024


@lru_cache(maxsize=4)
def identity(which: str) -> Identity:
    """A home's identity; each name has its own."""
    with tempfile.TemporaryDirectory(prefix=f"homeftp-{which}-") as folder:
        return open_identity(folder, now=lambda: datetime.now(timezone.utc))


class End:
    """One end's transport: what Twisted's TCP transport is to a protocol, as far as both ends use it."""

    def __init__(self, protocol: Any, clock: Clock, *, client: bool) -> None:
        self.protocol = protocol
        self.clock = clock
        self.client = client
        self.outgoing = b""
        self.sent = b""
        self.reading = True
        self.closing = False
        self.aborted = False
        self.lost = False
        self.disconnecting = False
        self.producer: Any = None
        self.tls: Any = None

    def write(self, data: bytes) -> None:
        if self.tls is None:
            self.write_raw(data)
        else:
            self.tls.write(data)

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def write_raw(self, data: bytes) -> None:
        if self.closing or self.lost:
            return
        self.outgoing += data
        self.sent += data
        if self.producer is not None and len(self.outgoing) > FULL:
            self.producer.pauseProducing()

    def take(self) -> bytes:
        data, self.outgoing = self.outgoing, b""
        return data

    def startTLS(self, options: Any) -> None:
        producer, self.producer = self.producer, None
        factory = TLSMemoryBIOFactory(options, self.client, None, self.clock)  # type: ignore[arg-type]
        self.tls = factory.protocol(factory, self.protocol, False)
        self.protocol = self.tls
        self.tls.makeConnection(Raw(self))
        if producer is not None:
            self.tls.registerProducer(producer, True)

    def getHandle(self) -> Any:
        return self.tls.getHandle()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self.tls is None:
            self.producer = producer
        else:
            self.tls.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        if self.tls is None:
            self.producer = None
        else:
            self.tls.unregisterProducer()

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def loseConnection(self) -> None:
        if self.tls is None:
            self.closing = True
        else:
            self.tls.loseConnection()

    def abortConnection(self) -> None:
        self.aborted = self.closing = self.disconnecting = True
        self.outgoing = b""

    def end(self, reason: Exception) -> None:
        if not self.lost:
            self.lost = True
            self.protocol.connectionLost(Failure(reason))


class Raw:
    """An end below its TLS layer."""

    def __init__(self, end: End) -> None:
        self.end = end
        self.write = end.write_raw
        self.pauseProducing = end.pauseProducing
        self.resumeProducing = end.resumeProducing
        self.abortConnection = end.abortConnection

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.end.producer = producer

    def unregisterProducer(self) -> None:
        self.end.producer = None

    def loseConnection(self) -> None:
        self.end.closing = True


class EvilServer(Protocol):
    """Does nothing by itself. `heard` is what has arrived, `requests` what of it is whole lines of requests."""

    def __init__(self) -> None:
        self.heard = b""
        self.reason: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.reason = reason

    def take_line(self) -> dict[str, Any]:
        """The next line that has arrived."""
        line, found, self.heard = self.heard.partition(b"\n")
        assert found, f"no whole line has arrived: {line!r}"
        message: dict[str, Any] = json.loads(line)
        return message

    def take_lines(self) -> list[dict[str, Any]]:
        """All the lines that have arrived, with no payload between them."""
        lines = []
        while b"\n" in self.heard:
            lines.append(self.take_line())
        return lines


class Wire:
    """Two protocols that have a connection; `server` is an evil one unless another is given."""

    def __init__(
        self,
        *,
        pinned: str = "home",
        presented: str = "home",
        patience: ClientTimeouts | None = None,
        clock: Clock | None = None,
        server: Any = None,
        options: Any = None,
    ) -> None:
        self.clock = clock or Clock()
        self.identity = identity(presented)
        options = options or tls.client_options(identity(pinned).ca_pem)
        self.client = ClientProtocol(options, self.clock, patience or ClientTimeouts())
        self.server = server or EvilServer()
        self.near = End(self.client, self.clock, client=True)
        self.far = End(self.server, self.clock, client=False)
        self.server.makeConnection(self.far)
        self.client.makeConnection(self.near)

    def pump(self, split: int = 0) -> None:
        """Deliver until nothing moves; `split` bytes at a time, or all at once."""
        moved = True
        while moved:
            self.clock.advance(0)
            moved = self._deliver(self.near, self.far, split)
            moved = self._deliver(self.far, self.near, split) or moved

    def _deliver(self, sender: End, receiver: End, split: int) -> bool:
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
            sender.end(reason)
            receiver.end(reason)
            moved = True
        return moved

    def say(self, line: dict[str, Any] | bytes, payload: bytes = b"") -> None:
        """The server says a line."""
        data = line if isinstance(line, bytes) else json.dumps(line).encode()
        self.far.write(data + b"\n" + payload)

    def secure(self, split: int = 0) -> None:
        """Go through STARTTLS and the handshake as a good server does."""
        self.pump()
        assert self.server.take_line() == {"request_type": "STARTTLS"}
        self.say({"status": 0, "message": "go ahead"})
        self.far.startTLS(tls.server_options(self.identity))
        self.pump(split)

    def cut(self) -> None:
        """The connection breaks: a FIN without close_notify."""
        self.near.end(ConnectionDone())
        self.far.end(ConnectionDone())
