"""What was there at a time: files, and the listings of directories."""

from __future__ import annotations

from unittest import mock

import attrs

from homeftp.config import LISTING_PAGE, Retention
from homeftp.endpoint import parse
from homeftp.errors import Changed, Forbidden, NotFound, WrongKind
from homeftp.files.history.past import history_of, list_past, open_past
from homeftp.history.timeline import Timeline
from homeftp.interfaces import IOpenFile
from homeftp.model import Entry
from homeftp.store.memory import MemoryStore
from tests.support.pasts import PastCase

THEN = 1_500_000


class OpenTests(PastCase):
    """`open_past`."""

    def past(self, path: str, as_of_us: int = THEN) -> bytes:
        """The content of a file at a time."""
        *steps, file = open_past(self.whole, parse(path), as_of_us)
        self.assertEqual({*steps}, {()} if steps else set())
        assert not isinstance(file, tuple)
        try:
            return file.read(0, file.entry.size)
        finally:
            file.close()

    def test_contents(self) -> None:
        """A file that is as it was, one that was replaced, and one that was removed; and what is there now."""
        self.history_of_a_folder()
        self.assertEqual([self.past(f"d/{name}") for name in ("same", "replaced", "removed")], [b"then"] * 3)
        self.assertEqual(self.past("d/replaced", 2_500_000), b"now!!")
        self.assertEqual(self.past("d/folder/x"), b"then")

    def test_directory_then(self) -> None:
        """A file of today that was put back stands where a directory was."""
        self.file_in_place_of_a_directory()
        self.assertRaises(WrongKind, self.past, "d/p", 2_500_000)
        self.assertEqual((self.past("d/p"), self.past("d/p/x", 2_500_000)), (b"file", b"x"))

    def test_none(self) -> None:
        """A directory, and what was not there, may be listed."""
        self.history_of_a_folder()
        for path in ("d", "d/e", "d/added", "none", ""):
            self.assertRaises(WrongKind, list, open_past(self.whole, parse(path), THEN))

    def test_many_versions(self) -> None:
        """Of a file whose versions do not fit into one page, each is found by its time, opened and listed alike."""
        first = self.now_us
        for number in range(LISTING_PAGE + 2):
            self.write("d/a", b"%d" % number)
            self.now_us += 10
        for number in (0, 1, LISTING_PAGE - 1, LISTING_PAGE, LISTING_PAGE + 1):
            then = first + 10 * number + 5
            self.assertEqual(self.past("d/a", then), b"%d" % number)
            pages = list_past(self.whole, then, parse("d"), True)
            sizes = [entry.size for page in pages for entry in page.entries]
            self.assertEqual(sizes, [len(b"%d" % number)])

    def test_replaced_meanwhile(self) -> None:
        """A file that is replaced while it is opened is opened as the version that it became."""
        self.write("a", b"then")
        self.now_us = 2_000_000
        open_now = self.whole.open

        def replaced(endpoint: object) -> IOpenFile:
            self.write("a", b"now")
            return open_now(parse("a"))

        with mock.patch.object(MemoryStore, "open", side_effect=replaced):
            self.assertEqual(self.past("a"), b"then")

    def test_always_replaced(self) -> None:
        """One that never stays the same is refused."""
        self.write("a", b"then")
        store = mock.Mock(wraps=self.whole)
        history = mock.Mock()
        current = [Timeline(name="", current=Entry("", "file"))]
        gone: list[Timeline] = []
        history.timelines.side_effect = [[current], [gone]] * 3
        store.history.return_value = history
        self.assertRaises(Changed, list, open_past(store, parse("a"), THEN))

    def test_no_versions(self) -> None:
        """Where none are kept nothing is known."""
        store = self.memory_store(retention=Retention(seconds=0))
        self.assertRaises(Forbidden, history_of, store)
        self.assertRaises(Forbidden, history_of, MemoryStore(read_only="it is"))


class ListTests(PastCase):
    """`list_past`."""

    def past(self, path: str = "d", as_of_us: int = THEN, *, recursive: bool = True) -> list[str]:
        """The names at a time."""
        pages = list_past(self.whole, as_of_us, parse(path), recursive)
        return [entry.name for page in pages for entry in page.entries]

    def test_tree(self) -> None:
        """Everything that was there, sorted as a listing is, and nothing that came later."""
        then = self.history_of_a_folder()
        self.assertEqual(self.past(), list(then))
        self.assertEqual(self.past(as_of_us=2_500_000), list(self.tree("d")))

    def test_kinds(self) -> None:
        """Nothing is beneath a file, and no file above something, whatever was put back since."""
        self.file_in_place_of_a_directory()
        self.assertEqual((self.past(), self.past(as_of_us=2_500_000)), (["p"], ["p", "p/x", "q"]))
        self.assertEqual((self.past("d/p", 2_500_000), self.past("", recursive=False)), (["x"], ["d"]))
        self.assertRaises(WrongKind, self.past, "d/p")
        self.now_us = 4_000_000
        self.remove("d/p")
        self.whole.restore(parse("d/p/x"), None, None)
        self.assertEqual((self.past(), self.past(as_of_us=2_500_000)), (["p"], ["p", "p/x", "q"]))
        self.assertRaises(WrongKind, self.past, "d/p")

    def test_kinds_not_known(self) -> None:
        """Where nobody knows when files were made, what was removed first was there first."""
        self.file_in_place_of_a_directory()
        tree = self.whole._tree
        for names, node in tree.nodes.items():
            tree.nodes[names] = attrs.evolve(node, made_us=None)
        for kept in tree.versions.values():
            kept.update({at_us: attrs.evolve(node, made_us=None) for at_us, node in kept.items()})
        self.assertEqual(
            (self.past(as_of_us=2_500_000), self.past(as_of_us=3_500_000)), (["p", "p/x", "q"], ["p", "q"])
        )

    def test_one_level(self) -> None:
        """Only what was directly in it, with directories that do not exist any more."""
        self.history_of_a_folder()
        self.assertEqual(self.past(recursive=False), ["e", "file", "folder", "removed", "replaced", "same"])
        self.assertEqual(self.past("", recursive=False), ["d"])

    def test_entries(self) -> None:
        """Files have size, time, mode and hash of then; a directory that is gone has no metadata."""
        self.write("d/e/a", b"then", mtime_us=5, mode=0o600)
        expected = self.whole.stat(parse("d/e/a"))
        self.now_us = 2_000_000
        self.remove("d")
        folder, file = [entry for page in list_past(self.whole, THEN, parse("d"), True) for entry in page.entries]
        self.assertEqual(folder, Entry("e", "directory"))
        assert expected is not None
        self.assertEqual(
            (file.name, file.size, file.mtime_us, file.mode, file.hash), ("e/a", 4, 5, 0o600, expected.hash)
        )

    def test_nothing(self) -> None:
        """Where nothing was there then it is said; the root was always there, and an empty directory of today too."""
        self.history_of_a_folder()
        for path in ("none", "d/added", "d/new folder"):
            self.assertRaises(NotFound, self.past, path)
        self.assertRaises(NotFound, self.past, "d", 500_000)
        self.assertRaises(WrongKind, self.past, "d/removed")
        self.assertEqual(self.past("", 500_000), [])

    def test_unshared(self) -> None:
        """What the store does not offer is skipped with the reason."""
        self.write("d/a.txt", b"1")
        self.write("d/b.exe", b"1")
        other = self.memory_store(filetypes=(".txt",))
        other._tree = self.whole._tree
        pages = list(list_past(other, THEN, parse("d"), True))
        self.assertEqual([entry.name for page in pages for entry in page.entries], ["a.txt"])
        self.assertEqual([name for page in pages for name, _ in page.skipped], ["b.exe"])
