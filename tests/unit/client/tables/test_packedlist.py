"""Lists of values, most of which are packed."""

from __future__ import annotations

from typing import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.tables.packedlist import ListPacking, PackedList
from tests.support.repeatable import REPEATABLE

NUMBERS: ListPacking[int] = ListPacking(tuple, lambda columns: columns)


class PackedListTests(SynchronousTestCase):
    """PackedList."""

    @REPEATABLE
    @given(st.lists(st.integers(0, 9)), st.integers(0, 5), st.integers(1, 4), st.integers(0, 9))
    def test_like_list(self, values: Sequence[int], plain: int, together: int, first: int) -> None:
        """It has what a list has, in the same order, however many of the values are packed."""
        packed = PackedList(NUMBERS, values, plain=plain, together=together)
        for _ in range(2):
            self.assertEqual([*packed], values)
        self.assertEqual(len(packed), len(values))
        self.assertEqual(packed.first(first), values[:first])
        odd = packed.where(lambda value: bool(value % 2))
        self.assertEqual([*odd], [value for value in values if value % 2])
        self.assertEqual(repr(packed), repr([*values]))

    def test_equal(self) -> None:
        """It equals any sequence of the same values in the same order, and nothing else."""
        packed = PackedList(NUMBERS, [1, 2, 3], plain=1, together=1)
        for same in ([1, 2, 3], (1, 2, 3), PackedList(NUMBERS, [1, 2, 3])):
            self.assertEqual(packed, same)
        for other in ([1, 2], [1, 2, 4], (3, 2, 1), {1, 2, 3}, PackedList(NUMBERS)):
            self.assertNotEqual(packed, other)

    def test_packed(self) -> None:
        """What is over the first values is packed; the control: those are not."""
        calls: list[int] = []

        def pack(values: list[int]) -> tuple[int, ...]:
            calls.append(len(values))
            return tuple(values)

        packed = PackedList(ListPacking(pack, lambda columns: columns), range(100), plain=100, together=8)
        self.assertEqual(calls, [])
        packed.extend(range(20))
        self.assertEqual(calls, [8, 8])
