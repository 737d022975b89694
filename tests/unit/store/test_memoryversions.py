"""The history of the store in memory."""

from __future__ import annotations

from homeftp.config import Retention
from homeftp.endpoint import FolderSet, parse
from homeftp.errors import Damaged, FiletypeNotAllowed, NotFound, WrongKind
from homeftp.history.changes import Reversion, VersionId
from homeftp.interfaces.store import StoreOptions
from homeftp.store.memory import MemoryStore
from tests.support.pasts import PastCase


class MemoryVersionsTests(PastCase):
    """`MemoryVersions`."""

    def test_timelines(self) -> None:
        """Each name has its times, in order; hidden and deeper ones are left out."""
        self.history_of_a_folder()
        pages = self.whole.timelines(parse("d"), 0)
        found = {each.name: each for page in pages for each in page}
        self.assertEqual(list(found), sorted(found))
        replaced = found["replaced"]
        self.assertEqual((replaced.made_us, [each.made_us for each in replaced.versions]), (2_000_000, [1_000_000]))
        self.assertEqual([each.name for page in self.whole.timelines(parse("d"), depth=0) for each in page], [""])
        hidden = FolderSet(frozenset({("d", "e"), ("d", "new folder")}))
        names = [each.name for page in self.whole.timelines(parse("d"), hidden=hidden) for each in page]
        self.assertEqual(set(found) - set(names), {"e/removed", "new folder", "new folder/y", "new folder/y/z"})
        later = [each.name for page in self.whole.timelines(parse("d"), 9_000_000) for each in page]
        self.assertEqual(set(later), {"", *self.tree("d")})

    def test_types(self) -> None:
        """Versions of types that are not allowed are neither told nor opened."""
        self.write("a.exe", b"1")
        self.write("a.exe", b"2")
        at_us = self.kept()[0][1]
        other = MemoryStore(StoreOptions(filetypes=(".txt",)))
        other._tree = self.whole._tree
        (page,) = other.timelines(parse(""))
        self.assertEqual([(each.name, len(each.versions)) for each in page], [("", 0), ("a.exe", 0)])
        self.assertIsNotNone(page[1].problem)
        self.assertRaises(FiletypeNotAllowed, other.open_version, parse("a.exe"), at_us)

    def test_open(self) -> None:
        """A version is read; one that is not there, or is damaged, is not."""
        self.write("a", b"one")
        self.write("a", b"two")
        ((_, at_us),) = self.kept()
        self.assertEqual(self.whole.open_version(parse("a"), at_us).read(0, 9), b"one")
        self.assertRaises(NotFound, self.whole.open_version, parse("a"), at_us + 1)
        self.whole.damage(parse("a"), b"twx")
        list(self.whole.verify(parse("a")))
        self.now_us += 10
        self.write("a", b"three")
        (_, (_, damaged_us)) = self.kept()
        self.assertRaises(Damaged, self.whole.open_version, parse("a"), damaged_us)
        self.assertEqual(self.whole.remove_versions([VersionId(parse("a"), damaged_us)]), [3], "it can be removed")

    def test_directory(self) -> None:
        """A directory is no file that could become a version."""
        self.write("d/a", b"one")
        (refused,) = self.whole.revert([Reversion(parse("d"), None)])
        self.assertIsInstance(refused, WrongKind)

    def test_none(self) -> None:
        """Without versions, and where nothing can be changed, there is no history."""
        self.assertIsNone(self.memory_store(retention=Retention(seconds=0)).history())
        self.assertIsNone(MemoryStore(read_only="it is").history())
        self.assertIs(self.whole.history(), self.whole)

    def test_copy(self) -> None:
        """A copy is made when it is copied."""
        self.write("a", b"one")
        self.now_us = 5_000_000
        list(self.whole.copy(parse("a"), parse("b"), source_precondition=None, target_precondition=None))
        (page,) = self.whole.timelines(parse("b"))
        self.assertEqual(page[0].made_us, 5_000_000)
