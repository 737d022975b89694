"""Listings and versions page by page: few enough entries that a front end can send a page as one message."""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, TypeVar

from homeftp.config import LISTING_PAGE, LISTING_PAGE_BYTES
from homeftp.model import Entry, ListingPage

T = TypeVar("T")

ENTRY_BYTES = 320
"""Bytes that are counted for an entry besides its name: four large numbers, the mode, a hash and their names."""

LOOKED_AT_BYTES = ENTRY_BYTES // 8
"""Counted for a file that is only looked at, for the digests of its directory: it costs less time than an entry."""

STEP_ITEMS = 100
"""Items of a page that are made in one step: to look up so many files takes 1 to 2 ms."""

STEP_BYTES = STEP_ITEMS * ENTRY_BYTES
"""Bytes that are counted in one step, by which a step ends that looks at many files for each of its items."""

SKIPPED_BYTES = 16
"""Bytes that are counted for a pair of a name and a reason besides these: what separates them."""


def paged(items: Iterable[T | None], cost: Callable[[T], int]) -> Iterator[list[T]]:
    """Items page by page: at most `config.LISTING_PAGE`, and `LISTING_PAGE_BYTES` by `cost`.

    An empty page ends a step: one comes for each None, where to find the next item takes long, and after `STEP_ITEMS`
    items or `STEP_BYTES` without a page.
    """
    page: list[T] = []
    used = made = work = 0
    for item in items:
        if item is None or made == STEP_ITEMS or work >= STEP_BYTES:
            made = work = 0
            yield []
        if item is None:
            continue
        made += 1
        size = cost(item)
        work += size
        if page and (len(page) == LISTING_PAGE or used + size > LISTING_PAGE_BYTES):
            yield page
            page, used, made, work = [], 0, 1, size
        page.append(item)
        used += size
    if page:
        yield page


def entry_cost(name: str) -> int:
    """Bytes that an entry or a version of that name takes up, at most."""
    return ENTRY_BYTES + len(name.encode())


def listing_pages(items: Iterable[Entry | tuple[str, str] | None]) -> Iterator[ListingPage]:
    """Pages of entries, and of names that cannot be offered with the reason; None as for `paged`."""
    pages: Iterator[list[Entry | tuple[str, str]]] = paged(items, _cost)
    for page in pages:
        skipped = [item for item in page if isinstance(item, tuple)]
        entries = [item for item in page if isinstance(item, Entry)]
        yield ListingPage(tuple(entries), tuple(skipped))


def _cost(item: Entry | tuple[str, str]) -> int:
    if isinstance(item, tuple):
        return 2 * len(item[0].encode()) + len(item[1].encode()) + SKIPPED_BYTES
    if item.digests is None:
        return ENTRY_BYTES + len(item.name.encode())
    return entry_cost(item.name) + item.digests.files * LOOKED_AT_BYTES
