"""Work that is done a bounded number at once."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.batches import in_batches


class BatchTests(SynchronousTestCase):
    """in_batches."""

    def setUp(self) -> None:
        self.begun: list[str] = []
        self.waiting: list[Deferred[None]] = []

    async def work(self, name: str) -> str:
        self.begun.append(name)
        self.waiting.append(Deferred())
        await self.waiting[-1]
        return name.upper()

    def test_order(self) -> None:
        """As many as the size are begun at once; the results are in the order of the items."""
        running = Deferred.fromCoroutine(in_batches(self.work, ["a", "b", "c"], 2))
        self.assertEqual(self.begun, ["a", "b"])
        self.waiting[1].callback(None)
        self.assertEqual(self.begun, ["a", "b"])
        self.waiting[0].callback(None)
        self.assertEqual(self.begun, ["a", "b", "c"])
        self.waiting[2].callback(None)
        self.assertEqual(self.successResultOf(running), ["A", "B", "C"])

    def test_failure(self) -> None:
        """The first failure is raised as it is, and the next batch is not begun; all others are consumed."""
        running = Deferred.fromCoroutine(in_batches(self.work, ["a", "b", "c"], 2))
        self.waiting[1].errback(KeyError("b"))
        self.failureResultOf(running, KeyError)
        self.waiting[0].errback(ValueError("a"))
        self.assertEqual(self.begun, ["a", "b"])

    def test_nothing(self) -> None:
        """No items are no work."""
        self.assertEqual(self.successResultOf(Deferred.fromCoroutine(in_batches(self.work, []))), [])
