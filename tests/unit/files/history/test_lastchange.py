"""Without a time the last change is undone: when it began."""

from __future__ import annotations

from typing import Sequence
from unittest import mock

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import parse
from homeftp.errors import NotFound
from homeftp.files.history.lastchange import ONE_CHANGE_US, last_change
from homeftp.files.history.pruning import prune
from homeftp.files.history.restoring import restore_tree
from homeftp.history.timeline import Timeline
from homeftp.model import Version
from tests.support.pasts import PastCase


class LastChangeTests(PastCase):
    """Without a time the last change is undone."""

    def undo(self) -> None:
        """Put "d" back as it was before its last change."""
        for _ in restore_tree(self.whole, parse("d"), None, dry_run=False):
            pass

    def test_removed_folder(self) -> None:
        """The removal of a folder is one change, however soon it follows others."""
        for name in ("a", "b", "c"):
            self.write(f"d/{name}", b"first")
        self.now_us += 10
        self.write("d/a", b"second")
        self.remove("d/c")
        then = self.tree("d")
        self.now_us += 10
        self.remove("d")
        self.undo()
        self.assertEqual(self.tree("d"), then)

    def test_series(self) -> None:
        """Changes of several files that follow each other closely count as one; earlier ones stay."""
        for name in ("a", "b", "c", "d"):
            self.write(f"d/{name}", b"first")
        self.now_us += 10 * ONE_CHANGE_US
        self.write("d/a", b"second")
        then = self.tree("d")
        for name in ("a", "b", "c", "d"):
            self.now_us += 10 * ONE_CHANGE_US if name == "a" else ONE_CHANGE_US // 2
            self.remove(f"d/{name}")
        self.undo()
        self.assertEqual(self.tree("d"), then)

    def test_many_versions(self) -> None:
        """The last two changes of a file are told apart, also where its versions do not fit into one page."""
        for versions in (LISTING_PAGE, LISTING_PAGE + 1, LISTING_PAGE + 2):
            for number in range(versions + 1):
                self.now_us += 10
                self.write("d/a", b"%d" % number)
            self.undo()
            self.assertEqual(self.tree("d"), {"a": b"%d" % (versions - 1)})
            self.remove("d")
            for _ in prune(self.whole, parse(""), before_us=None, keep=0, dry_run=False):
                pass

    def test_twice(self) -> None:
        """One change changes no file twice, so that only the second of two is undone, however close they are."""
        for content in (b"first", b"second", b"third"):
            self.now_us += ONE_CHANGE_US // 100
            for name in ("a", "b"):
                self.now_us += 10
                self.write(f"d/{name}", content)
        self.undo()
        self.assertEqual(self.tree("d"), {"a": b"second", "b": b"second"})

    def test_repeated(self) -> None:
        """The same request again changes nothing: what replaced the files was made after the time that was gone to."""
        for name in ("b", "d"):
            self.write(f"d/{name}", b"first")
        then = self.tree("d")
        self.now_us += 10 * ONE_CHANGE_US
        for name in ("b", "c", "d"):
            self.now_us += 10
            self.write(f"d/{name}", b"second")
        self.now_us += 10
        steps = list(restore_tree(self.whole, parse("d"), None, dry_run=False))
        self.assertEqual(self.tree("d"), then, "new files are part of the change")
        (as_of_us,) = {step.as_of_us for step in steps} - {None}
        again = restore_tree(self.whole, parse("d"), as_of_us, dry_run=False)
        self.assertEqual([each for step in again for each in step.reverted], [])
        self.assertEqual(self.tree("d"), then)

    def test_made_before(self) -> None:
        """A content may have been made before the one that it replaces went: by a second at most, and after others."""

        def found(at_us: int, made_us: int | None, version_made_us: int | None = 1, *other: int) -> int | None:
            others = [Timeline(name="b", versions=tuple(Version("", each) for each in other))]
            first = Timeline(name="a", made_us=made_us, versions=(Version("", at_us, made_us=version_made_us),))
            history = mock.Mock()
            history.timelines.side_effect = lambda endpoint, since_us: [
                [each.with_past(tuple(kept for kept in each.versions if kept.at_us >= since_us))]
                for each in (first, *others)
            ]
            *_, last = last_change(history, parse("d"))
            return last

        at = 10 * ONE_CHANGE_US
        self.assertEqual([found(at, made) for made in (at, at - 5, at + 5, None)], [at - 1, at - 6, at, at])
        self.assertEqual(found(at, at - ONE_CHANGE_US - 1), at, "an upload that took long")
        self.assertEqual(found(at, at - 5, at - 3), at - 3, "what is put back had been made then")
        self.assertEqual(found(at, at - 5, 1, at - 4, at - 3), at - 3, "after the change before")

    def found(self, *timelines: Sequence[int]) -> int | None:
        """The time that is found for files that were changed at these times."""

        def since(endpoint: object, since_us: int) -> list[list[Timeline]]:
            versions = [[Version("", at) for at in times if at >= since_us] for times in timelines]
            return [[Timeline(name=f"{number}", versions=tuple(each))] for number, each in enumerate(versions)]

        history = mock.Mock(**{"timelines.side_effect": since})
        *steps, found = last_change(history, parse("d"))
        self.assertEqual(set(steps), {None})
        return found

    def test_found(self) -> None:
        """In whatever order the files come it is the beginning of the last change."""
        half = ONE_CHANGE_US // 2
        times = [20 * half, 21 * half, 22 * half, 1000 * half, 1001 * half, 2000 * half, 2001 * half]
        for order in (times, times[::-1], times[3:] + times[:3], times[1::2] + times[::2]):
            self.assertEqual(self.found(*([each] for each in order)), 2000 * half)
        self.assertEqual(self.found([5], [5], [4]), 5)
        self.assertEqual(self.found([5, 6], [7], [4]), 6)

    def test_none(self) -> None:
        """Without any version there is nothing to go back to."""
        self.write("d/a", b"1")
        self.assertRaises(NotFound, self.undo)
