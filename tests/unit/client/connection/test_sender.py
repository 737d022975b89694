"""Sending: in order, no faster than the transport takes it, and payloads whole or not at all."""

from __future__ import annotations

from twisted.internet.interfaces import IPushProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.client.connection.sender import Sender
from homeftp.client.errors import ConnectionFailed
from homeftp.config import STREAM_PIECE, TLS_WRITE
from homeftp.errors import Changed
from tests.support.exchanges import ConnectedCase, ManualPayload, RecordingHandler


class SenderTests(SynchronousTestCase):
    """One sender and its transport."""

    def setUp(self) -> None:
        self.transport = StringTransport()
        self.failures: list[BaseException] = []
        self.progress = 0

        def progressed() -> None:
            self.progress += 1

        self.sender = Sender(self.transport, progressed=progressed, failed=self.failures.append)
        self.transport.registerProducer(self.sender, True)

    def sent(self) -> bytes:
        data: bytes = self.transport.value()
        return data

    def test_interface(self) -> None:
        """The transport can pause it."""
        verifyObject(IPushProducer, self.sender)

    def test_limit(self) -> None:
        """With a rate, lines and payloads of all kinds go in steps, in order, and as fast as the rate says."""
        clock = Clock()
        self.sender.limit(clock, 80_000)
        payload = ManualPayload(100_000)
        self.sender.send(bytes(200_000), None, 1)
        self.sender.send(b"2\n", payload, 2)
        self.assertEqual(len(self.sent()), 20_000)
        for _ in range(20):
            clock.advance(0.1)
        self.assertLessEqual(abs(len(self.sent()) - 180_000), 20_000)
        for _ in range(10):
            clock.advance(0.1)
        payload.give(b"b" * 100_000)
        self.assertTrue(self.sent().startswith(bytes(200_000) + b"2\nb"))
        self.assertLess(len(self.sent()), 230_000)
        for _ in range(20):
            clock.advance(0.1)
        payload.give(b"")
        self.assertEqual(self.sent(), bytes(200_000) + b"2\n" + b"b" * 100_000)
        self.sender.stop()
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_limit_and_full(self) -> None:
        """It waits for both the rate and the transport."""
        clock = Clock()
        self.sender.limit(clock, 80_000)
        self.sender.send(bytes(60_000), None, 1)
        self.sender.pauseProducing()
        clock.advance(1)
        self.assertEqual(len(self.sent()), 20_000)
        self.sender.resumeProducing()
        self.assertEqual(len(self.sent()), 40_000)
        self.sender.pauseProducing()
        self.sender.resumeProducing()
        self.assertEqual(len(self.sent()), 40_000, "the rate still holds")
        clock.advance(1)
        self.assertEqual(len(self.sent()), 60_000)

    def test_order(self) -> None:
        """A line that is sent while a payload streams goes behind it."""
        payload = ManualPayload(4)
        self.sender.send(b"1\n", None, 1)
        self.sender.send(b"2\n", payload, 2)
        self.sender.send(b"3\n", None, 3)
        self.assertEqual((self.sent(), self.sender.streaming), (b"1\n2\n", 2))
        payload.give(b"abcd")
        payload.give(b"")
        self.assertEqual((self.sent(), self.sender.streaming), (b"1\n2\nabcd3\n", 0))

    def test_paused(self) -> None:
        """While the transport is full nothing is written and no payload is read on; it goes on where it stopped."""
        payload = ManualPayload(2 * TLS_WRITE)
        self.sender.send(b"", payload, 1)
        self.sender.pauseProducing()
        self.sender.send(b"2\n", None, 2)
        payload.give(bytes(2 * TLS_WRITE))
        self.assertEqual(self.sent(), b"")
        self.assertIsNone(payload.reading)
        self.sender.resumeProducing()
        self.assertEqual(self.sent(), bytes(2 * TLS_WRITE))
        self.assertEqual(self.progress, 1)
        payload.give(b"")
        self.assertTrue(self.sent().endswith(b"2\n"))

    def test_wrong_size(self) -> None:
        """A payload of another size than promised fails, and nothing is sent in the place of its rest."""
        for pieces in ([b"abc", b""], [b"abcde"]):
            self.setUp()
            payload = ManualPayload(4)
            self.sender.send(b"", payload, 1)
            self.sender.send(b"2\n", None, 2)
            for piece in pieces:
                payload.give(piece)
            [failure] = self.failures
            self.assertIsInstance(failure, Changed)
            self.assertNotIn(b"2", self.sent())

    def test_stopped(self) -> None:
        """A sender that was stopped sends nothing that waited, and is off the transport."""
        self.sender.pauseProducing()
        self.sender.send(b"1\n", None, 1)
        self.sender.stop()
        self.sender.resumeProducing()
        self.assertEqual(self.sent(), b"")
        self.assertIsNone(self.transport.producer)

    def test_fail(self) -> None:
        """When the connection ends, a payload that waits fails with the reason."""
        payload = ManualPayload(4)
        self.sender.send(b"", payload, 1)
        self.sender.pauseProducing()
        payload.give(b"abcd")
        reason = ConnectionError("lost")
        self.sender.fail(reason)
        self.assertEqual(self.failures, [reason])


class SendingTests(ConnectedCase):
    """Payloads that a connection sends."""

    def test_bytes(self) -> None:
        """A payload in memory follows its line."""
        self.client.request(RecordingHandler(), "PUSH", {"rel_endpoint": "a"}, b"hello")
        self.client.request(RecordingHandler(), "HELLO")
        self.wire.pump()
        line = self.wire.server.take_line()
        self.assertEqual(line["content_length"], 5)
        self.assertEqual(self.wire.server.heard[:5], b"hello")

    def test_stream_keeps_order(self) -> None:
        """A request that is made while a payload streams is sent behind it."""
        payload = ManualPayload(10)
        self.client.request(RecordingHandler(), "PUSH", {}, payload)
        self.client.request(RecordingHandler(), "HELLO")
        payload.give(b"01234")
        self.wire.pump()
        self.assertEqual(self.wire.server.take_line()["content_length"], 10)
        self.assertEqual(self.wire.server.heard, b"01234")
        payload.give(b"56789")
        payload.give(b"")
        self.wire.pump()
        self.assertEqual(self.wire.server.heard[:10], b"0123456789")
        self.assertIn(b"HELLO", self.wire.server.heard)

    def test_waits_for_the_server(self) -> None:
        """While the server does not read, no more is read from the payload: memory stays bounded."""
        payload = ManualPayload(50 * STREAM_PIECE)
        self.client.request(RecordingHandler(), "PUSH", {}, payload)
        self.wire.far.reading = False
        given = 0
        while payload.reading is not None:
            payload.give(bytes(STREAM_PIECE))
            given += 1
            self.wire.pump()
        self.assertLessEqual(given, 2)
        self.assertLess(len(self.wire.near.outgoing), STREAM_PIECE)
        self.wire.far.reading = True
        self.wire.pump()
        self.assertIsNotNone(payload.reading)

    def test_wrong_size(self) -> None:
        """A payload that ends early or late ends the connection: it is never padded, and no next line gets into it."""
        for pieces in ([b"0123", b""], [b"0123456789", b"x"]):
            self.setUp()
            told, payload = RecordingHandler(), ManualPayload(10)
            self.client.request(told, "PUSH", {}, payload)
            for piece in pieces:
                payload.give(piece)
            self.wire.pump()
            self.assertIn("changed its size", str(told.reason))
            self.assertTrue(self.wire.near.lost)

    def test_broken_payload(self) -> None:
        """A payload that cannot be read ends the connection."""
        told, payload = RecordingHandler(), ManualPayload(10)
        self.client.request(told, "PUSH", {}, payload)
        assert payload.reading is not None
        payload.reading.errback(OSError(5, "Input/output error"))
        self.wire.pump()
        self.assertIn("Input/output error", str(told.reason))

    def test_connection_lost_while_choked(self) -> None:
        """A payload that waits to be sent is closed when the connection breaks."""
        told, payload = RecordingHandler(), ManualPayload(50 * STREAM_PIECE)
        self.client.request(told, "PUSH", {}, payload)
        self.wire.far.reading = False
        while payload.reading is not None:
            payload.give(bytes(STREAM_PIECE))
        self.wire.cut()
        self.assertIsInstance(told.reason, ConnectionFailed)
