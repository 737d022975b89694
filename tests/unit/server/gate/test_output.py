"""What a connection sends: in pieces, and no faster than its client reads."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import TLS_WRITE
from homeftp.server.gate.output import OutputBuffer


class OutputBufferTests(SynchronousTestCase):
    """One buffer."""

    def setUp(self) -> None:
        self.transport = StringTransport()
        self.events: list[str] = []
        self.failures: list[Failure] = []
        self.output = OutputBuffer(
            self.transport,
            paused=lambda: self.events.append("paused"),
            resumed=lambda: self.events.append("resumed"),
            failed=self.failures.append,
        )

    def test_interface(self) -> None:
        """It is a producer of its transport."""
        verifyObject(IPushProducer, self.output)
        self.output.attach()
        self.assertIs(self.transport.producer, self.output)
        self.output.detach()
        self.assertIsNone(self.transport.producer)

    def test_send(self) -> None:
        """What is sent is written piece by piece, and the writer waits while the client does not read."""
        self.output.pauseProducing()
        content = bytes(TLS_WRITE) + b"x"
        sending = Deferred.fromCoroutine(self.output.send(content))
        self.assertNoResult(sending)
        self.assertEqual(self.transport.value(), b"")
        self.output.resumeProducing()
        self.successResultOf(sending)
        self.assertEqual(self.transport.value(), content)
        self.assertEqual((self.output.written, self.events), (len(content), ["paused", "resumed"]))

    def test_parts(self) -> None:
        """A transport that can gets parts of what is large without a copy, in order; what is small is as ever."""
        parts: list[memoryview] = []
        self.output.write_part = parts.append
        content = bytes(TLS_WRITE) + b"x"
        self.successResultOf(Deferred.fromCoroutine(self.output.send(content)))
        self.assertEqual((b"".join(parts), len(parts), {part.obj is content for part in parts}), (content, 2, {True}))
        self.successResultOf(Deferred.fromCoroutine(self.output.send(b"small")))
        self.assertEqual((self.transport.value(), self.output.written), (b"small", len(content) + 5))

    def test_other_size(self) -> None:
        """What is sent arrives whole where the size of its pieces changes while the writer waits."""
        content = bytes(range(100))
        for before, after in ((100, 30), (40, 15), (15, 40), (30, 100)):
            for in_parts in (False, True):
                self.setUp()
                self.output.write_part = (lambda part: self.transport.write(bytes(part))) if in_parts else None
                self.output.slice = before
                self.output.pauseProducing()
                sending = Deferred.fromCoroutine(self.output.send(content))
                self.output.slice = after
                self.output.resumeProducing()
                self.successResultOf(sending)
                self.assertEqual((self.transport.value(), self.output.written), (content, 100))

    def test_lost(self) -> None:
        """A writer that waits fails when the connection ends, and so does the next one."""
        self.output.pauseProducing()
        sending = Deferred.fromCoroutine(self.output.send(b"x"))
        self.output.stopProducing()
        self.failureResultOf(sending, ConnectionLost)
        self.failureResultOf(Deferred.fromCoroutine(self.output.send(b"x")), ConnectionLost)
        self.assertEqual(self.transport.value(), b"")

    def test_failed(self) -> None:
        """What cannot be sent whole ends the connection: the owner gets the reason."""
        self.output.fail(Failure(ValueError()))
        self.assertEqual(len(self.failures), 1)
        self.failureResultOf(Deferred.fromCoroutine(self.output.ready()), ConnectionLost)
