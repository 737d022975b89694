"""The names of several tables together."""

from __future__ import annotations

from typing import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.tables.allnames import AllNames, name_order
from homeftp.client.tables.nametable import NameTable
from homeftp.client.tables.packs import Packing
from tests.support.repeatable import REPEATABLE

NAMES = st.lists(st.lists(st.sampled_from(["a", "a!", "b"]), min_size=1, max_size=3).map("/".join))


def table(names: Iterable[str]) -> NameTable[int]:
    """A table with these names, most of them packed."""
    packing: Packing[int] = Packing(lambda names, values: tuple(values), lambda names, columns: columns)
    filled: NameTable[int] = NameTable(packing, plain=1, together=2)
    filled.update(dict.fromkeys(names, 1))
    return filled


class AllNamesTests(SynchronousTestCase):
    """AllNames."""

    @REPEATABLE
    @given(NAMES, NAMES, NAMES)
    def test_order(self, one: Sequence[str], two: Sequence[str], three: Sequence[str]) -> None:
        """Each name comes once, a directory before what it holds, also where only that is in a table; and backwards."""
        names = AllNames(table(one), table(two), table(three))
        expected = sorted({*one, *two, *three}, key=name_order)
        self.assertEqual([*names], expected)
        self.assertEqual([*reversed(names)], expected[::-1])
