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

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from homeftp.client.connection.protocol import ClientProtocol
from homeftp.config import ClientTimeouts
from homeftp.crypto import tls
from homeftp.crypto.ca import Identity, open_identity
from homeftp.testing.memorylink import MemoryLink


@lru_cache(maxsize=4)
def identity(which: str) -> Identity:
    """A home's identity; each name has its own."""
    with tempfile.TemporaryDirectory(prefix=f"homeftp-{which}-") as folder:
        return open_identity(folder, now=lambda: datetime.now(timezone.utc))


@lru_cache(maxsize=4)
def client_options(which: str) -> Any:
    """The TLS options of a client of that home: one object for all its connections, as it takes a while to make."""
    return tls.client_options(identity(which).ca_pem)


@lru_cache(maxsize=4)
def server_options(which: str) -> Any:
    """Those of its server."""
    return tls.server_options(identity(which))


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


class Wire(MemoryLink):
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
        client: ClientProtocol | None = None,
    ) -> None:
        clock = clock or Clock()
        self.identity = identity(presented)
        self._presented = presented
        options = options or client_options(pinned)
        self.client = client or ClientProtocol(options, clock, patience or ClientTimeouts())
        self.server = server or EvilServer()
        super().__init__(self.client, self.server, clock)

    def say(self, line: dict[str, Any] | bytes, payload: bytes = b"") -> None:
        """The server says a line."""
        data = line if isinstance(line, bytes) else json.dumps(line).encode()
        self.far.write(data + b"\n" + payload)

    def secure(self, split: int = 0) -> None:
        """Go through STARTTLS and the handshake as a good server does."""
        self.pump()
        assert self.server.take_line() == {"request_type": "STARTTLS"}
        self.say({"status": 0, "message": "go ahead"})
        self.far.startTLS(server_options(self._presented))
        self.pump(split)
