"""What a store does or gives step by step."""

from __future__ import annotations

from typing import AsyncIterator, Iterator

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.files.pages import Pages, Steps
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


class PagesTests(SynchronousTestCase):
    """Pages for `async for`."""

    def test_pages(self) -> None:
        """Each page is a job of its own, so that a long listing does not keep a thread."""
        workers = QueuedWorkers()

        async def collect(pages: AsyncIterator[int]) -> list[int]:
            return [page async for page in pages]

        collecting = Deferred.fromCoroutine(collect(Pages(workers, lambda: iter([1, 2]))))
        for _ in range(3):
            self.assertNoResult(collecting)
            self.assertEqual(workers.work(), 1)
        self.assertEqual(self.successResultOf(collecting), [1, 2])

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

        pages = Pages(workers, begin)
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
