"""What a store does or gives step by step, each step a job of the pool: listings, versions, recursive removal."""

from __future__ import annotations

from threading import Lock
from typing import Callable, Generator, Generic, Iterator, TypeVar

from homeftp.interfaces import IWorkers

T = TypeVar("T")


class Steps(Generic[T]):
    """What a store does or gives step by step. Its methods block; the store is not called before the first step."""

    def __init__(self, begin: Callable[[], Iterator[T]]) -> None:
        self._begin = begin
        self._steps: Iterator[T] | None = None
        self._closed = False
        self._lock = Lock()

    def next(self) -> T | None:
        """The next step; None after the last, and after `close`."""
        with self._lock:
            if self._closed:
                return None
            if self._steps is None:
                self._steps = iter(self._begin())
            return next(self._steps, None)

    def close(self) -> None:
        """End it early, where it can be, after the step that is under way."""
        with self._lock:
            self._closed = True
            if isinstance(self._steps, Generator):
                self._steps.close()


class Pages(Generic[T]):
    """Pages of a store, for `async for`; each is a job of the pool. `aclose` ends what is not read to its end."""

    def __init__(self, workers: IWorkers, begin: Callable[[], Iterator[T]]) -> None:
        self._workers = workers
        self._steps = Steps(begin)
        self._under_way = False

    def __aiter__(self) -> Pages[T]:
        return self

    async def __anext__(self) -> T:
        if not self._under_way:
            self._workers.admit()
        self._under_way = True
        page = await self._workers.run_slice(self._steps.next)
        if page is None:
            self._under_way = False
            raise StopAsyncIteration
        return page

    async def aclose(self) -> None:
        """Release what the store holds for the pages that were not read. May be called twice, and after the last."""
        if self._under_way:
            self._under_way = False
            await self._workers.run_unbounded(self._steps.close)
