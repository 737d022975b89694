"""The one method of the reactor that code with threads of its own uses."""

from __future__ import annotations

from queue import SimpleQueue
from typing import Any

from twisted.internet.interfaces import IReactorFromThreads
from zope.interface import implementer

from tests.support.waiting import WITHIN


@implementer(IReactorFromThreads)
class ThreadCalls:
    """Keeps what threads ask to be called until a test calls `run`."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Any] = SimpleQueue()

    def callFromThread(self, callable: Any, *args: object, **kwargs: object) -> None:
        """Keep a call."""
        self._calls.put((callable, args, kwargs))

    def run(self) -> None:
        """Wait for the next call, and carry it out."""
        function, args, kwargs = self._calls.get(timeout=WITHIN)
        function(*args, **kwargs)
