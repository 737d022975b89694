"""Packs: names that are read alone, and values."""

from __future__ import annotations

from typing import Iterable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.tables.packs import Columns, OpenedPack, Packing, make_pack


class PackTests(SynchronousTestCase):
    """A pack of some lengths."""

    def setUp(self) -> None:
        self.unpacked = 0
        packing: Packing[int] = Packing(lambda names, values: (list(values),), self.unpack)
        self.pack = OpenedPack(packing, make_pack(packing, ["d/x", "d/yy"], [1, 2]))

    def unpack(self, names: Sequence[str], columns: Columns) -> Iterable[int]:
        self.unpacked += 1
        values: list[int] = columns[0]
        return values

    def test_names(self) -> None:
        """To look at names no value is unpacked. The control: it is for a value, and once for all."""
        self.assertEqual((self.pack.names, "d/yy" in self.pack, "d/z" in self.pack), (["d/x", "d/yy"], True, False))
        self.assertIsNone(self.pack.get("d/z"))
        self.assertEqual(self.unpacked, 0)
        self.assertEqual((self.pack.get("d/yy"), self.pack.values, self.unpacked), (2, [1, 2], 1))
