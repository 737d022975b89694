"""Attempts that are made one shortly after the other, of which the first to succeed wins."""

from __future__ import annotations

from typing import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.connection.race import AllFailed, first_of


class RaceTests(SynchronousTestCase):
    """Three attempts, a quarter of a second apart."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.begun: list[Deferred[str]] = []
        self.cancelled: list[int] = []
        self.unused: list[str] = []
        self.racing = self.race(3)

    def race(self, count: int) -> Deferred[tuple[int, str]]:
        return first_of(
            self.clock,
            [self.attempt for _ in range(count)],
            seconds=0.25,
            failures=(LookupError,),
            unused=self.unused.append,
        )

    async def attempt(self) -> str:
        place = len(self.begun)
        self.begun.append(Deferred(lambda _: self.cancelled.append(place)))
        return await self.begun[place]

    def test_first(self) -> None:
        """The first one begins at once, and where it succeeds in time there is no second."""
        self.assertEqual(len(self.begun), 1)
        self.clock.advance(0.24)
        self.begun[0].callback("one")
        self.assertEqual(self.successResultOf(self.racing), (0, "one"))
        self.clock.advance(10)
        self.assertEqual((len(self.begun), self.clock.getDelayedCalls()), (1, []))

    def test_staggered(self) -> None:
        """The next one begins while those before it still try; whichever succeeds first wins, the others are ended."""
        self.clock.advance(0.25)
        self.assertEqual(len(self.begun), 2)
        self.clock.advance(0.25)
        self.assertEqual(len(self.begun), 3)
        self.begun[1].callback("two")
        self.assertEqual(self.successResultOf(self.racing), (1, "two"))
        self.assertEqual(self.cancelled, [0, 2])

    def test_failure_hurries(self) -> None:
        """One that fails does not let the next one wait, and that has its full time."""
        self.clock.advance(0.2)
        self.begun[0].errback(LookupError("gone"))
        self.assertEqual(len(self.begun), 2)
        self.clock.advance(0.24)
        self.assertEqual(len(self.begun), 2)
        self.clock.advance(0.01)
        self.assertEqual(len(self.begun), 3)

    def test_all_fail(self) -> None:
        """When all have failed, their failures are told in the order of the attempts."""
        self.clock.pump([0.25, 0.25])
        for place in (2, 0, 1):
            self.assertNoResult(self.racing)
            self.begun[place].errback(LookupError(str(place)))
        failure = self.failureResultOf(self.racing, AllFailed).value
        self.assertEqual([str(each) for each in failure.failures], ["0", "1", "2"])

    def test_at_once(self) -> None:
        """Attempts that end before they return do no harm."""

        def ends(result: str | Exception) -> Callable[[], Deferred[str]]:
            async def end() -> str:
                if isinstance(result, Exception):
                    raise result
                return result

            return lambda: Deferred.fromCoroutine(end())

        failing = [ends(LookupError()) for _ in range(50)]
        racing = first_of(self.clock, [*failing, ends("done"), ends("never")], seconds=1, failures=(LookupError,))
        self.assertEqual(self.successResultOf(racing), (50, "done"))
        self.failureResultOf(first_of(self.clock, failing, seconds=1, failures=(LookupError,)), AllFailed)

    def test_fault(self) -> None:
        """A fault of our own is no failure to reach somebody: it ends the race."""
        self.clock.advance(0.25)
        self.begun[0].errback(ZeroDivisionError())
        self.failureResultOf(self.racing, ZeroDivisionError)
        self.assertEqual(self.cancelled, [1])

    def test_cancelled(self) -> None:
        """A cancelled race ends all running attempts, and begins none."""
        self.clock.advance(0.25)
        self.racing.cancel()
        self.failureResultOf(self.racing, CancelledError)
        self.assertEqual(self.cancelled, [0, 1])
        self.clock.advance(10)
        self.assertEqual(len(self.begun), 2)

    def test_deaf(self) -> None:
        """An attempt that succeeds after it was cancelled is passed to the function that closes it."""
        deaf: Deferred[str] = Deferred(lambda each: each.callback("late"))
        racing = first_of(
            self.clock,
            [lambda: deaf, self.attempt],
            seconds=0.25,
            failures=(LookupError,),
            unused=self.unused.append,
        )
        self.clock.advance(0.25)
        self.begun[-1].callback("won")
        self.assertEqual(self.successResultOf(racing), (1, "won"))
        self.assertEqual(self.unused, ["late"])
