"""The rows of one folder in a table."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.client.tables.packs import FolderRows, Slice


class FolderRowsTests(SynchronousTestCase):
    """FolderRows."""

    def rows(self) -> FolderRows[int]:
        rows: FolderRows[int] = FolderRows()
        rows.count, rows.greatest = 4, "d"
        rows.plain, rows.loose = {"a": 1}, {"d": 4}
        rows.slices = [Slice("b", b"pack", 0, 2)]
        return rows

    def test_converted(self) -> None:
        """Rows with other values share what is packed, and are changed by themselves."""
        rows = self.rows()
        texts = rows.converted(str)
        self.assertEqual((texts.count, texts.greatest, texts.plain, texts.loose), (4, "d", {"a": "1"}, {"d": "4"}))
        self.assertEqual(texts.slices, rows.slices)
        copy = rows.copy()
        copy.remove_packed("b")
        assert copy.plain is not None and copy.slices is not None
        copy.plain["a"] = 2
        copy.slices.clear()
        self.assertEqual((copy.gone, rows.gone, rows.plain, len(rows.slices or ())), ({"b"}, None, {"a": 1}, 1))

    def test_first(self) -> None:
        """Rows come first that are in order, and before all that are packed, or are to be packed."""
        rows = self.rows()
        self.assertTrue(rows.comes_first({"a": 1, "aa": 2}))
        self.assertFalse(rows.comes_first({"aa": 1, "a": 2}))
        self.assertFalse(rows.comes_first({"a": 1, "c": 2}))
        rows.slices = None
        self.assertTrue(rows.comes_first({"c": 1}))
        self.assertFalse(rows.comes_first({"e": 1}))
