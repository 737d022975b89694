"""Work of a store step by step, each step a job of the pool: listings, versions, removal, digests."""

from __future__ import annotations

import abc
import time
from threading import Lock
from typing import AsyncGenerator, Awaitable, Callable, Generator, Generic, Iterator, Sequence, TypeVar

from msgspec import structs
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, FirstError, gatherResults
from twisted.internet.error import ConnectionLost

from homeftp.endpoint import Endpoint
from homeftp.errors import Damaged, Forbidden, NotFound, WrongKind
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.jobs.turns import detached
from homeftp.hashing.treedigest import TreeDigester
from homeftp.interfaces import IOpenFile, IWorkers
from homeftp.model import Entry, ListingPage, TreeDigest, TreeProgress
from homeftp.store.policy.pages import STEP_ITEMS

T = TypeVar("T")

HASHED_TOGETHER = 64
"""Files of a page that are hashed at once: the small ones of them are opened in one job."""

SHARED_SECONDS = 0.002
"""Processor time after which a job gives an empty page, while other accounts are served: they may wait for it."""

ALONE_SECONDS = 0.02
"""The same where no other account is served. To give a job to the pool takes 0.1 ms."""

REPORTED_FILES = 16
"""A directory with fewer files beneath it is not told by itself: to list it costs no more."""

HashFile = Callable[[Endpoint], Awaitable[Entry]]
"""The entry of a file, with its hash; raises `Forbidden` (33), `NotFound` (40), `WrongKind` (43) and `Damaged` (46)."""

StatFile = Callable[[Endpoint], Awaitable[Entry | None]]
"""The entry of a file; None where nothing is there."""


class Steps(Generic[T]):
    """Work of a store step by step. Its methods block; the store is not called before the first step.

    A step may be empty: a page of nothing. `processor` is the time that the calling thread has used.
    """

    def __init__(self, begin: Callable[[], Iterator[T]], processor: Callable[[], float] = time.thread_time) -> None:
        self._begin = begin
        self._processor = processor
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

    def next_found(self, seconds: float) -> T | None:
        """The next step that is not empty, or the one at which so many seconds of a processor have been used."""
        until = self._processor() + seconds
        while _is_empty(step := self.next()) and self._processor() < until:
            pass
        return step

    def close(self) -> None:
        """End it early, where it can be, after the step that is under way."""
        with self._lock:
            self._closed = True
            if isinstance(self._steps, Generator):
                self._steps.close()


async def total(jobs: RevocableJobs, begin: Callable[[], Iterator[int]], slots: DeferredSemaphore | None = None) -> int:
    """The sum of all steps, each of them a job of the pool; begun when there is a slot, if there are any."""
    if slots is not None:
        async with slots:
            return await total(jobs, begin)
    steps, done = Steps(begin), 0
    try:
        while (count := await jobs.run_slice(steps.next)) is not None:
            done += count
        return done
    finally:
        await jobs.run_cleanup(steps.close)


async def copied(jobs: RevocableJobs, begin: Callable[[], Iterator[int | Entry]]) -> Entry:
    """The entry of a copy, each step of it a job of the pool, while the client that wants it is connected."""
    steps = Steps(begin)
    try:
        while not isinstance(step := await jobs.run_wanted(steps.next), Entry):
            if step is None:
                raise RuntimeError("a store copied a file without giving its entry")
        return step
    finally:
        await jobs.run_cleanup(steps.close)


async def opened(
    jobs: RevocableJobs, begin: Callable[[], Iterator[IOpenFile | tuple[()]]], close: Callable[[IOpenFile], object]
) -> IOpenFile:
    """The file that the last step opens, while the client that wants it is connected; `close` gets one that comes late.

    The steps before are empty.
    """
    steps = Steps(begin)

    def discard(step: IOpenFile | tuple[()] | None) -> None:
        if step:
            close(step)

    try:
        while (step := await detached(jobs.run_wanted(steps.next_found, seconds_of(jobs.workers)), discard)) == ():
            pass
    except BaseException:
        jobs.run_cleanup(steps.close)
        raise
    if not step:
        raise RuntimeError("a file was looked for without an answer")
    return step


class Pages(abc.ABC, Generic[T]):
    """Pages of a store, for `async for`. `aclose` ends what is not read to its end.

    The first page waits until the account may have one more listing: `slots` are those that it may have under way.
    Raises `ConnectionLost` once `closed()` is true: the client has disconnected.
    """

    def __init__(
        self,
        workers: IWorkers,
        slots: DeferredSemaphore,
        closed: Callable[[], bool] = lambda: False,
    ) -> None:
        self._workers = workers
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
            page = await self._next()
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
                await self._end()
            finally:
                self._release()

    @abc.abstractmethod
    async def _next(self) -> T | None:
        """The next page; None after the last."""

    @abc.abstractmethod
    async def _end(self) -> None:
        """Nothing more is read."""

    def _release(self) -> None:
        if self._has_slot:
            self._has_slot = False
            self._slots.release()


class StorePages(Pages[T]):
    """The pages that `begin` iterates over: a job of the pool for each, and more for one that takes long.

    `processor` is the time that a thread of the pool has used.
    """

    def __init__(
        self,
        workers: IWorkers,
        begin: Callable[[], Iterator[T]],
        slots: DeferredSemaphore,
        closed: Callable[[], bool] = lambda: False,
        processor: Callable[[], float] = time.thread_time,
    ) -> None:
        super().__init__(workers, slots, closed)
        self._steps = Steps(begin, processor)

    async def _next(self) -> T | None:
        while _is_empty(page := await self._workers.run_slice(self._steps.next_found, seconds_of(self._workers))):
            if self._closed():
                break
        return page

    async def _end(self) -> None:
        await self._workers.run_unbounded(self._steps.close)


def seconds_of(workers: IWorkers) -> float:
    """The processor time that a job for `Steps.next_found` may use now."""
    return SHARED_SECONDS if workers.shared else ALONE_SECONDS


def _is_empty(step: object) -> bool:
    """Whether a step has found nothing to give yet."""
    if isinstance(step, ListingPage):
        return not step.entries and not step.skipped
    return isinstance(step, (list, tuple)) and not step


class TreeSteps:
    """Adds the pages of a recursive listing to the digests of its directory. The pool runs `steps`."""

    def __init__(self, begin: Callable[[], Iterator[ListingPage]]) -> None:
        self._begin = begin
        self._digester = TreeDigester()
        self._hashed: dict[str, Entry | None] = {}
        """The files of the last step: None where one is not there any more."""
        self._skipping: set[str] = set()
        """Directories in or beneath which something was skipped."""

    def steps(self) -> Iterator[ListingPage]:
        """The pages. `fill_in` all files of each that have no hash before the next step. Some pages are empty."""
        for page in self._begin():
            for name, _ in page.skipped:
                self._skip(name)
            self._hashed = {}
            yield page
            for start in range(0, len(page.entries), STEP_ITEMS):
                for entry in page.entries[start : start + STEP_ITEMS]:
                    found = self._hashed[entry.name] if _lacks_hash(entry) else entry
                    if found is not None:
                        self._digester.add(found)
                yield ListingPage(())

    def fill_in(self, name: str, entry: Entry | None) -> None:
        """Fill in the present entry of a file of the last step; None where the file is gone.

        One without a hash counts as damaged: it could not be read.
        """
        if entry is not None:
            entry = structs.replace(entry, name=name, damaged="" if _lacks_hash(entry) else entry.damaged)
        self._hashed[name] = entry

    def skip(self, name: str) -> None:
        """Count a file of the last step as skipped: it cannot be compared."""
        self._hashed[name] = None
        self._skip(name)

    def _skip(self, name: str) -> None:
        self._digester.skip(1)
        while name:  # it may be a directory that could not be read to its end
            self._skipping.add(name)
            name = name.rpartition("/")[0]

    def take_directories(self) -> tuple[tuple[str, TreeDigest], ...]:
        """The larger directories that are complete since the last call, but for those in which something was skipped.

        Whatever else is wrong in them, their digests say that they cannot be the same.
        """
        complete, self._digester.directories = self._digester.directories, []
        return tuple(each for each in complete if each[1].files >= REPORTED_FILES and each[0] not in self._skipping)

    @property
    def files(self) -> int:
        """Files that were added."""
        return self._digester.files

    def digest(self) -> TreeDigest:
        """The digests, after the last step."""
        return self._digester.digest()


def _lacks_hash(entry: Entry) -> bool:
    return entry.kind == "file" and entry.hash is None and entry.damaged is None


async def tree_digest(
    endpoint: Endpoint, tree: TreeSteps, pages: Pages[ListingPage], hash: HashFile, stat: StatFile
) -> AsyncGenerator[TreeProgress | TreeDigest, None]:
    """Give the progress after each page, and the digests last. `pages` are the steps of `tree`."""
    read = 0
    try:
        async for page in pages:
            unknown = [entry for entry in page.entries if _lacks_hash(entry)]
            for start in range(0, len(unknown), HASHED_TOGETHER):
                read += await _hash_all(endpoint, tree, unknown[start : start + HASHED_TOGETHER], hash, stat)
            yield TreeProgress(tree.files, read, tree.take_directories())
        found = tree.digest()
        last = tree.take_directories()
        if last:
            yield TreeProgress(found.files, read, last)
        yield found
    finally:
        await pages.aclose()


async def _hash_all(
    endpoint: Endpoint, tree: TreeSteps, entries: Sequence[Entry], hash: HashFile, stat: StatFile
) -> int:
    """Tell `tree` what each of these files is, with its hash; the bytes that were read."""

    async def hash_one(name: str) -> int:
        try:
            entry = await _hashed(endpoint.child(name), hash, stat)
        except (Forbidden, WrongKind):  # the server may not read it, or it is a link by now
            tree.skip(name)
            return 0
        tree.fill_in(name, entry)
        return 0 if entry is None else entry.size

    try:
        done = [Deferred.fromCoroutine(hash_one(entry.name)) for entry in entries]
        return sum(await gatherResults(done, consumeErrors=True))
    except FirstError as failed:
        failed.subFailure.raiseException()
        raise


async def _hashed(endpoint: Endpoint, hash: HashFile, stat: StatFile) -> Entry | None:
    """The entry of a file, with its hash unless it is damaged; None where it is not there any more."""
    try:
        return await hash(endpoint)
    except Damaged:
        return await stat(endpoint)
    except NotFound:
        return None
