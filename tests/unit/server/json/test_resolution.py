"""Answers: sent once, after all earlier ones, at the client's pace, and whole or not at all."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import MAX_RESPONSE_LINE, TLS_WRITE
from homeftp.errors import Damaged
from homeftp.interfaces import IResolution
from homeftp.server.gate.output import OutputBuffer
from homeftp.server.json.payload import WholePayload
from homeftp.server.json.resolution import Resolution
from tests.support.exchanges import FailingPayload


class Lying(WholePayload):
    """A payload that promises another size than it has."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size


class ResolutionTests(SynchronousTestCase):
    """One answer."""

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
        self.resolution = Resolution(7, self.output, lambda: self.events.append("resolved"))

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IResolution, self.resolution)

    def test_answer(self) -> None:
        """The answer is kept until it is written, with the request's id and the payload's size."""
        self.resolution.resolve(0, "here", {"a": 1}, b"xyz")
        self.assertEqual((self.events, self.transport.value()), (["resolved"], b""))
        self.assertIsNone(self.resolution.write_answer())
        line = b'{"status":0,"message":"here","id":7,"body":{"a":1},"content_length":3}\n'
        self.assertEqual(self.transport.value(), line + b"xyz")
        self.assertEqual(self.resolution.written, len(line) + 3)

    def test_once(self) -> None:
        """There is one answer, and nothing after it."""
        self.resolution.resolve(0, "")
        self.assertRaises(RuntimeError, self.resolution.resolve, 0, "")
        self.failureResultOf(Deferred.fromCoroutine(self.resolution.send({})), RuntimeError)

    def test_invalid(self) -> None:
        """An answer that must not be sent is refused, and another may be given instead."""
        self.assertRaises(ValueError, self.resolution.resolve, 7, "no such status")
        self.assertRaises(ValueError, self.resolution.resolve, 0, "x" * MAX_RESPONSE_LINE)
        self.assertFalse(self.resolution.resolved)
        self.resolution.resolve(50, "internal error")

    def test_idle(self) -> None:
        """A request that waits for an event counts as waiting, and goes on with what the event gives."""
        event: Deferred[str] = Deferred()
        self.resolution.reach_head()
        waiting = Deferred.fromCoroutine(self.resolution.wait_idle(event))
        self.assertNoResult(waiting)
        self.assertTrue(self.resolution.is_waiting)
        event.callback("it came")
        self.assertEqual(self.successResultOf(waiting), "it came")
        self.assertFalse(self.resolution.is_waiting)

    def test_idle_disconnected(self) -> None:
        """The event is cancelled when the client goes away, and where it has gone already."""
        cancelled: list[Deferred[str]] = []
        self.resolution.reach_head()
        for number in range(2):
            event: Deferred[str] = Deferred(cancelled.append)
            waiting = Deferred.fromCoroutine(self.resolution.wait_idle(event))
            self.output.stopProducing()
            self.failureResultOf(waiting, ConnectionLost)
            self.assertEqual(len(cancelled), number + 1)
            self.assertFalse(self.resolution.is_waiting)

    def test_idle_failed(self) -> None:
        """What the event fails with is raised."""
        waiting = Deferred.fromCoroutine(self.resolution.wait_idle(fail(ValueError())))
        self.failureResultOf(waiting, ValueError)

    def test_interim(self) -> None:
        """An interim answer waits until all earlier requests are answered, then until the client reads."""
        sending = Deferred.fromCoroutine(self.resolution.send({"n": 1}))
        self.assertNoResult(sending)
        self.assertTrue(self.resolution.is_waiting)
        self.output.pauseProducing()
        self.resolution.reach_head()
        self.assertNoResult(sending)
        self.assertEqual(self.transport.value(), b"")
        self.output.resumeProducing()
        self.successResultOf(sending)
        self.assertIn(b'"more":true', self.transport.value())
        self.assertEqual(self.events, ["paused", "resumed"])
        self.assertFalse(self.resolution.is_waiting)

    def test_turn(self) -> None:
        """The turn of a request comes when all earlier ones are answered and the client reads, or never."""
        turn = Deferred.fromCoroutine(self.resolution.turn())
        self.assertNoResult(turn)
        self.assertTrue(self.resolution.is_waiting)
        self.output.pauseProducing()
        self.resolution.reach_head()
        self.assertNoResult(turn)
        self.output.resumeProducing()
        self.successResultOf(turn)
        self.successResultOf(Deferred.fromCoroutine(self.resolution.turn()))
        self.output.stopProducing()
        self.failureResultOf(Deferred.fromCoroutine(self.resolution.turn()), ConnectionLost)

    def test_large_payload(self) -> None:
        """A large payload is written piece by piece, and stops where the client does not read."""
        self.resolution.reach_head()
        self.resolution.resolve(0, "", payload=bytes(3 * TLS_WRITE))
        write, sizes = self.transport.write, []

        def one_piece(data: bytes) -> None:
            sizes.append(len(data))
            write(data)
            if len(sizes) == 2:
                self.output.pauseProducing()

        self.transport.write = one_piece  # type: ignore[method-assign]
        sending = self.resolution.write_answer()
        assert sending is not None
        self.assertNoResult(sending)
        self.assertEqual(sizes[1:], [TLS_WRITE])
        self.output.resumeProducing()
        self.successResultOf(sending)
        self.assertEqual(sizes[1:], [TLS_WRITE] * 3)

    def test_wrong_size(self) -> None:
        """A payload of another size than promised fails the connection; it is never padded, and nothing follows."""
        for size in (2, 4):
            self.setUp()
            self.resolution.reach_head()
            self.resolution.resolve(0, "", payload=Lying(b"xyz", size))
            sending = self.resolution.write_answer()
            assert sending is not None
            self.failureResultOf(sending, ConnectionLost)
            self.assertEqual(len(self.failures), 1, size)

    def test_unreadable(self) -> None:
        """Where the first piece of a payload cannot be read there may be another answer: nothing is promised yet."""
        self.resolution.reach_head()
        failing = FailingPayload([Damaged("its disk has not kept it")])
        self.failureResultOf(Deferred.fromCoroutine(self.resolution.send({}, payload=failing)), Damaged)
        self.assertEqual((self.transport.value(), self.failures, self.resolution.in_payload), (b"", [], False))
        self.resolution.resolve(46, "damaged")
        self.assertIsNone(self.resolution.write_answer())
        self.assertEqual(self.transport.value(), b'{"status":46,"message":"damaged","id":7}\n')

    def test_breaks_off(self) -> None:
        """Where a later piece cannot be read the connection fails: its bytes were promised."""
        self.resolution.reach_head()
        failing = FailingPayload([b"xyz", Damaged("its disk has not kept it")])
        self.failureResultOf(Deferred.fromCoroutine(self.resolution.send({}, payload=failing)), ConnectionLost)
        self.assertTrue(self.transport.value().endswith(b"xyz"))
        self.assertEqual(len(self.failures), 1)

    def test_disconnected(self) -> None:
        """A writer that waits fails when the client disconnects."""
        self.output.pauseProducing()
        self.resolution.reach_head()
        sending = Deferred.fromCoroutine(self.resolution.send({}))
        self.output.stopProducing()
        self.failureResultOf(sending, ConnectionLost)
