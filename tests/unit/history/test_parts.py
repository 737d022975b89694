"""Timelines in parts: nothing is lost where one is cut, and what was there at a time is the same as in one piece."""

from __future__ import annotations

from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import LISTING_PAGE
from homeftp.history.parts import at_time, parts_of
from homeftp.history.timeline import Restoration, Timeline
from homeftp.model import Entry, Version


def timeline(name: str, versions: int, current: Entry | None = None) -> Timeline:
    """A name with versions that were replaced at 1, 2, 3, …, each made at once after the one before it."""
    found = tuple(Version("", at_us, made_us=at_us - 1) for at_us in range(1, versions + 1))
    return Timeline(name=name, current=current, made_us=None if current is None else versions, versions=found)


class PartsTests(SynchronousTestCase):
    """`parts_of` and `at_time`."""

    def test_parts(self) -> None:
        """No part has more than a page of versions, and what is there now comes with the last."""
        whole = timeline("a", 2 * LISTING_PAGE + 1, Entry("", "file"))
        parts = list(parts_of(whole))
        self.assertEqual([len(each.versions) for each in parts], [LISTING_PAGE, LISTING_PAGE, 1])
        self.assertEqual(sum((each.versions for each in parts), ()), whole.versions)
        self.assertEqual([(each.name, each.current) for each in parts], [("a", None)] * 2 + [("a", whole.current)])
        for few in (timeline("a", LISTING_PAGE), timeline("a", 0, Entry("", "file"))):
            self.assertEqual(list(parts_of(few)), [few])

    def test_at_time(self) -> None:
        """At any time there was what the whole timeline says, however its parts are spread over pages."""
        entry = Entry("", "file")
        many = timeline("b", 2 * LISTING_PAGE + 1, entry)
        names = [timeline("a", 1), many, timeline("b/c", 3), timeline("c", 0, entry)]
        parts = [part for each in names for part in parts_of(each)]
        pages: list[list[Sequence[Timeline]]] = [[parts], [[each] for each in parts], [parts[:2], (), parts[2:]]]
        for time in (0, 1, 2, LISTING_PAGE, LISTING_PAGE + 1, 2 * LISTING_PAGE + 1, 2 * LISTING_PAGE + 2):
            for split in pages:
                found = [each for page in at_time(split, time) for each in page]
                self.assertEqual([each.name for each in found], ["a", "b", "b/c", "c"])
                self.assertEqual([each.at(time) for each in found], [each.at(time) for each in names])
                self.assertLessEqual(max(len(each.versions) for each in found), 1)
                self.assertEqual(found[1].current, entry)
        self.assertEqual([[each.name for each in page] for page in at_time([names[:1]], 1)], [[], ["a"]])

    def test_restorations(self) -> None:
        """What was put back is in the part of its time, and counts in all of them."""
        now = Entry("", "file")
        versions = tuple(Version("", 10 * number, made_us=10 * number - 5) for number in range(1, LISTING_PAGE + 9))
        last = versions[-1].at_us
        restored = (
            Restoration(12, 7),
            Restoration(versions[LISTING_PAGE - 1].at_us + 2, 23),
            Restoration(last + 2, 22),
        )
        whole = Timeline(name="a", current=now, made_us=1, versions=versions, restored=restored)
        parts = list(parts_of(whole))
        self.assertEqual([each.restored for each in parts], [restored[:1], restored[1:]])
        for time in (1, 7, 8, 11, 12, 13, 21, 22, 23, 24, 30, last, last + 1, last + 2):
            for split in ([parts], [[each] for each in parts]):
                (found,) = [each for page in at_time(split, time) for each in page]
                self.assertEqual(found.at(time), whole.at(time), time)
                self.assertEqual((found.current, found.restored), (now, ()))
