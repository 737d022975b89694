"""New names that are too similar to a sibling are refused."""

from __future__ import annotations

import os

from homeftp.endpoint import folded, parse
from homeftp.errors import BadEndpoint
from homeftp.model import WriteRequest
from homeftp.store.local.commit.similarnames import NameCollisions
from homeftp.store.local.store import LocalStore
from homeftp.syscalls import System
from tests.support.stores import StoreCase, put_of

PAIRS = (
    ("Photo.jpg", "photo.jpg"),
    ("straße", "STRASSE"),
    ("\ufb01n", "fin"),
    ("①", "1"),
    ("Ω", "ω"),
    ("\u017f", "s"),
    ("café", "CAFÉ"),
    ("ⅸ", "ix"),
)
"""Pairs of names that are one file on Windows, on macOS, or where compatible forms are folded."""


class NameCollisionTests(StoreCase):
    """Directories of a store."""

    def refused(self, store: LocalStore, name: str, beside: str) -> None:
        """Every operation that makes a new name refuses it, and names the existing one."""
        put, content = put_of(name, b"new")
        before = sorted(os.listdir(self.root))
        with self.assertRaisesRegex(BadEndpoint, f"'{name.split('/')[-1]}' differs from '{beside}' beside it"):
            self.put(store, name, content)
        with self.assertRaisesRegex(BadEndpoint, beside):
            self.stream(store, name, content)
        with self.assertRaisesRegex(BadEndpoint, beside):
            store.make_directory(WriteRequest(endpoint=put.endpoint))
        with self.assertRaisesRegex(BadEndpoint, beside):
            self.put(store, f"{name}/below.txt", content)
        self.assertEqual(sorted(os.listdir(self.root)), before)
        self.assertEqual(self.left(), [])

    def test_refused(self) -> None:
        """A similar name is refused, whichever of the two exists, and accepted once the other is removed."""
        store = self.store()
        for pair in PAIRS:
            for first, second in (pair, pair[::-1]):
                self.put(store, first, b"old")
                self.refused(store, second, first)
                os.unlink(self.path(first))
                self.put(store, second, b"new")
                os.unlink(self.path(second))

    def test_folders(self) -> None:
        """Names of directories, and names in directories, are checked too."""
        store = self.store()
        store.make_directory(WriteRequest(endpoint=parse("Folder/Inner")))
        self.refused(store, "folder", "Folder")
        with self.assertRaisesRegex(BadEndpoint, "'Inner'"):
            self.put(store, "Folder/INNER/x", b"new")
        self.put(store, "Folder/other", b"new")

    def test_replaced(self) -> None:
        """The existing name itself can be replaced, even if both exist already."""
        store = self.store()
        for name in ("a.txt", "A.txt"):
            self.lay(name)
            self.put(store, name, b"new")
        self.assertEqual((self.content("a.txt"), self.content("A.txt")), (b"new", b"new"))
        self.refused(
            store, "\uff21.txt", os.listdir(self.root)[[n.lower() for n in os.listdir(self.root)].index("a.txt")]
        )

    def test_together(self) -> None:
        """Of two similar names in one batch one is accepted."""
        store = self.store()
        results = store.write_many([put_of(name, b"new") for name in ("x/a", "x/A", "X/b", "y/c", "y/d")])
        self.assertEqual([isinstance(each, BadEndpoint) for each in results], [False, True, True, False, False])
        self.assertEqual(sorted(os.listdir(self.path("x"))), ["a"])

    def test_restored(self) -> None:
        """A version is not restored beside a similar name that was made meanwhile."""
        store = self.store()
        for content in (b"one", b"two"):
            self.put(store, "file.txt", content)
        os.rename(self.path("file.txt"), self.path("FILE.txt"))
        with self.assertRaisesRegex(BadEndpoint, "'FILE.txt'"):
            store.restore(parse("file.txt"), None, None)

    def test_other_programs(self) -> None:
        """Names that other programs add and remove count from the next request on."""
        store = self.store()
        self.put(store, "one", b"new")
        self.lay("Two")
        self.refused(store, "two", "Two")
        os.rename(self.path("Two"), self.path("Three"))
        self.put(store, "two", b"new")
        self.refused(store, "three", "Three")

    def test_allowed(self) -> None:
        """With `--similar-names` they are accepted."""
        store = self.store(similar_names=True)
        for pair in PAIRS:
            for name in pair:
                self.put(store, name, name.encode())
        for pair in PAIRS:
            for name in pair:
                self.assertEqual(self.content(name), name.encode())

    def test_not_utf8(self) -> None:
        """Names that are not UTF-8 are similar to nothing."""
        self.lay("\udcffa")
        self.put(self.store(), "a", b"new")

    def test_bounded(self) -> None:
        """Only the directories used last are remembered, and forgetting one changes nothing."""
        collisions = NameCollisions(kept=50)
        store = self.store(System())
        for number in range(20):
            for each in range(10):
                self.lay(f"{number}/Name {each}")
        for number in (*range(20), 0, 19):
            handle = store._root.open_directory(parse(f"{number}"))
            with self.assertRaises(BadEndpoint):
                collisions.check(handle, parse(f"{number}/name 3"), new=True)
            collisions.check(handle, parse(f"{number}/name 11"), new=True)
            os.close(handle.fd)
            self.assertLessEqual(sum(map(len, collisions._known.values())), 60)

    def test_folded(self) -> None:
        """Folding a folded name changes nothing."""
        for pair in PAIRS:
            self.assertEqual(folded(pair[0]), folded(pair[1]))
            self.assertEqual(folded(folded(pair[0])), folded(pair[0]))
