"""Reactors that do what a test tells them, for code with threads of its own, or that reads."""

from __future__ import annotations

import select
from queue import SimpleQueue
from typing import Any

from twisted.internet.interfaces import IReactorFDSet, IReactorFromThreads
from twisted.internet.task import Clock
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


@implementer(IReactorFDSet, IReactorFromThreads)
class ReadingClock(Clock):
    """A clock that is a reactor of what can be read; it reads when a test calls `read`."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        """Read from that from now on."""
        if reader not in self.readers:
            self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        """Read from it no more."""
        if reader in self.readers:
            self.readers.remove(reader)

    addWriter = removeWriter = addReader

    def removeAll(self) -> list[Any]:
        """Read from nothing."""
        readers, self.readers = self.readers, []
        return readers

    def getReaders(self) -> list[Any]:
        """What is read."""
        return self.readers

    def getWriters(self) -> list[Any]:
        """Nothing is written."""
        return []

    def callFromThread(self, callable: Any, *args: object, **kwargs: object) -> None:
        """Call it at once."""
        callable(*args, **kwargs)

    def read(self) -> None:
        """Wait until something can be read, and read it."""
        ready, _, _ = select.select(self.readers, [], [], WITHIN)
        assert ready, "nothing can be read"
        for reader in ready:
            reader.doRead()
