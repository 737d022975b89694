"""TLS records moved together: the same bytes as Twisted's own way, on any size, and through every end."""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Error, WantReadError
from twisted.protocols.tls import BufferingTLSTransport
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import READ_BUFFER
from homeftp.crypto import tls
from homeftp.crypto.tlsrecords import PART, RECORD, GroupedTLSTransport, group_records
from tests.support.fakeserver import Wire, client_options, server_options

SENT = 64 * RECORD
"""Bytes of plaintext that are sent at once."""


def sent_at_once(wire: Wire) -> list[int]:
    """How much each call to OpenSSL takes when the client writes eight records."""
    connection = wire.near.protocol._tlsConnection
    taken: list[int] = []

    class Counting:
        bio_read = connection.bio_read

        def send(self, data: memoryview) -> int:
            taken.append(connection.send(data))
            return taken[-1]

    wire.near.protocol._tlsConnection = Counting()
    wire.near.protocol.write(bytes(8 * RECORD))
    wire.near.protocol._tlsConnection = connection
    return taken


class Watched:
    """An OpenSSL connection; `most` is what it has held of one direction's bytes, at most."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.most = self._held = 0

    def send(self, data: memoryview) -> int:
        return self._hold(self.connection.send(data))

    def bio_write(self, data: bytes) -> int:
        return self._hold(self.connection.bio_write(data))

    def bio_read(self, size: int) -> bytes:
        data: bytes = self.connection.bio_read(size)
        if len(data) < size:
            self._held = 0  # all has been taken
        return data

    def recv(self, size: int) -> bytes:
        try:
            data: bytes = self.connection.recv(size)
        except WantReadError:
            self._held = 0
            raise
        return data

    def _hold(self, size: int) -> int:
        self._held += size
        self.most = max(self.most, self._held)
        return size


class RecordsTests(SynchronousTestCase):
    """Over real TLS in memory."""

    def setUp(self) -> None:
        self.wire = Wire()
        self.wire.secure()
        self.wire.server.heard = b""
        self.layer: Any = self.wire.near.protocol
        self.assertEqual(self.layer.part, READ_BUFFER, "the client's own")
        self.layer.part = PART

    def test_taken_on(self) -> None:
        """A transport on which TLS is up is taken on, once; anything else is left alone."""
        self.assertIs(type(self.layer), GroupedTLSTransport)
        group_records(self.wire.near)
        group_records(object())
        far = self.wire.far.protocol
        self.assertIs(type(far), BufferingTLSTransport)
        group_records(far)
        self.assertIs(type(far), GroupedTLSTransport)

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

    def test_part_in_order(self) -> None:
        """A part that is written without a copy comes behind what was written before, which waits for more."""
        self.wire.near.write(b"small")
        self.layer.write_part(memoryview(b"large"))
        self.wire.near.write(b"last")
        self.wire.pump()
        self.assertEqual(self.wire.server.heard, b"smalllargelast")

    def test_few_calls(self) -> None:
        """A call encrypts a part of several records. As pyOpenSSL makes a context, the control, it takes one record."""
        self.assertEqual(sent_at_once(self.wire), 8 * RECORD // PART * [PART])
        self.patch(tls, "whole_writes", lambda context: None)
        for options in (client_options, server_options):  # those that are made already take whole writes
            options.cache_clear()
            self.addCleanup(options.cache_clear)
        wire = Wire()
        wire.secure()
        self.assertEqual(sent_at_once(wire), 8 * [RECORD])

    def test_small_buffers(self) -> None:
        """OpenSSL's buffers, which never shrink, hold one part at a time. Twisted's own reading is the control."""
        reader = self.wire.far.protocol
        self.assertEqual(self.held_while_sent(self.layer), PART)
        self.assertGreater(self.held_while_sent(reader), SENT)
        group_records(self.wire.far)
        self.assertEqual(self.held_while_sent(reader), PART)

    def test_part(self) -> None:
        """The owner of a connection decides how large a part is; both directions follow."""
        self.layer.part = 4 * PART
        self.assertEqual(self.held_while_sent(self.layer), 4 * PART)
        self.assertEqual(sent_at_once(self.wire), [8 * RECORD])
        self.wire.pump()
        reader = group_records(self.wire.far)
        assert reader is not None
        reader.part = 2 * PART
        self.assertEqual(self.held_while_sent(reader), 2 * PART)

    def test_layer(self) -> None:
        """The layer that groups is given; what cannot, and what does already, gives none."""
        self.assertIs(group_records(self.wire.far), self.wire.far.protocol)
        self.assertIs(group_records(self.wire.far), None)
        self.assertIs(group_records(object()), None)

    def held_while_sent(self, layer: Any) -> int:
        """What OpenSSL has held at most, at one end, while the client sent many bytes in one piece."""
        watched = Watched(layer._tlsConnection)
        layer._tlsConnection = watched
        self.wire.server.heard = b""
        self.layer.write(bytes(SENT))
        self.wire.pump()
        self.assertEqual(len(self.wire.server.heard), SENT)
        layer._tlsConnection = watched.connection
        return watched.most

    def test_one_delivery(self) -> None:
        """The records of one read are delivered in one piece. Twisted's own way is the control: one by one."""
        for together, deliveries in ((False, 8), (True, 1)):
            if together:
                group_records(self.wire.far)
            came: list[int] = []
            self.patch(self.wire.server, "dataReceived", lambda data, came=came: came.append(len(data)))
            self.layer.write(bytes(8 * RECORD))
            self.wire.pump()
            self.assertEqual((len(came), sum(came)), (deliveries, 8 * RECORD))

    def test_end_behind_content(self) -> None:
        """Data in front of the other end's goodbye, in the same read, is delivered before the end."""
        group_records(self.wire.far)
        self.wire.near.write(b"goodbye")
        self.wire.client.close()
        self.wire.pump()
        self.assertEqual(self.wire.server.heard, b"goodbye")
        self.assertIsNotNone(self.wire.server.reason)

    def test_error_behind_content(self) -> None:
        """A record that was tampered with ends the connection; what came whole before it is delivered."""
        group_records(self.wire.far)
        far = self.wire.far.protocol
        written: list[bytes] = []
        self.patch(self.layer.transport, "write", written.append)
        self.layer._write(b"whole")
        self.layer._write(b"tampered with")
        cipher = b"".join(written)
        far.dataReceived(cipher[:-1] + bytes([cipher[-1] ^ 1]))
        self.assertEqual(self.wire.server.heard, b"whole")
        self.assertTrue(far._lostTLSConnection)
        self.assertTrue(far._reason.check(Error))

    def test_aborted(self) -> None:
        """After an abort nothing is delivered any more."""
        group_records(self.wire.far)
        self.layer.write(b"too late")
        self.wire.far.protocol._aborted = True
        self.wire.pump()
        self.assertEqual(self.wire.server.heard, b"")

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
        """A failed encryption ends the connection with the reason, as in Twisted."""
        self.layer._tlsConnection.shutdown()
        self.layer._write(b"x")
        self.wire.pump()
        self.assertTrue(self.wire.near.lost)
