"""The turns of one open file: reads, writes and all else follow one another; writes that continue others join them."""

from __future__ import annotations

from collections import deque
from typing import Awaitable, Callable, Coroutine, TypeVar

import attrs
from twisted.internet.defer import Deferred

from homeftp.config import STREAM_PIECE
from homeftp.workers.promptwork import run_promptly

T = TypeVar("T")


@attrs.frozen(eq=False)
class PendingRead:
    """A part to be read; `done` gets it, or what went wrong."""

    offset: int
    length: int
    done: Callable[[bytes | memoryview | Exception], None]


@attrs.frozen(eq=False)
class PendingWrite:
    """A part to be written, at the end where there is no offset; `done` gets None, or what went wrong."""

    offset: int | None
    data: bytes | memoryview
    done: Callable[[Exception | None], None]


class FileTurns:
    """The turns of one file. `do` reads or writes a part, and raises nothing."""

    def __init__(self, do: Callable[[PendingRead | PendingWrite], Coroutine[Deferred[object], object, None]]) -> None:
        self._do = do
        self._waiting: deque[PendingRead | PendingWrite | Deferred[None]] = deque()
        """A Deferred fires when it is the turn of something else."""
        self.running = False
        """Whether something has its turn."""
        self._beginning = False

    def add(self, part: PendingRead | PendingWrite) -> None:
        """Read or write a part when it has its turn."""
        self._waiting.append(part)
        if not self.running:
            self._begin_next()

    async def run(self, act: Callable[[], Awaitable[T]]) -> T:
        """The result of `act`, which is called when it has its turn."""
        if self.running or self._waiting:
            turn: Deferred[None] = Deferred()
            self._waiting.append(turn)
            try:
                await turn
            except BaseException:
                self._waiting.remove(turn)  # it is not wanted any more
                raise
        self.running = True
        try:
            return await act()
        finally:
            self._ended()

    def continued(self, first: PendingWrite) -> list[PendingWrite]:
        """This write, and those right behind it that continue it: they have their turn too."""
        together, size = [first], len(first.data)
        end = None if first.offset is None else first.offset + size
        while self._waiting:
            job = self._waiting[0]
            if not isinstance(job, PendingWrite) or job.offset != end or size + len(job.data) > STREAM_PIECE:
                break
            self._waiting.popleft()
            together.append(job)
            size += len(job.data)
            end = None if end is None else end + len(job.data)
        return together

    def _ended(self) -> None:
        self.running = False
        self._begin_next()

    def _begin_next(self) -> None:
        """Begin what is next, and what is behind it where that ends at once."""
        if self._beginning:
            return  # a call below this one goes on
        self._beginning = True
        try:
            while self._waiting and not self.running:
                self.running = True
                job = self._waiting.popleft()
                if isinstance(job, Deferred):
                    job.callback(None)
                else:
                    run_promptly(self._run(job))
        finally:
            self._beginning = False

    async def _run(self, part: PendingRead | PendingWrite) -> None:
        try:
            await self._do(part)
        finally:
            self._ended()
