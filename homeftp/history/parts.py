"""Timelines in parts: a name may have a million versions, and no step of a listing holds more than a page of them.

The parts of a name follow each other, the oldest versions first. What is there now comes with the last one.
"""

from __future__ import annotations

from typing import Iterable, Iterator, Sequence

from homeftp.config import LISTING_PAGE
from homeftp.history.timeline import PastSearch, Timeline


def parts_of(timeline: Timeline) -> Iterator[Timeline]:
    """A timeline as parts of at most a page of versions each."""
    left, restored = timeline.versions, timeline.restored
    while len(left) > LISTING_PAGE:
        here = left[:LISTING_PAGE]
        before = tuple(each for each in restored if each.at_us < here[-1].at_us)
        yield Timeline(name=timeline.name, versions=here, restored=before)
        left, restored = left[LISTING_PAGE:], restored[len(before) :]
    yield timeline.with_past(left, restored)


def at_time(pages: Iterable[Sequence[Timeline]], as_of_us: int) -> Iterator[Sequence[Timeline]]:
    """Each name once, page by page, with no versions but the one that was there at that time, if it was one.

    What `Timeline.at` gives for that time stays the same.
    """
    held: list[Timeline] = []  # the page before: its last name may go on in this one
    search = PastSearch(as_of_us)
    for page in pages:
        whole: list[Timeline] = []
        for part in page:
            before = whole or held
            if not before or before[-1].name != part.name:
                search = PastSearch(as_of_us)
                before = whole
            else:
                before.pop()
            search.add(part)
            if search.found is not None:
                before.append(part.with_past((search.found,)))
            else:
                before.append(part.absent_at(as_of_us) if search.ended else part.with_past(()))
        if whole:
            held, whole = whole, held
        yield whole
    yield held
