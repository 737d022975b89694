"""Random trees, put back to random times, also from before other restores: what is listed is what is put back."""

from __future__ import annotations

import contextlib
from typing import ContextManager, Iterator, Sequence
from unittest import mock

from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import Refusal
from homeftp.files.history.past import list_past
from homeftp.files.history.restoring import restore_tree
from homeftp.history.parts import at_time
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IHistory
from homeftp.store.memorytree import MemoryTree
from tests.support.needs import LONG
from tests.support.pasts import PastCase
from tests.support.repeatable import REPEATABLE

STEP_US = 1_000_000

NAMES = ("d/p", "d/p/x", "d/p/x/y", "d/p/z", "d/q")
"""Names of which some are beneath others: each can be a file or a directory."""

CHANGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(("write", "remove"))), min_size=1, max_size=8)
TIMES = st.lists(st.integers(0, 15), max_size=4)


class _Trees(PastCase):
    """One store: each step takes a second, and the time that a tree is put back to is in the middle of one."""

    def runTest(self) -> None:
        """There is nothing to run: the tests below change it."""

    def changed(self, changes: Sequence[tuple[str, str]]) -> list[dict[str, bytes | None]]:
        """Change it; the tree after each step. What cannot be is left out."""
        self.setUp()
        self.write("d/first", b"first")
        trees = []
        for number, (name, what) in enumerate(changes):
            self.now_us += STEP_US
            with contextlib.suppress(Refusal):
                self.write(name, b"%d" % number) if what == "write" else self.remove(name)
            trees.append(self.files())
        return trees

    def files(self) -> dict[str, bytes | None]:
        """The files of the tree, without its directories."""
        return {name: content for name, content in self.tree("d").items() if content is not None}

    def listed(self, as_of_us: int) -> dict[str, int]:
        """The files that a listing tells of a time, with their sizes."""
        pages = list_past(self.whole, as_of_us, parse("d"), True)
        return {entry.name: entry.size for page in pages for entry in page.entries if entry.kind == "file"}

    def restored(self, as_of_us: int) -> list[Exception]:
        """Put the tree back a second later; what was refused."""
        self.now_us += STEP_US
        steps = restore_tree(self.whole, parse("d"), as_of_us, dry_run=False)
        return [each.refusal for step in steps for each in step.reverted if each.refusal is not None]


def _is_right(changes: Sequence[tuple[str, str]], times: Sequence[int]) -> bool:
    """Whether each time has its tree; each restore gives what is listed, then and again, and refuses nothing."""
    store = _Trees()
    middles = [2 * STEP_US + STEP_US // 2 + number * STEP_US for number in range(len(changes))]
    for middle, tree in zip(middles, store.changed(changes), strict=True):
        if store.listed(middle) != {name: len(content or b"") for name, content in tree.items()}:
            return False
    for number in times:
        then = middles[number % len(middles)]
        listed = store.listed(then)
        if store.restored(then) or {name: len(content or b"") for name, content in store.files().items()} != listed:
            return False
        if list(store.listed(then)) != list(listed):
            return False
    return True


def _forgetful() -> ContextManager[object]:
    """The store in memory forgets that versions were put back, as one did before there were records of that."""
    return mock.patch.object(MemoryTree, "keep_restoration")


def _each_by_itself(history: IHistory, endpoint: Endpoint, as_of_us: int) -> Iterator[Sequence[Timeline]]:
    """The wrong rule: each name by itself."""
    return at_time(history.timelines(endpoint, as_of_us), as_of_us)


class RandomTimesTests(SynchronousTestCase):
    """`list_past` and `restore_tree`, at times before restores."""

    @settings(REPEATABLE, max_examples=3000 if LONG else 60)
    @given(CHANGES, TIMES)
    def test_random(self, changes: list[tuple[str, str]], times: list[int]) -> None:
        """A tree that is put back is what the listing of that time told, and still has these names by it.

        So it is with a store that keeps when versions were put back, and with one that does not.
        """
        self.assertTrue(_is_right(changes, times))
        with _forgetful():
            self.assertTrue(_is_right(changes, times))

    def test_control(self) -> None:
        """It is noticed if each name is looked at by itself."""
        with (
            _forgetful(),
            mock.patch("homeftp.files.history.past.tree_at", _each_by_itself),
            mock.patch("homeftp.files.history.restoring.tree_at", _each_by_itself),
        ):
            find(
                st.tuples(CHANGES, TIMES),
                lambda found: not _is_right(*found),
                settings=settings(REPEATABLE, max_examples=5000, phases=[Phase.generate]),
            )
