"""Looking up names in the order of a table."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.sync.model import inode_table
from homeftp.client.tables.allnames import Cursor
from homeftp.client.tables.nametable import NameTable
from homeftp.client.tables.packs import Packing

NUMBERS: Packing[int] = Packing(lambda names, numbers: (list(numbers),), lambda names, columns: columns[0])


class CursorTests(SynchronousTestCase):
    """Cursor."""

    def test_values(self) -> None:
        """It has the values of the table, whatever the order of either, packed or not, and no others."""
        names = [f"a/{number:03}" for number in range(0, 100, 2)]
        for plain in (0, 10, 100):
            for first in ([], ["a/090", "a/007"]):
                table = NameTable(NUMBERS, plain=plain, together=4)
                for number, name in enumerate([*first, *names, *first, "a", "b", "a/b/c"]):
                    table[name] = number
                for asked in (sorted({*names, *first}), names[::-1], ["a/001", "a/002", "a/000", "a/099", "a/099"]):
                    cursor = Cursor(table, "a")
                    self.assertEqual([cursor.get(name) for name in asked], [table.get(name) for name in asked])

    def test_missing(self) -> None:
        """A folder that the table does not have has no values."""
        self.assertIsNone(Cursor(inode_table(), "a").get("a/x"))

    def test_order(self) -> None:
        """Names in their order are not looked up one by one."""
        table = NameTable(NUMBERS, {f"a/{number:03}": number for number in range(100)}, plain=0, together=8)
        asked: list[str] = []
        self.patch(table, "get", asked.append)
        cursor = Cursor(table, "a")
        self.assertEqual([cursor.get(f"a/{number:03}") for number in range(100)], [*range(100)])
        self.assertEqual(asked, [])
        cursor.get("a/050")
        self.assertEqual(asked, ["a/050"])
