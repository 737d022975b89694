"""An open directory: page by page, with what only its session sees."""

from __future__ import annotations

from typing import Any, AsyncIterator

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT
from homeftp.errors import Busy
from homeftp.model import Entry, ListingPage
from homeftp.server.sftp.listing import IDLE_SECONDS, MOST_NAMES, DirectoryReader


class ListingTests(SynchronousTestCase):
    """A directory of 700 files, one of which is a draft too."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.closed = 0
        drafts = [Entry("new", "file"), Entry("3", "file", size=9)]
        pages: Any = self.pages
        self.reader = DirectoryReader(ROOT, pages, lambda: drafts, self.clock)

    async def pages(self) -> AsyncIterator[ListingPage]:
        """Two pages."""
        try:
            for start in (0, 350):
                yield ListingPage(tuple(Entry(str(number), "file") for number in range(start, start + 350)))
        finally:
            self.closed += 1

    def test_read(self) -> None:
        """Every name comes once, drafts as they are; then there are no more."""
        found: list[Entry] = []
        while entries := self.successResultOf(self.reader.read()):
            self.assertLessEqual(len(entries), MOST_NAMES)
            found.extend(entries)
        self.assertEqual(sorted(entry.name for entry in found), sorted(["new", *map(str, range(700))]))
        self.assertEqual({entry.size for entry in found if entry.name == "3"}, {9})
        self.assertEqual((self.closed, self.clock.getDelayedCalls()), (1, []))
        self.reader.close()

    def test_idle(self) -> None:
        """A listing that is not read on is closed; one that is read in time is not."""
        self.successResultOf(self.reader.read())
        self.clock.advance(IDLE_SECONDS - 1)
        self.successResultOf(self.reader.read())
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertEqual(self.closed, 0)
        self.clock.advance(1)
        self.assertEqual(self.closed, 1)
        self.failureResultOf(self.reader.read(), Busy)

    def test_closed(self) -> None:
        """One that is closed early gives nothing back later."""
        self.successResultOf(self.reader.read())
        self.reader.close()
        self.assertEqual((self.closed, self.successResultOf(self.reader.read())), (1, []))
        self.assertEqual(self.clock.getDelayedCalls(), [])
