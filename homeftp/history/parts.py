"""Timelines in parts: a name may have a million versions, and no step of a listing holds more than a page of them.

The parts of a name follow each other, the oldest versions first. What is there now comes with the last one.
"""

from __future__ import annotations

from typing import Iterable, Iterator, Sequence

from homeftp.config import LISTING_PAGE
from homeftp.history.timeline import Timeline
from homeftp.model import Version


def parts_of(timeline: Timeline) -> Iterator[Timeline]:
    """A timeline as parts of at most a page of versions each."""
    left = timeline.versions
    while len(left) > LISTING_PAGE:
        yield Timeline(name=timeline.name, versions=left[:LISTING_PAGE])
        left = left[LISTING_PAGE:]
    yield timeline.with_versions(left)


def at_time(pages: Iterable[Sequence[Timeline]], as_of_us: int) -> Iterator[Sequence[Timeline]]:
    """Each name once, page by page, with no versions but the one that was there at that time, if it was one.

    What `Timeline.at` gives for that time stays the same.
    """
    held: list[Timeline] = []  # the page before: its last name may go on in this one
    for page in pages:
        whole: list[Timeline] = []
        for part in page:
            found = part.at(as_of_us)
            versions: tuple[Version, ...] = (found,) if isinstance(found, Version) else ()
            before = whole or held
            if before and before[-1].name == part.name:
                before[-1] = part.with_versions(before[-1].versions or versions)
            else:
                whole.append(part.with_versions(versions))
        if whole:
            held, whole = whole, held
        yield whole
    yield held
