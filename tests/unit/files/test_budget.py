"""The memory that all streams of a server share."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import KIB, MIN_PIECE, PIECE, STREAM_PIECE
from homeftp.errors import TimedOut
from homeftp.files.budget import MemoryBudget
from homeftp.files.upload import IncomingPayload


class MemoryBudgetTests(SynchronousTestCase):
    """The size of a piece."""

    def test_pieces(self) -> None:
        """A few streams have large pieces; the more there are the smaller the next, and never more than all memory."""
        budget = MemoryBudget(8 * STREAM_PIECE)
        sizes = [budget.grant(number) for number in range(200)]
        self.assertEqual(sizes[:4], [STREAM_PIECE] * 4)
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assertEqual(sizes[-1], MIN_PIECE)
        self.assertEqual(sum(sizes), budget.granted)
        self.assertLess(sum(size for size in sizes if size > MIN_PIECE), 8 * STREAM_PIECE)
        for number in range(budget.streams):
            budget.leave(number)
        self.assertEqual((budget.streams, budget.granted, budget.piece), (0, 0, STREAM_PIECE))

    def test_two_pieces(self) -> None:
        """A payload that holds two pieces gets two large ones where there is room, and counts for both."""
        budget = MemoryBudget(8 * STREAM_PIECE)
        self.assertEqual(budget.grant("alone", pieces=2), STREAM_PIECE)
        self.assertEqual(budget.granted, 2 * STREAM_PIECE)
        sizes = [budget.grant(number, pieces=2) for number in range(200)]
        self.assertEqual((sizes, sizes[-1]), (sorted(sizes, reverse=True), MIN_PIECE // 2))
        self.assertEqual(budget.granted, 2 * (STREAM_PIECE + sum(sizes)))

    def test_twice(self) -> None:
        """A payload counts once however often it is granted a piece, and leaves once."""
        budget = MemoryBudget(64 * KIB)
        for _ in range(2):
            budget.grant(self)
        self.assertEqual(budget.streams, 1)
        for _ in range(2):
            budget.leave(self)
        self.assertEqual(budget.streams, 0)


class IncomingBudgetTests(SynchronousTestCase):
    """The memory of all large payloads."""

    def test_pieces(self) -> None:
        """One payload gets large pieces, many get small ones, and a payload that has ended frees its memory."""
        budget = MemoryBudget()
        self.assertEqual(budget.piece, STREAM_PIECE)
        payloads = [IncomingPayload(10 * PIECE, lambda: None, budget) for _ in range(16)]
        self.assertLess(budget.piece, PIECE)
        more = [IncomingPayload(10 * PIECE, lambda: None, budget) for _ in range(100)]
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
        arrived, failed, discarded = (IncomingPayload(2 * PIECE, lambda: None, budget) for _ in range(3))
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
        payload = IncomingPayload(2 * PIECE, lambda: None, MemoryBudget())
        payload.deliver(bytes(PIECE))
        self.assertEqual(payload.waiting, 0)


class SharedBudgetTests(SynchronousTestCase):
    """A payload whose share of the memory shrinks while its reader waits."""

    def test_share_shrinks_while_a_reader_waits(self) -> None:
        """A reader that waits for the rest of a piece never waits for bytes that the server has stopped reading."""
        budget = MemoryBudget()
        payload = IncomingPayload(4 * STREAM_PIECE, lambda: None, budget)
        payload.deliver(bytes(STREAM_PIECE - 1))
        reading = Deferred.fromCoroutine(payload.read())
        self.assertNoResult(reading)
        others = [IncomingPayload(4 * STREAM_PIECE, lambda: None, budget) for _ in range(100)]
        self.assertEqual(budget.piece, MIN_PIECE, "the control: its share has shrunk")
        self.assertFalse(payload.full and not reading.called, "the server would stop reading, and nobody would go on")
        payload.deliver(b"x")
        self.assertEqual(len(self.successResultOf(reading)), STREAM_PIECE)
        payload.deliver(bytes(PIECE))
        self.assertTrue(payload.full, "from the next piece on its share is the smaller one")
        self.assertEqual(len(others), budget.streams - 1)
