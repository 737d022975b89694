"""How long an operation may wait: one deadline, which all share that wait within it.

A job of the pool is an operation. So is a call of a database or of a bucket that is made outside of one. What waits
asks how much time is left, and refuses the request when none is. Which thread waits does not matter to a caller: the
deadline belongs to the thread, and is no argument.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Callable, Iterator

OPERATION_SECONDS = 6.0
"""Seconds that an operation may take. A client gets its answer within 10: the rest is for what ends a request."""


class OperationDeadline:
    """A moment after which nothing waits any more."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds until then; 0 where there are none."""
        return max(0.0, self._end - self._monotonic())

    def at_most(self, seconds: float) -> OperationDeadline:
        """The earlier one of this moment and of the one in so many seconds."""
        return OperationDeadline(min(seconds, self.left()), self._monotonic)


class Patience(OperationDeadline):
    """Any time, as long as no single wait takes more than so many seconds: for work that no request waits for."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self._seconds = seconds

    def left(self) -> float:
        """The seconds of the next wait."""
        return self._seconds


_current: ContextVar[OperationDeadline | None] = ContextVar("deadline", default=None)


def current() -> OperationDeadline | None:
    """The deadline of the operation in this thread; None outside of one."""
    return _current.get()


@contextmanager
def under(deadline: OperationDeadline | None) -> Iterator[None]:
    """Give the block this deadline, or with None no common one, whatever it is part of."""
    before = _current.get()
    _current.set(deadline)
    try:
        yield
    finally:
        _current.set(before)


@contextmanager
def operation(seconds: float = OPERATION_SECONDS) -> Iterator[OperationDeadline]:
    """The deadline of the operation that the block is part of; of one that begins here where there is none."""
    deadline = _current.get() or OperationDeadline(seconds)
    with under(deadline):
        yield deadline
