"""The reading half of the store in memory reads what its tree holds."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, parse
from homeftp.errors import FiletypeNotAllowed
from homeftp.interfaces.store import StoreOptions
from homeftp.store.memoryreader import MemoryReader
from homeftp.testing.contract.case import request


class MemoryReaderTests(SynchronousTestCase):
    """A tree with two files, of which one type is allowed."""

    def setUp(self) -> None:
        super().setUp()
        self.reader = MemoryReader(StoreOptions(filetypes=(".txt",)), lambda: 7)
        self.tree = self.reader._tree
        for name in ("a.txt", "b.exe"):
            node = self.tree.new("file", request(name), b"content", "sha256:0")
            self.tree.nodes[(name,)] = node
            self.tree.keep_version(parse(name), node)

    def test_types(self) -> None:
        """A file of another type is named as skipped; it cannot be opened, and its versions are not listed."""
        (page,) = self.reader.list(ROOT, False)
        self.assertEqual([entry.name for entry in page.entries], ["a.txt"])
        self.assertEqual([name for name, _ in page.skipped], ["b.exe"])
        refused, opened = self.reader.open_many([parse("b.exe"), parse("a.txt")], 7)
        self.assertIsInstance(refused, FiletypeNotAllowed)
        self.assertEqual(getattr(opened, "content", None), b"content")
        (versions,) = self.reader.versions(ROOT)
        self.assertEqual([(version.name, version.at_us) for version in versions], [("a.txt", 7)])

    def test_snapshot(self) -> None:
        """A listing shows the entries that existed at its first step."""
        pages = self.reader.list(ROOT, True)
        page = next(pages)
        self.tree.nodes.clear()
        self.assertEqual([entry.size for entry in page.entries], [7])
        self.assertEqual(list(pages), [])
