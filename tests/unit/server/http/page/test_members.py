"""The memory of ZIP files that are under way."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import ROOT, parse
from homeftp.errors import Busy, TooLarge
from homeftp.model import Entry
from homeftp.server.http.page.members import MOST_MEMBERS, ArchiveMembers, ArchiveMemory

NAMES = [f"a usual name {number:04}.jpg" for number in range(1200)]


class MembersTests(SynchronousTestCase):
    """Lists of members that are packed."""

    def setUp(self) -> None:
        self.memory = ArchiveMemory()

    def members(self, group: str = "ann", top: str = "") -> ArchiveMembers:
        made = ArchiveMembers(self.memory, group, ROOT, "top/")
        made.add(top, [Entry(name, "file", 5, -1, 0o640) for name in NAMES])
        made.pack()
        return made

    def test_pages(self) -> None:
        """All members come out as they were added, in their order."""
        made = ArchiveMembers(self.memory, "ann", parse("d"), "top/")
        made.add("", [Entry("e", "directory")])
        made.add("e", [Entry("f", "file", 7, 8, 0o600)])
        made.pack()
        found = [each for page in made.pages() for each in page]
        named = [(each.name, each.endpoint) for each in found]
        self.assertEqual(named, [("top/e", parse("d/e")), ("top/e/f", parse("d/e/f"))])
        self.assertEqual([each.entry for each in found], [Entry("e", "directory"), Entry("e/f", "file", 7, 8, 0o600)])

    def test_packed(self) -> None:
        """Usual names take a tenth of what a list of entries does; what ends is freed, once."""
        made = self.members()
        self.assertLess(0, self.memory.held)
        self.assertLess(self.memory.held, 100 * len(NAMES))
        for _ in range(2):
            made.close()
            self.assertEqual(self.memory.held, 0)

    def test_shared(self) -> None:
        """A group has half of what the others leave: what is too much is refused, and others are not."""
        self.members().close()
        one = self.members()
        self.memory = ArchiveMemory(4 * self.memory.held)
        under_way = [self.members() for _ in range(2)]
        self.assertIn("complete", str(self.assertRaises(Busy, self.members)))
        self.members("link 1")
        under_way[0].close()
        self.assertEqual(len(list(one.pages())), 1)

    def test_bounded(self) -> None:
        """More members than a ZIP file may have are refused."""
        made = ArchiveMembers(self.memory, "ann", ROOT, "")
        made.add("", [Entry("a", "file")] * MOST_MEMBERS)
        self.assertRaises(TooLarge, made.add, "", [Entry("a", "file")])
