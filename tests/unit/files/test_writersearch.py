"""The search for the writer of a file: it finds, gives way, and ends with the login."""

from __future__ import annotations

from typing import Iterator, Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import Endpoint, parse
from homeftp.files.jobs.share import SEARCHES_AT_ONCE, AccountResources
from homeftp.files.writersearch import WriterSearch
from homeftp.history.writer import Writer
from tests.support.queuedworkers import QueuedWorkers


class WriterSearchTests(SynchronousTestCase):
    """Searches of one account, whose jobs run one by one."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        share = AccountResources("ann", self.workers)
        self.searching = WriterSearch(self.steps, lambda account: share)
        self.searched: list[int] = []
        self.searches = 0
        self.is_over = False

    def steps(self, endpoint: Endpoint, content_hash: str) -> Iterator[Sequence[Writer]]:
        """Three steps find nothing, the fourth the writer; the log of `bad` cannot be read."""
        number = self.searches
        self.searches += 1
        for _ in range(3):
            self.searched.append(number)
            yield ()
        if endpoint == parse("bad"):
            raise OSError(5, "Input/output error")
        yield [Writer("ann", None, number)]

    def search(self, name: str = "a") -> Deferred[Writer | None]:
        """A search begins."""
        return Deferred.fromCoroutine(self.searching.find("ann", parse(name), "sha256:x", lambda: self.is_over))

    def test_found(self) -> None:
        """The search goes on step by step until it finds the writer; the control of what follows."""
        found = self.search()
        self.workers.work_all()
        self.assertEqual(self.successResultOf(found), Writer("ann", None, 0))
        self.assertEqual(self.searched, [0, 0, 0])

    def test_over(self) -> None:
        """A search that nobody waits for any more ends after the step that waits already."""
        found = self.search()
        self.workers.work()
        self.is_over = True
        self.workers.work_all()
        self.assertIsNone(self.successResultOf(found))
        self.assertEqual(len(self.searched), 2)

    def test_turns(self) -> None:
        """Of many searches of one account few are under way at a time."""
        found = [self.search() for _ in range(5)]
        self.workers.work()
        self.assertEqual(set(self.searched), set(range(SEARCHES_AT_ONCE)))
        self.workers.work_all()
        self.assertEqual([self.successResultOf(each) is not None for each in found], [True] * 5)

    def test_unreadable(self) -> None:
        """Nobody is found where the log cannot be read, and the server's own log says why."""
        found = self.search("bad")
        self.workers.work_all()
        self.assertIsNone(self.successResultOf(found))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
