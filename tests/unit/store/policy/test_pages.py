"""Pages of listings are small enough to be one message."""

from __future__ import annotations

from typing import Iterator

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import LISTING_PAGE, LISTING_PAGE_BYTES
from homeftp.hashing.treedigest import DirectoryDigester
from homeftp.model import Entry
from homeftp.store.policy.pages import STEP_ITEMS, entry_cost, listing_pages, paged


class PageTests(SynchronousTestCase):
    """Pages."""

    def test_paged(self) -> None:
        """A page ends at the most items or bytes; nothing is lost, and an item that is too large has its own."""
        self.assertEqual(list(paged([], len)), [])
        pages = list(filter(None, paged(range(LISTING_PAGE + 1), lambda item: 1)))
        self.assertEqual([len(page) for page in pages], [LISTING_PAGE, 1])
        items = [b"x" * (LISTING_PAGE_BYTES // 2)] * 3
        self.assertEqual([len(page) for page in filter(None, paged(items, len))], [2, 1])
        items = [b"x", b"x" * (LISTING_PAGE_BYTES + 1), b"x"]
        self.assertEqual([len(page) for page in filter(None, paged(items, len))], [1, 1, 1])

    def test_none(self) -> None:
        """None is an empty page: a step ends that has found nothing. What was found waits for its page to be full."""
        self.assertEqual(list(paged([None, 1, 2, None, None, 3], lambda item: 1)), [[], [], [], [1, 2, 3]])

    def test_steps(self) -> None:
        """No more than `STEP_ITEMS` items are asked for before a step ends, and an empty page ends one, too."""
        taken = 0

        def items() -> Iterator[int]:
            nonlocal taken
            while taken <= LISTING_PAGE:
                taken += 1
                yield taken

        pages = paged(items(), lambda item: 1)
        for asked in range(STEP_ITEMS, LISTING_PAGE, STEP_ITEMS):
            self.assertEqual(next(pages), [])
            self.assertEqual(taken, asked + 1)
        self.assertEqual([len(page) for page in pages], [0, LISTING_PAGE, 1])

    def test_listing(self) -> None:
        """A page has entries and skipped names, in their order; long names make it shorter."""
        (page,) = listing_pages([Entry("a", "file"), ("b", "is skipped"), Entry("c", "file")])
        self.assertEqual(([each.name for each in page.entries], page.skipped), (["a", "c"], (("b", "is skipped"),)))
        long = [Entry(f"{number}" + "é" * 2000, "file") for number in range(100)]
        pages = list(listing_pages(long))
        self.assertGreater(len(pages), 1)
        self.assertTrue(
            all(sum(entry_cost(each.name) for each in page.entries) <= LISTING_PAGE_BYTES for page in pages)
        )
        self.assertEqual([each for page in pages for each in page.entries], long)

    def test_digests(self) -> None:
        """A directory whose digests are known counts with its files: a page is made in one job of the pool.

        So does a step, which others may have to wait for.
        """
        digester = DirectoryDigester()
        for number in range(1000):
            digester.add_file(f"{number:04}", 0, "", None, None)
        digests = digester.digest()
        for known, pages, ended in ((None, [20], 0), (digests, [4] * 5, 19)):
            listed = [Entry(f"{number}", "directory", digests=known) for number in range(20)]
            steps = [len(page.entries) for page in listing_pages(listed)]
            self.assertEqual((list(filter(None, steps)), steps.count(0)), (pages, ended))
