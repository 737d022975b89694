"""The names of a directory, by their folded form."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import folded
from homeftp.store.local.commit.nameindex import NameIndex
from tests.support.repeatable import REPEATABLE

NAMES = st.sampled_from([f"{name}{number}" for number in range(40) for name in ("A", "a", "ß", "SS", "ss", "é")])


class NameIndexTests(SynchronousTestCase):
    """One index."""

    @settings(REPEATABLE)
    @given(st.lists(st.tuples(st.booleans(), NAMES), max_size=100))
    def test_set(self, steps: list[tuple[bool, str]]) -> None:
        """It holds what was added and not removed since, each once, and finds every name by its folded form."""
        index = NameIndex()
        names: set[str] = set()
        for add, name in steps:
            (index.add if add else index.remove)(name)
            (names.add if add else names.discard)(name)
            alike = sorted(each for each in names if folded(each) == folded(name))
            self.assertEqual((len(index), sorted(index.similar(name))), (len(names), alike))
        for name in {name for _, name in steps}:
            self.assertEqual(name in index, name in names)

    @settings(REPEATABLE)
    @given(st.lists(NAMES, max_size=100))
    def test_claim(self, names: list[str]) -> None:
        """A name is added unless there is a similar one: then that is told, and nothing changes."""
        index, other = NameIndex(), NameIndex()
        for name in names:
            alike = other.similar(name)
            self.assertEqual(index.claim(name), alike)
            if not alike:
                other.add(name)
            self.assertEqual((len(index), index.similar(name)), (len(other), other.similar(name)))

    def test_many(self) -> None:
        """It stays small, and no bucket gets long: each step looks at one."""
        index = NameIndex()
        for number in range(20_000):
            index.add(f"Some file {number:06}.jpg")
        self.assertLess(index.size, 40 * 20_000)
        self.assertLess(max(map(len, index._buckets)), 60 * 30)
        for number in range(20_000):
            self.assertEqual(index.similar(f"some file {number:06}.JPG"), [f"Some file {number:06}.jpg"])
            index.remove(f"Some file {number:06}.jpg")
        self.assertEqual(len(index), 0)
        self.assertLess(index.size, 20 * 20_000)
