"""What a store does or gives step by step, each step a job of the pool: listings, versions, recursive removal."""

from __future__ import annotations

from typing import Callable, Generator, Generic, Iterator, TypeVar

from homeftp.interfaces import IWorkers

T = TypeVar("T")


class Steps(Generic[T]):
    """What a store does or gives step by step. Its methods block; the store is not called before the first step."""

    def __init__(self, begin: Callable[[], Iterator[T]]) -> None:
        self._begin = begin
        self._steps: Iterator[T] | None = None

    def next(self) -> T | None:
        """The next step; None after the last."""
        if self._steps is None:
            self._steps = iter(self._begin())
        return next(self._steps, None)

    def close(self) -> None:
        """End it early, where it can be."""
        if isinstance(self._steps, Generator):
            self._steps.close()


class Pages(Generic[T]):
    """Pages of a store, for `async for`; each is a job of the pool."""

    def __init__(self, workers: IWorkers, begin: Callable[[], Iterator[T]]) -> None:
        self._workers = workers
        self._steps = Steps(begin)

    def __aiter__(self) -> Pages[T]:
        return self

    async def __anext__(self) -> T:
        page = await self._workers.run(self._steps.next)
        if page is None:
            raise StopAsyncIteration
        return page
