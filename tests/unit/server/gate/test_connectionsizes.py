"""The sizes of a connection's reads and writes: fewer bytes at once, the more connections there are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MIB, MIN_BUFFER, READ_BUFFER, TLS_WRITE, Limits
from homeftp.crypto.tlsrecords import PART
from homeftp.server.gate.connectionsizes import ConnectionSizes
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.gate.requestmemory import RequestMemory


def part(**sizes: int) -> Any:
    """A part of a connection with sizes that can be set."""
    return SimpleNamespace(**sizes, write_part=None)


class ConnectionSizesTests(SynchronousTestCase):
    """One connection beside others."""

    def setUp(self) -> None:
        self.memory = RequestMemory(Limits(request_memory=16 * MIB))
        self.socket = part(bufferSize=0)
        self.output = part(slice=0)
        self.tls = part(part=0)
        self.sizes = ConnectionSizes(self.memory.connection_memory(), self.socket, self.output)

    def add_connections(self, count: int) -> None:
        """Others connect."""
        for _ in range(count):
            self.memory.connection_memory()

    def test_before_tls(self) -> None:
        """Reads and writes have sizes without TLS, and beneath a TLS that is not this program's."""
        self.sizes.update()
        self.assertEqual(self.socket.bufferSize, READ_BUFFER)
        self.sizes.encrypt(None)
        self.assertEqual(self.socket.bufferSize, READ_BUFFER)

    def test_tls(self) -> None:
        """OpenSSL gets half of a read at once: that is how much memory it keeps for the connection."""
        self.sizes.encrypt(self.tls)
        self.assertEqual(self.tls.part, READ_BUFFER // 2)

    def test_large_pieces(self) -> None:
        """Large pieces reach TLS without a copy; with no TLS, or one that is not this program's, they are copied."""
        transport, parts = StringTransport(), list[memoryview]()
        output = OutputBuffer(
            transport, paused=lambda: None, resumed=lambda: None, failed=lambda failure: failure.raiseException()
        )
        sizes = ConnectionSizes(self.memory.connection_memory(), self.socket, output)
        self.tls.write_part = parts.append
        content = bytes(range(256)) * (2 * TLS_WRITE // 256)
        for tls, copied in ((None, True), (self.tls, False), (None, True)):
            sizes.encrypt(tls)
            self.successResultOf(Deferred.fromCoroutine(output.send(content)))
            sent = [bytes(part) for part in parts if isinstance(part, memoryview) and part.obj is content]
            self.assertEqual((transport.value() == content, b"".join(sent) == content), (copied, not copied))
            transport.clear()
            parts.clear()

    def test_many(self) -> None:
        """A connection among many reads and writes less at once, but never less than OpenSSL needs."""
        self.sizes.encrypt(self.tls)
        self.add_connections(1000)
        self.sizes.update()
        self.assertEqual(self.socket.bufferSize, MIN_BUFFER)
        self.assertEqual(self.output.slice, min(TLS_WRITE, MIN_BUFFER))
        self.assertEqual(self.tls.part, max(PART, MIN_BUFFER // 2))

    def test_large_payload(self) -> None:
        """Twice as much is read at once while a large payload arrives; writes stay as they are."""
        self.sizes.encrypt(self.tls)
        before = self.output.slice, self.tls.part
        self.sizes.update(large=True)
        self.assertEqual(self.socket.bufferSize, 2 * READ_BUFFER)
        self.assertEqual((self.output.slice, self.tls.part), before)
        self.sizes.update()
        self.assertEqual(self.socket.bufferSize, READ_BUFFER)
