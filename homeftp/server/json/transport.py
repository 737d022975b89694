"""The transports of the JSON front end's connections, beyond the names in Twisted's interfaces."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.interfaces import IOpenSSLServerConnectionCreator


class BufferedTransport(Protocol):
    """A transport whose reads have a size."""

    bufferSize: int
    """Bytes that it reads at once."""

    def pauseProducing(self) -> None:
        """Read nothing for now."""

    def resumeProducing(self) -> None:
        """Read on."""

    def abortConnection(self) -> None:
        """Close at once."""


class ConnectionTransport(BufferedTransport, Protocol):
    """The transport of a connection: TCP or a local socket, before or inside TLS."""

    SEND_LIMIT: int

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def startTLS(self, contextFactory: IOpenSSLServerConnectionCreator) -> None:
        """Begin the TLS handshake."""

    def getHandle(self) -> Any:
        """The OpenSSL connection, once TLS has begun; None when it is lost."""

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Pause and resume this producer as the buffer fills and drains."""

    def unregisterProducer(self) -> None:
        """Pause and resume none."""

    def loseConnection(self) -> None:
        """Close when everything is sent."""
