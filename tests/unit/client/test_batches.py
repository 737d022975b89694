"""Many requests: a bounded number of them at once, and refusals of single ones."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.batches import answer_or_refusal, in_batches
from homeftp.errors import NotFound, Refusal, ShuttingDown


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


class AnswerOrRefusalTests(SynchronousTestCase):
    """answer_or_refusal."""

    def test_results(self) -> None:
        """A result and a refusal are given; a server that shuts down, and what is no refusal, are raised."""

        async def ask(failure: Exception | None) -> str:
            if failure is not None:
                raise failure
            return "stored"

        def asked(failure: Exception | None = None) -> Deferred[str | Refusal]:
            return Deferred.fromCoroutine(answer_or_refusal(ask(failure)))

        refused = NotFound("a does not exist on the server")
        self.assertEqual(self.successResultOf(asked()), "stored")
        self.assertIs(self.successResultOf(asked(refused)), refused)
        for failure in (ShuttingDown("it restarts"), OSError("a fault")):
            self.assertIs(self.failureResultOf(asked(failure)).value, failure)
