"""Coroutines that run at once as far as they can."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from homeftp.workers.promptwork import run_promptly


class PromptWorkTests(SynchronousTestCase):
    """One coroutine."""

    def setUp(self) -> None:
        self.steps: list[object] = []

    async def work(self, *waits: Deferred[str]) -> None:
        """Wait for each, and note its result."""
        for each in waits:
            await self.step(each)
        self.steps.append("end")

    async def step(self, waits: Deferred[str]) -> None:
        """Wait, and note the result."""
        try:
            self.steps.append(await waits)
        except (ValueError, CancelledError) as error:
            self.steps.append(type(error))

    def test_at_once(self) -> None:
        """What waits for nothing, or for what is there, has ended when the call returns."""
        run_promptly(self.work())
        run_promptly(self.work(succeed("one"), succeed("two")))
        self.assertEqual(self.steps, ["end", "one", "two", "end"])

    def test_waits(self) -> None:
        """What waits goes on with each result, and with each failure."""
        waits: list[Deferred[str]] = [Deferred() for _ in range(3)]
        run_promptly(self.work(succeed("before"), *waits))
        self.assertEqual(self.steps, ["before"])
        waits[0].callback("one")
        waits[1].errback(ValueError())
        self.assertEqual(self.steps, ["before", "one", ValueError])
        waits[2].cancel()
        self.assertEqual(self.steps, ["before", "one", ValueError, CancelledError, "end"])

    def test_failed_first(self) -> None:
        """A failure is raised in it also at its first wait."""
        waits: Deferred[str] = Deferred()
        run_promptly(self.work(waits))
        waits.errback(ValueError())
        self.assertEqual(self.steps, [ValueError, "end"])
