"""What a store does or gives step by step."""

from __future__ import annotations

import itertools
from functools import partial
from typing import AsyncIterator, Callable, Iterator

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from homeftp.errors import NotFound
from homeftp.files.jobs.revocation import PermanentLogin, RevocableJobs
from homeftp.files.pages import SHARED_SECONDS, Pages, Steps, StorePages, copied, opened, total
from homeftp.interfaces import IOpenFile
from homeftp.model import Entry, ListingPage
from homeftp.store.buffers import BytesFile
from tests.support.queuedworkers import QueuedWorkers


class StepsTests(SynchronousTestCase):
    """Steps of a generator."""

    def setUp(self) -> None:
        self.done: list[str] = []

    def steps(self) -> Iterator[int]:
        """Two steps; notes what was done."""
        self.done.append("begun")
        try:
            yield 1
            yield 2
        finally:
            self.done.append("closed")

    def test_all(self) -> None:
        """Nothing begins before the first step; after the last comes None."""
        steps = Steps(self.steps)
        self.assertEqual(self.done, [])
        self.assertEqual([steps.next() for _ in range(4)], [1, 2, None, None])
        self.assertEqual(self.done, ["begun", "closed"])

    def test_close(self) -> None:
        """Closing ends what was begun, and nothing where nothing was, or where it cannot be closed."""
        steps = Steps(self.steps)
        steps.close()
        self.assertIsNone(steps.next())
        self.assertEqual(self.done, [])
        steps = Steps(self.steps)
        steps.next()
        steps.close()
        self.assertEqual(self.done, ["begun", "closed"])
        plain = Steps(lambda: iter([1, 2]))
        plain.next()
        plain.close()


class CopiedTests(SynchronousTestCase):
    """A copy, step by step."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.login = PermanentLogin()
        self.closed = False

    def copy(self, *steps: int | Entry) -> Iterator[int | Entry]:
        try:
            yield from steps
        finally:
            self.closed = True

    def begin(self, *steps: int | Entry) -> Deferred[Entry]:
        return Deferred.fromCoroutine(copied(RevocableJobs(self.workers, self.login), partial(self.copy, *steps)))

    def test_steps(self) -> None:
        """Each step is a slice of its own, so that those of other accounts run in between."""
        entry = Entry("a", "file", 3)
        running = self.begin(1, 2, entry)
        self.assertEqual([self.workers.work() for _ in range(4)], [1] * 4)
        self.assertEqual((self.successResultOf(running), self.closed), (entry, True))

    def test_not_wanted(self) -> None:
        """Once the client has disconnected no further step is made, and the store is told."""
        running = self.begin(1, 2, 3)
        self.workers.work()
        self.login.closed = True
        self.assertFalse(self.closed, "the control")
        self.workers.work_all()
        self.failureResultOf(running, ConnectionLost)
        self.assertTrue(self.closed)

    def test_no_entry(self) -> None:
        """A store that gives no entry is at fault."""
        running = self.begin(1)
        self.workers.work_all()
        self.failureResultOf(running, RuntimeError)


class OpenedTests(SynchronousTestCase):
    """A file that is looked for step by step."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.workers.shared = True
        self.login = PermanentLogin()
        self.file = BytesFile(Entry("", "file", 1), b"x")
        self.late: list[IOpenFile] = []
        self.ended = False

    def steps(self, *found: IOpenFile | tuple[()]) -> Iterator[IOpenFile | tuple[()]]:
        """These steps."""
        try:
            yield from found
        finally:
            self.ended = True

    def begin(self, *found: IOpenFile | tuple[()]) -> Deferred[IOpenFile]:
        """Look for a file."""
        jobs = RevocableJobs(self.workers, self.login)
        return Deferred.fromCoroutine(opened(jobs, partial(self.steps, *found), self.late.append))

    def test_found(self) -> None:
        """The first step that is not empty gives it."""
        running = self.begin((), (), self.file)
        self.workers.work_all()
        self.assertIs(self.successResultOf(running), self.file)
        self.assertEqual(self.late, [])

    def test_cancelled(self) -> None:
        """One that is opened after nobody waits any more is closed."""
        running = self.begin(self.file)
        running.cancel()
        self.failureResultOf(running, CancelledError)
        self.workers.work_all()
        self.assertEqual(self.late, [self.file])

    def test_disconnected(self) -> None:
        """Once the client has disconnected nothing more is looked at."""
        running = self.begin(self.file)
        self.login.closed = True
        self.workers.work_all()
        self.failureResultOf(running, ConnectionLost)
        self.assertEqual(self.late, [])

    def test_nothing(self) -> None:
        """A store that gives no file is at fault."""
        running = self.begin(())
        self.workers.work_all()
        self.failureResultOf(running, RuntimeError)


class PagesTests(SynchronousTestCase):
    """Pages for `async for`."""

    def test_pages(self) -> None:
        """Each page is a job of its own, so that a long listing does not keep a thread."""
        workers = QueuedWorkers()

        async def collect(pages: AsyncIterator[int]) -> list[int]:
            return [page async for page in pages]

        collecting = Deferred.fromCoroutine(collect(StorePages(workers, lambda: iter([1, 2]), DeferredSemaphore(1))))
        for _ in range(3):
            self.assertNoResult(collecting)
            self.assertEqual(workers.work(), 1)
        self.assertEqual(self.successResultOf(collecting), [1, 2])

    def test_empty(self) -> None:
        """A page without anything is not given. Beside other accounts a job ends after 2 ms of a processor without one.

        Alone an account has ten times as long.
        """
        for shared, jobs in ((True, [1, 2, 1]), (False, [1, 1, 1])):
            seconds = itertools.count(0.0, SHARED_SECONDS / 3)
            workers = QueuedWorkers()
            workers.shared = shared
            steps: list[list[int]] = [[], [1], [], [], [], [2]]
            slots = DeferredSemaphore(1)
            pages = StorePages(workers, partial(iter, steps), slots, processor=partial(next, seconds))
            for expected in jobs:
                page = Deferred.fromCoroutine(pages.__anext__())
                self.assertEqual(self.jobs_until(workers, page), expected)
            self.failureResultOf(page, StopAsyncIteration)

    def jobs_until(self, workers: QueuedWorkers, done: Deferred[list[int]]) -> int:
        """How many jobs, one after the other, lead to a result."""
        count = 0
        while not done.called:
            count += workers.work()
        return count

    def test_empty_pages(self) -> None:
        """A page of a listing is empty that has neither an entry nor a skipped name."""
        workers = QueuedWorkers()
        steps = [ListingPage(()), ListingPage((Entry("a", "file"),)), ListingPage(()), ListingPage((), (("b", "why"),))]

        async def collect(pages: AsyncIterator[ListingPage]) -> list[ListingPage]:
            return [page async for page in pages]

        collecting = Deferred.fromCoroutine(collect(StorePages(workers, lambda: iter(steps), DeferredSemaphore(1))))
        workers.work_all()
        self.assertEqual(self.successResultOf(collecting), [steps[1], steps[3]])

    def test_closed(self) -> None:
        """Pages that are not read to the end are closed in the pool; those that were, or never began, need no job."""
        workers = QueuedWorkers()
        done: list[str] = []

        def begin() -> Iterator[int]:
            try:
                yield 1
                yield 2
            finally:
                done.append("closed")

        pages = StorePages(workers, begin, DeferredSemaphore(1))
        self.successResultOf(Deferred.fromCoroutine(pages.aclose()))
        reading = Deferred.fromCoroutine(pages.__anext__())
        workers.work()
        self.assertEqual((self.successResultOf(reading), done), (1, []))
        closing = Deferred.fromCoroutine(pages.aclose())
        self.assertNoResult(closing)
        workers.work()
        self.successResultOf(closing)
        self.assertEqual(done, ["closed"])
        self.successResultOf(Deferred.fromCoroutine(pages.aclose()))
        self.assertEqual(workers.jobs, [])

    def test_slots(self) -> None:
        """A listing begins when the account may have one more; however one ends, the next begins."""
        workers = QueuedWorkers()
        slots = DeferredSemaphore(1)
        begun: list[int] = []

        def listing(number: int, *steps: Callable[[], int]) -> Pages[int]:
            def begin() -> Iterator[int]:
                begun.append(number)
                for step in steps:
                    yield step()

            return StorePages(workers, begin, slots)

        def broken() -> int:
            raise NotFound("it does not exist")

        made = [listing(0, int), listing(1, broken), listing(2, int, int), listing(3, int)]
        first = [Deferred.fromCoroutine(pages.__anext__()) for pages in made]
        workers.work()
        self.assertEqual((self.successResultOf(first[0]), begun), (0, [0]))
        self.assertEqual(workers.work(), 0)
        last = Deferred.fromCoroutine(made[0].__anext__())
        workers.work()
        self.failureResultOf(last, StopAsyncIteration)
        workers.work()
        self.failureResultOf(first[1], NotFound)
        workers.work()
        self.assertEqual((self.successResultOf(first[2]), begun), (0, [0, 1, 2]))
        closing = Deferred.fromCoroutine(made[2].aclose())
        workers.work()
        self.successResultOf(closing)
        workers.work()
        self.assertEqual((self.successResultOf(first[3]), begun), (0, [0, 1, 2, 3]))
        for pages in made:
            Deferred.fromCoroutine(pages.aclose())
            workers.work()
        self.assertEqual(slots.tokens, 1)

    def test_disconnected(self) -> None:
        """No page is made for a client that has disconnected, whether its listing has begun or waits."""
        workers = QueuedWorkers()
        slots = DeferredSemaphore(1)
        closed = [False]
        begun, waiting = (StorePages(workers, lambda: iter([1, 2]), slots, lambda: closed[0]) for _ in range(2))
        reading = [Deferred.fromCoroutine(pages.__anext__()) for pages in (begun, waiting)]
        self.assertEqual(workers.work(), 1, "the control")
        closed[0] = True
        self.failureResultOf(Deferred.fromCoroutine(begun.__anext__()), ConnectionLost)
        self.successResultOf(reading[0])
        self.failureResultOf(reading[1], ConnectionLost)
        self.assertEqual((workers.jobs, slots.tokens), ([], 1))

    def test_total(self) -> None:
        """Steps are added up, each a job of its own, and closed at the end."""
        workers = QueuedWorkers()
        adding = Deferred.fromCoroutine(total(RevocableJobs(workers, PermanentLogin()), lambda: iter([1, 0, 5])))
        for _ in range(5):
            self.assertNoResult(adding)
            self.assertEqual(workers.work(), 1)
        self.assertEqual(self.successResultOf(adding), 6)
