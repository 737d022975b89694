"""Payloads on their way to a dispatcher: bounded, whole, readable once."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from homeftp.config import MIN_PIECE, PIECE, STREAM_PIECE
from homeftp.errors import TimedOut, TooLarge
from homeftp.files.budget import DIVISOR, MemoryBudget
from homeftp.interfaces import IPayload
from homeftp.server.json.payload import StreamPayload, WholePayload


class WholePayloadTests(SynchronousTestCase):
    """A payload that has arrived."""

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IPayload, WholePayload(b""))

    def test_pieces(self) -> None:
        """It is read in bounded pieces, then as empty."""
        content = bytes(range(256)) * (PIECE // 100)
        payload = WholePayload(content)
        pieces = []
        while piece := self.successResultOf(Deferred.fromCoroutine(payload.read())):
            self.assertLessEqual(len(piece), PIECE)
            pieces.append(piece)
        self.assertEqual(b"".join(pieces), content)

    def test_limit(self) -> None:
        """Over the limit it is refused, and at the limit it is not."""
        reading = Deferred.fromCoroutine(WholePayload(b"12345").read_all(4))
        self.assertIn("4", self.failureResultOf(reading, TooLarge).value.message)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(WholePayload(b"1234").read_all(4))), b"1234")


class BudgetTests(SynchronousTestCase):
    """The memory of all large payloads."""

    def test_pieces(self) -> None:
        """One payload gets large pieces, many get small ones, and a payload that has ended frees its memory."""
        budget = MemoryBudget()
        self.assertEqual(budget.piece, STREAM_PIECE)
        payloads = [StreamPayload(10 * PIECE, lambda: None, budget) for _ in range(16)]
        self.assertLess(budget.piece, PIECE)
        more = [StreamPayload(10 * PIECE, lambda: None, budget) for _ in range(100)]
        self.assertEqual(budget.piece, MIN_PIECE)
        for payload in more:
            payload.fail(TimedOut("late"))
            payload.discard()
        for payload in payloads[:8]:
            payload.deliver(bytes(10 * PIECE))
            while self.successResultOf(Deferred.fromCoroutine(payload.read())):
                pass
        for payload in payloads[8:15]:
            payload.discard()
            payload.deliver(bytes(10 * PIECE))
        self.assertEqual(budget.streams, 1)
        self.assertEqual(budget.piece, STREAM_PIECE)

    def test_held(self) -> None:
        """A payload that has arrived, or has failed, counts until it is read or discarded: its bytes are in memory."""
        budget = MemoryBudget()
        arrived, failed, discarded = (StreamPayload(2 * PIECE, lambda: None, budget) for _ in range(3))
        arrived.deliver(bytes(2 * PIECE))
        failed.deliver(bytes(PIECE))
        failed.fail(TimedOut("late"))
        discarded.deliver(bytes(2 * PIECE))
        self.assertEqual((budget.streams, arrived.waiting, failed.waiting), (3, 2 * PIECE, PIECE))
        self.assertEqual(len(self.successResultOf(Deferred.fromCoroutine(arrived.read()))), 2 * PIECE)
        self.assertEqual((budget.streams, arrived.waiting), (2, 0))
        self.successResultOf(Deferred.fromCoroutine(failed.read()))
        self.assertEqual((budget.streams, failed.waiting), (1, 0))
        discarded.discard()
        self.assertEqual((budget.streams, discarded.waiting), (0, 0))

    def test_waiting(self) -> None:
        """What has not arrived whole does not wait: its reader asks for the rest, or will."""
        payload = StreamPayload(2 * PIECE, lambda: None, MemoryBudget())
        payload.deliver(bytes(PIECE))
        self.assertEqual(payload.waiting, 0)


class SharedBudgetTests(SynchronousTestCase):
    """A payload whose share of the memory shrinks while its reader waits."""

    def test_share_shrinks_while_a_reader_waits(self) -> None:
        """A reader that waits for the rest of a piece never waits for bytes that the server has stopped reading."""
        budget = MemoryBudget()
        payload = StreamPayload(4 * STREAM_PIECE, lambda: None, budget)
        payload.deliver(bytes(STREAM_PIECE - 1))
        reading = Deferred.fromCoroutine(payload.read())
        self.assertNoResult(reading)
        others = [StreamPayload(4 * STREAM_PIECE, lambda: None, budget) for _ in range(100)]
        self.assertEqual(budget.piece, MIN_PIECE, "the control: its share has shrunk")
        self.assertFalse(payload.full and not reading.called, "the server would stop reading, and nobody would go on")
        payload.deliver(b"x")
        self.assertEqual(len(self.successResultOf(reading)), STREAM_PIECE)
        payload.deliver(bytes(PIECE))
        self.assertTrue(payload.full, "from the next piece on its share is the smaller one")
        self.assertEqual(len(others), budget.streams - 1)


class StreamPayloadTests(SynchronousTestCase):
    """A payload that is arriving."""

    def setUp(self) -> None:
        self.changes = 0
        self.budget = MemoryBudget(DIVISOR * PIECE)

    def stream(self, size: int) -> StreamPayload:
        def changed() -> None:
            self.changes += 1

        return StreamPayload(size, changed, self.budget)

    def test_interface(self) -> None:
        """It is what it says."""
        verifyObject(IPayload, self.stream(1))

    def test_waits_for_a_piece(self) -> None:
        """A reader gets a piece when there is a whole one, and the rest at the end."""
        payload = self.stream(PIECE + 10)
        reading = Deferred.fromCoroutine(payload.read())
        payload.deliver(bytes(PIECE - 1))
        self.assertNoResult(reading)
        payload.deliver(bytes(1))
        self.assertEqual(len(self.successResultOf(reading)), PIECE)
        payload.deliver(bytes(10))
        self.assertEqual(len(self.successResultOf(Deferred.fromCoroutine(payload.read()))), 10)
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(payload.read())), b"")

    def test_bounded(self) -> None:
        """A reader never gets more than `STREAM_PIECE` bytes, however many come at once; nothing is lost."""
        content = bytes(range(256)) * (5 * STREAM_PIECE // 512)
        payload = StreamPayload(len(content), lambda: None, MemoryBudget())
        payload.deliver(content[:100])
        payload.deliver(content[100:])
        pieces = []
        while piece := self.successResultOf(Deferred.fromCoroutine(payload.read())):
            pieces.append(piece)
        self.assertEqual([len(piece) for piece in pieces], [STREAM_PIECE, STREAM_PIECE, STREAM_PIECE // 2])
        self.assertEqual(b"".join(pieces), content)

    def test_full(self) -> None:
        """It says when the client must wait, and when it need not any more."""
        payload = self.stream(10 * PIECE)
        payload.deliver(bytes(PIECE))
        self.assertTrue(payload.full)
        self.assertEqual(self.changes, 1)
        self.successResultOf(Deferred.fromCoroutine(payload.read()))
        self.assertFalse(payload.full)
        self.assertEqual(self.changes, 2)

    def test_failure(self) -> None:
        """The failure that ended a stream reaches the reader, now and later."""
        payload = self.stream(10)
        reading = Deferred.fromCoroutine(payload.read())
        payload.fail(TimedOut("late"))
        self.failureResultOf(reading, TimedOut)
        self.failureResultOf(Deferred.fromCoroutine(payload.read()), TimedOut)

    def test_failure_behind_nothing(self) -> None:
        """Nothing, as a connection that is resumed hands it on, is not taken for the end of the stream."""
        payload = self.stream(10 * PIECE)
        payload.deliver(bytes(PIECE))
        self.assertEqual(len(self.successResultOf(Deferred.fromCoroutine(payload.read()))), PIECE)
        payload.deliver(b"")
        payload.fail(TimedOut("late"))
        self.failureResultOf(Deferred.fromCoroutine(payload.read()), TimedOut)

    def test_last_bytes(self) -> None:
        """Data that arrived before the end is given first, however little it is."""
        payload = self.stream(10 * PIECE)
        payload.deliver(b"last")
        payload.fail(TimedOut("late"))
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(payload.read())), b"last")
        self.failureResultOf(Deferred.fromCoroutine(payload.read()), TimedOut)

    def test_discard(self) -> None:
        """A discarded payload is counted and not kept."""
        payload = self.stream(10 * PIECE)
        payload.deliver(bytes(PIECE))
        payload.discard()
        self.assertFalse(payload.full)
        for _ in range(9):
            payload.deliver(bytes(PIECE))
        self.assertFalse(payload.full)
        self.assertEqual(payload.missing, 0)
