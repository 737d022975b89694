"""How much a connection reads and writes at once: less, the more connections there are."""

from __future__ import annotations

from typing import Any

from homeftp.config import TLS_WRITE
from homeftp.crypto.tlsrecords import PART, GroupedTLSTransport
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.gate.requestmemory import ConnectionMemory


class ConnectionSizes:
    """The sizes of one connection: of its reads from `socket`, of its records of TLS, and of its writes to `output`."""

    def __init__(self, memory: ConnectionMemory, socket: Any, output: OutputBuffer) -> None:
        self._memory = memory
        self._socket = socket
        self._output = output
        self._tls: GroupedTLSTransport | None = None

    def encrypt(self, tls: GroupedTLSTransport | None) -> None:
        """TLS is established; None where something else than this program does it."""
        self._tls = tls
        self._output.write_part = None if tls is None else tls.write_part
        self.update()

    def update(self, *, large: bool = False) -> None:
        """Set the sizes by the connection's share. OpenSSL gets half of a read at once, and keeps three times that.

        `large`: a large payload arrives, and twice as much is read at once.
        """
        buffer = self._memory.buffer
        self._socket.bufferSize = 2 * buffer if large else buffer
        self._output.slice = min(TLS_WRITE, buffer)
        if self._tls is not None:
            self._tls.part = max(PART, buffer // 2)
