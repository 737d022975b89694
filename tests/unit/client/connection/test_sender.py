"""Sending: in order, no faster than the transport takes it, and payloads whole or not at all."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from homeftp.client.connection.sender import Sender
from homeftp.config import TLS_WRITE
from homeftp.errors import Changed
from homeftp.interfaces import IPayload


@implementer(IPayload)
class Payload:
    """A payload whose pieces a test gives."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.reading: Deferred[bytes] | None = None

    def read(self) -> Deferred[bytes]:
        self.reading = Deferred()
        return self.reading

    def give(self, data: bytes) -> None:
        assert self.reading is not None
        reading, self.reading = self.reading, None
        reading.callback(data)

    async def read_all(self, limit: int) -> bytes:
        raise NotImplementedError


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

    def test_order(self) -> None:
        """A line that is sent while a payload streams goes behind it."""
        payload = Payload(4)
        self.sender.send(b"1\n", None, 1)
        self.sender.send(b"2\n", payload, 2)
        self.sender.send(b"3\n", None, 3)
        self.assertEqual((self.sent(), self.sender.streaming), (b"1\n2\n", 2))
        payload.give(b"abcd")
        payload.give(b"")
        self.assertEqual((self.sent(), self.sender.streaming), (b"1\n2\nabcd3\n", 0))

    def test_paused(self) -> None:
        """While the transport is full nothing is written and no payload is read on; it goes on where it stopped."""
        payload = Payload(2 * TLS_WRITE)
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
            payload = Payload(4)
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
        payload = Payload(4)
        self.sender.send(b"", payload, 1)
        self.sender.pauseProducing()
        payload.give(b"abcd")
        reason = ConnectionError("lost")
        self.sender.fail(reason)
        self.assertEqual(self.failures, [reason])
