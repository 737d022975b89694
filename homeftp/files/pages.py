"""What a store does or gives step by step, each step a job of the pool: listings, versions, recursive removal."""

from __future__ import annotations

from threading import Lock
from typing import Callable, Generator, Generic, Iterator, TypeVar

from twisted.internet.defer import CancelledError, DeferredSemaphore
from twisted.internet.error import ConnectionLost

from homeftp.files.revocation import RevocableJobs
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


async def total(jobs: RevocableJobs, begin: Callable[[], Iterator[int]]) -> int:
    """The sum of all steps, each of them a job of the pool."""
    steps, done = Steps(begin), 0
    try:
        while (count := await jobs.run_slice(steps.next)) is not None:
            done += count
        return done
    finally:
        await jobs.run_cleanup(steps.close)


class Pages(Generic[T]):
    """Pages of a store, for `async for`; each is a job of the pool. `aclose` ends what is not read to its end.

    The first page waits until the account may have one more listing: `slots` are those that it may have under way.
    `hashes` says that a page is a part of a hashing.
    Raises `ConnectionLost` once `closed()` is true: the client has disconnected.
    """

    def __init__(
        self,
        workers: IWorkers,
        begin: Callable[[], Iterator[T]],
        slots: DeferredSemaphore,
        closed: Callable[[], bool] = lambda: False,
        *,
        hashes: bool = False,
    ) -> None:
        self._workers = workers
        self._run = workers.run_hash if hashes else workers.run_slice
        self._steps = Steps(begin)
        self._slots = slots
        self._closed = closed
        self._under_way = False
        self._has_slot = False

    def __aiter__(self) -> Pages[T]:
        return self

    async def __anext__(self) -> T:
        if not self._under_way:
            self._workers.admit()
            await self._slots.acquire()
            self._under_way = self._has_slot = True
        try:
            if self._closed():
                raise ConnectionLost("the client has disconnected")
            page = await self._run(self._steps.next)
        except CancelledError:
            raise  # the job goes on: `aclose` waits for it
        except BaseException:
            self._release()
            raise
        if page is None:
            self._under_way = False
            self._release()
            raise StopAsyncIteration
        return page

    async def aclose(self) -> None:
        """Release what the store holds for the pages that were not read. May be called twice, and after the last."""
        if self._under_way:
            self._under_way = False
            try:
                await self._workers.run_unbounded(self._steps.close)
            finally:
                self._release()

    def _release(self) -> None:
        if self._has_slot:
            self._has_slot = False
            self._slots.release()
