"""Several attempts at the same thing, one shortly after the other: the first that succeeds wins (RFC 8305, section 5).

What is attempted, and what counts as success, is the caller's matter.
"""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Generic, Sequence, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

T = TypeVar("T")


class AllFailed(Exception):
    """All attempts failed."""

    def __init__(self, failures: Sequence[Exception]) -> None:
        super().__init__(*failures)
        self.failures = failures
        """The reasons, in the order of the attempts."""


def first_of(
    clock: IReactorTime,
    attempts: Sequence[Callable[[], Awaitable[T]]],
    *,
    seconds: float,
    failures: tuple[type[Exception], ...],
    unused: Callable[[T], object] = lambda result: None,
) -> Deferred[tuple[int, T]]:
    """Fires with the index and the result of the first attempt that succeeds; the others are cancelled by then.

    The first attempt begins at once, each next one `seconds` after the one
    before it, or as soon as one fails. An attempt fails by raising one of
    `failures`; when all have, this fails with `AllFailed`. Anything else that
    is raised ends the race. `unused` gets the result of an attempt that
    succeeds although it was cancelled. To cancel this is to cancel them all.
    """
    return _Race(clock, attempts, seconds, failures, unused).done


class _Race(Generic[T]):
    def __init__(
        self,
        clock: IReactorTime,
        attempts: Sequence[Callable[[], Awaitable[T]]],
        seconds: float,
        failures: tuple[type[Exception], ...],
        unused: Callable[[T], object],
    ) -> None:
        self.done: Deferred[tuple[int, T]] = Deferred(lambda _: self._end())
        self._clock = clock
        self._attempts = attempts
        self._seconds = seconds
        self._expected = failures
        self._unused = unused
        self._begun = 0
        self._ended = False
        self._running: dict[int, Deferred[T]] = {}
        self._failures: dict[int, Exception] = {}
        self._next_call: IDelayedCall | None = None
        self._next()

    def _next(self) -> None:
        self._next_call = None
        index = self._begun
        self._begun += 1
        if self._begun < len(self._attempts):
            self._next_call = self._clock.callLater(self._seconds, self._next)
        self._running[index] = Deferred.fromCoroutine(self._attempt(index))
        self._running[index].addCallbacks(self._won, self._lost, (index,), errbackArgs=(index,))

    async def _attempt(self, index: int) -> T:
        return await self._attempts[index]()

    def _won(self, result: T, index: int) -> None:
        del self._running[index]
        if self._ended:
            self._unused(result)
            return
        self._end()
        self.done.callback((index, result))

    def _lost(self, failure: Failure, index: int) -> None:
        del self._running[index]
        if self._ended:
            return
        reason: Any = failure.value
        if not isinstance(reason, self._expected):
            self._end()
            self.done.errback(failure)
            return
        self._failures[index] = reason
        if self._begun < len(self._attempts):
            self._cancel_next()
            self._next()
        elif not self._running:
            self._end()
            self.done.errback(AllFailed([self._failures[each] for each in sorted(self._failures)]))

    def _end(self) -> None:
        self._ended = True
        self._cancel_next()
        for attempt in list(self._running.values()):
            attempt.cancel()

    def _cancel_next(self) -> None:
        call, self._next_call = self._next_call, None
        if call is not None:
            call.cancel()
