"""TLS records written together: the same bytes as Twisted's own way, on any size, and through every end."""

from __future__ import annotations

from typing import Any

from twisted.protocols.tls import BufferingTLSTransport
from twisted.trial.unittest import SynchronousTestCase

from homeftp.records import RECORD, RecordsTogether, write_records_together
from tests.client.wire import Wire


class RecordsTests(SynchronousTestCase):
    """Over real TLS in memory."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.wire.secure()
        self.wire.server.heard = b""
        self.layer: Any = self.wire.near.protocol

    def test_taken_on(self) -> None:
        """A transport on which TLS is up is taken on, once; anything else is left alone."""
        self.assertIs(type(self.layer), RecordsTogether)
        write_records_together(self.wire.near)
        write_records_together(object())
        far = self.wire.far.protocol
        self.assertIs(type(far), BufferingTLSTransport)
        write_records_together(far)
        self.assertIs(type(far), RecordsTogether)

    def test_sizes(self) -> None:
        """Any size arrives whole, at a record's borders too, and more than is taken out at once."""
        for size in (0, 1, RECORD - 1, RECORD, RECORD + 1, 5 * RECORD, 70 * RECORD + 3):
            content = bytes(size % 251 for size in range(size))
            self.wire.server.heard = b""
            self.wire.near.write(content)
            self.wire.pump()
            self.assertEqual(self.wire.server.heard, content)

    def test_one_write_below(self) -> None:
        """Many records go down in one write: that is the point. Twisted's own way is the control."""
        for layer, writes in ((self.layer, 1), (self.wire.far.protocol, 8)):
            below: list[int] = []
            self.patch(layer.transport, "write", lambda data, below=below: below.append(len(data)))
            layer.write(bytes(8 * RECORD))
            self.assertEqual(len(below), writes)

    def test_end(self) -> None:
        """After the connection has ended, writing does nothing; a write before the goodbye still arrives."""
        self.wire.near.write(b"goodbye")
        self.wire.client.close()
        self.wire.pump()
        self.assertEqual(self.wire.server.heard, b"goodbye")
        self.assertIsNotNone(self.wire.server.reason)
        self.layer.write(b"too late")
        self.layer._write(b"too late")
        self.wire.pump()

    def test_error(self) -> None:
        """What OpenSSL refuses to encrypt ends the connection with the reason, as Twisted has it."""
        self.layer._tlsConnection.shutdown()
        self.layer._write(b"x")
        self.wire.pump()
        self.assertTrue(self.wire.near.lost)
