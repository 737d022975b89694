"""Tables of values by name, most of which are packed."""

from __future__ import annotations

from typing import Iterable, Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.tables.nametable import NameTable
from homeftp.client.tables.packs import Columns, Packing
from tests.support.repeatable import REPEATABLE

NAMES = st.lists(st.sampled_from("abcd"), max_size=3).map("/".join)
STEPS = st.sampled_from(["set", "set", "set", "del", "keep", "copy", "rename"])


def _renamed(name: str, old: str) -> str:
    """A name after `old` got an x at its end."""
    return f"{old}x{name[len(old) :]}" if f"{name}/".startswith(f"{old}/") else name


class CountingPacking:
    """Packs numbers, and counts how many were packed and unpacked."""

    def __init__(self) -> None:
        self.packed = 0
        self.packs = 0
        self.unpacked = 0
        self.packing: Packing[int] = Packing(self._pack, self._unpack)

    def _pack(self, names: Sequence[str], values: Sequence[int]) -> Columns:
        self.packed += len(values)
        self.packs += 1
        return tuple(values)

    def _unpack(self, names: Sequence[str], columns: Columns) -> Iterable[int]:
        self.unpacked += len(columns)
        return columns


class TableTests(SynchronousTestCase):
    """NameTable."""

    def setUp(self) -> None:
        self.counting = CountingPacking()
        self.names = [f"{folder}/{number:03}" for folder in "ab" for number in range(100)]

    def table(self, plain: int = 0, together: int = 3) -> NameTable[int]:
        return NameTable(self.counting.packing, plain=plain, together=together)

    def filled(self, plain: int = 0) -> NameTable[int]:
        table = self.table(plain)
        table.update((name, number) for number, name in enumerate(self.names))
        return table

    @REPEATABLE
    @given(st.integers(0, 5), st.integers(1, 4), st.lists(st.tuples(STEPS, NAMES)))
    def test_like_dict(self, plain: int, together: int, steps: Sequence[tuple[str, str]]) -> None:
        """Whatever is set and deleted in whatever order, it has what a dict has."""
        table, expected = self.table(plain, together), {}
        for number, (step, name) in enumerate(steps):
            if step == "set":
                table[name] = expected[name] = number
            elif step == "keep":
                table.keep(lambda kept, _, left_out=name: kept != left_out)  # type: ignore[misc]
                expected.pop(name, None)
            elif step == "copy":
                table = table.copy()
            elif step == "rename" and (not name or any(f"{each}/".startswith(f"{name}x/") for each in expected)):
                continue  # the top keeps its name, and the new one must not be there
            elif step == "rename" and name in expected:
                table.rename(name, f"{name}x")
                expected = {_renamed(each, name): value for each, value in expected.items()}
            elif step == "rename":
                self.assertRaises(KeyError, table.rename, name, "x")
            elif name in expected:
                del table[name], expected[name]
            else:
                self.assertRaises(KeyError, table.__delitem__, name)
        self.assertEqual(dict(table.items()), expected)
        self.assertEqual(
            (len(table), set(table), sorted(table.values())), (len(expected), set(expected), sorted(expected.values()))
        )
        for folder in ("", "a", "a/b", "d/d/d"):
            inside = {name: value for name, value in expected.items() if name.rpartition("/")[0] == folder}
            self.assertEqual(dict(table.inside(folder)), inside)
        for name in {name for _, name in steps}:
            self.assertEqual((table.get(name), name in table), (expected.get(name), name in expected))
        some = table.of_folders(lambda folder: folder != "a")
        wanted = {name: value for name, value in expected.items() if name.rpartition("/")[0] != "a"}
        self.assertEqual((dict(some), len(some)), (wanted, len(wanted)))

    def test_order(self) -> None:
        """Names come folder by folder, in the order in which they were added; `sort_folders` sorts the folders."""
        self.assertEqual(list(self.filled(plain=50)), self.names)
        table = self.table()
        table.update({"b": 1, "b/a": 2, "a": 3, "b/a/a": 4, "a/b": 5})
        table.sort_folders()
        self.assertEqual(list(table), ["a", "b", "a/b", "b/a", "b/a/a"])

    def test_packed(self) -> None:
        """The first rows stay as they are, and the others are packed: each once."""
        self.filled(plain=len(self.names))
        self.assertEqual(self.counting.packed, 0)
        self.filled(plain=56)
        self.assertEqual(self.counting.packed, 144)

    def test_large(self) -> None:
        """In a large table the first rows are packed too, except in a folder with rows that came out of order."""
        self.assertEqual(list(self.filled(plain=20)), self.names)
        self.assertEqual(self.counting.packed, 200)
        self.counting.packed = 0
        table = self.table(plain=20)
        table.update((name, 0) for name in self.names[:20] if name != "a/010")
        table["a/010"] = 1
        table.update((name, 2) for name in self.names[20:])
        self.assertEqual((len(table), set(table), table["a/010"]), (200, set(self.names), 1))
        self.assertEqual(self.counting.packed, 168, "12 at a time, and 11 are left")

    def test_read_in_order(self) -> None:
        """Reading everything in the order of the table, or backwards, unpacks each row once."""
        for names in (self.names, self.names[::-1]):
            table, before = self.filled(), self.counting.unpacked
            for name in names:
                self.assertIn(name, table)
            self.assertLess(self.counting.unpacked - before, len(names) + 1)

    def test_shared(self) -> None:
        """A table of some folders packs nothing again, and changes to it do not change the other one."""
        table = self.filled()
        packed = self.counting.packed
        some = table.of_folders(lambda folder: folder == "a")
        self.assertEqual((list(some), self.counting.packed), (self.names[:100], packed))
        del some["a/000"], some["a/099"]
        some["a/001"] = -1
        self.assertEqual((len(some), some["a/001"]), (98, -1))
        self.assertEqual((list(table), table["a/001"]), (self.names, 1))

    def test_keep_shared(self) -> None:
        """What is kept whole is not packed again, and a table that shares it does not change."""
        table = self.filled()
        table["c/000"] = -1
        packed = self.counting.packed
        some = table.copy()
        some.keep(lambda name, _: name != "b/050")
        self.assertEqual((len(some), list(some)), (200, [*self.names[:150], *self.names[151:], "c/000"]))
        again = self.counting.packed - packed
        self.assertTrue(50 <= again < 60, again)
        self.assertEqual((len(table), table["b/050"]), (201, 150))
        some["b/050"] = 7
        self.assertEqual((some["b/050"], table["b/050"], some["b/051"]), (7, 150, 151))

    def test_keep_replaced(self) -> None:
        """What has replaced a packed row stays where rows behind it are not kept, and others are added."""
        table = self.filled()
        table.update({"b/100": 100, "c/0": 0, "c/1": 1, "c/2": 2})  # then all is packed, and the last three together
        table = table.copy()
        table["c/0"] = -1
        table.keep(lambda name, _: name != "c/1")
        table.update((f"d/{number:03}", number) for number in range(20))
        self.assertEqual((table.get("c/0"), len(table)), (-1, 223))
        self.assertEqual(dict(table.inside("c")), {"c/0": -1, "c/2": 2})

    def test_read_as(self) -> None:
        """A table of other values packs nothing again, and is changed by itself."""
        table = self.filled()
        table["a/010"] = 1000
        packed = self.counting.packed
        read: list[str] = []

        def unpack(names: Sequence[str], columns: Columns) -> Iterable[str]:
            read.extend(names)
            return map(str, columns)

        texts = table.read_as(Packing(lambda names, values: tuple(map(int, values)), unpack), str)
        self.assertEqual(dict(texts), {name: str(value) for name, value in table.items()})
        self.assertGreater(len(read), 190, "most were packed")
        self.assertEqual(self.counting.packed, packed)
        del texts["a/000"]
        texts["b/000"] = "other"
        self.assertEqual((len(texts), texts["b/000"], table["a/000"], table["b/000"]), (199, "other", 0, 100))

    def test_rename(self) -> None:
        """A name gets another name with all beneath it, and what only begins alike keeps its own."""
        table = self.filled(plain=10)
        table.update({"a": -1, "ab": -2, "ab/x": -3, "a/d": -4, "a/d/x": -5})
        expected = {f"new{name[1:]}" if f"{name}/".startswith("a/") else name: value for name, value in table.items()}
        table.rename("a", "new")
        self.assertEqual((dict(table), len(table)), (expected, 205))
        table.rename("new/d/x", "x")
        self.assertEqual((table["x"], table.get("new/d/x"), len(table)), (-5, None, 205))
        self.assertRaises(KeyError, table.rename, "a", "b")

    def test_many_renames(self) -> None:
        """Names that get others one after the other are packed together, as new ones are."""
        table = self.filled()
        packs = self.counting.packs
        for name in self.names:
            table.rename(name, f"c{name}")
        self.assertEqual(dict(table), {f"c{name}": number for number, name in enumerate(self.names)})
        self.assertLess(self.counting.packs - packs, 100)

    def test_missing(self) -> None:
        """A name that is not there has no value, beside packed ones too."""
        table = self.filled()
        for name in ("", "a", "a/0", "a/0005", "a/1", "c/000"):
            self.assertNotIn(name, table)
            self.assertRaises(KeyError, lambda name=name: table[name])
        self.assertNotIn(7, table)
