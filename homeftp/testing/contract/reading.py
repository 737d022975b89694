"""The contract of stat, open and list: what is read is what was stored, whole and in order.

Nothing here changes the store after it was filled, so that a store that is read-only can be tested as well.
"""

from __future__ import annotations

from typing import Iterable

from msgspec import structs
from zope.interface.verify import verifyObject

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import NO_FOLDERS, ROOT, FolderSet, parse
from homeftp.errors import BadRequest, FiletypeNotAllowed, NotFound, WrongKind
from homeftp.hashing.treedigest import TreeDigester
from homeftp.interfaces.store import IOpenFile, IStore
from homeftp.model import Entry, ListingPage, TreeDigest
from homeftp.testing.contract.case import ContractCase, sha


class ReadingContract(ContractCase):
    """The contract of reading files and listing directories."""

    def test_interfaces(self) -> None:
        """The store and its open files have every method of their interfaces, with the same parameters."""
        store = self.filled({"a.txt": b"a"})
        verifyObject(IStore, store)
        file = store.open(parse("a.txt"))
        verifyObject(IOpenFile, file)
        file.close()

    def test_places(self) -> None:
        """A folder has its own path first, whether it exists or not."""
        store = self.store()
        for path in ("none", "none/x"):
            self.assertEqual(store.paths_to(parse(path))[0], parse(path))

    def test_empty(self) -> None:
        """A new store is an empty directory, in which nothing exists."""
        store = self.filled({})
        root = store.stat(ROOT)
        self.assertIsNotNone(root)
        self.assertEqual((root or Entry("", "file")).kind, "directory")
        self.assertEqual(self.names(store), [])
        self.assertIsNone(store.stat(parse("a.txt")))
        self.assertIsNone(store.stat(parse("a/b.txt")))

    def test_stat(self) -> None:
        """`stat` tells kind and size; where it tells a hash, it is right."""
        store = self.filled({"d/a.txt": b"content"})
        found = store.stat(parse("d/a.txt"))
        assert found is not None
        self.assertEqual((found.name, found.kind, found.size), ("", "file", 7))
        self.assertIn(found.hash, (None, sha(b"content")))
        folder = store.stat(parse("d"))
        assert folder is not None
        self.assertEqual((folder.kind, folder.size, folder.hash), ("directory", 0, None))

    def test_stat_many(self) -> None:
        """`stat_many` has a result for each endpoint, in order."""
        store = self.filled({"a.txt": b"a", "b.txt": b"bb"})
        found = store.stat_many([parse(name) for name in ("b.txt", "none.txt", "a.txt", "b.txt")])
        sizes = [entry.size if isinstance(entry, Entry) else entry for entry in found]
        self.assertEqual(sizes, [2, None, 1, 2])
        self.assertEqual(list(store.stat_many([])), [])

    def test_many_refused(self) -> None:
        """A refusal of one of many concerns that one only."""
        store = self.filled({"a.txt": b"a", "d/b.txt": b"b"}, filetypes=(".txt",))
        other, found = store.stat_many([parse("b.exe"), parse("a.txt")])
        self.assertTrue(other is None or isinstance(other, FiletypeNotAllowed), other)
        self.assertIsInstance(found, Entry)
        *refused, file = store.open_many([parse(name) for name in ("d", "none.txt", "b.exe", "a.txt")], 0)
        self.assertEqual([type(each) for each in refused[:2]], [WrongKind, NotFound])
        self.assertIsInstance(refused[2], (NotFound, FiletypeNotAllowed))
        assert not isinstance(file, Exception), file
        file.close()

    def test_read(self) -> None:
        """A file is read from any offset; a read that reaches its end is shorter, and one past it empty."""
        store = self.filled({"a.txt": b"0123456789"})
        file = store.open(parse("a.txt"))
        self.assertEqual(file.entry.size, 10)
        self.assertIsNone(file.content)
        read = [file.read(*where) for where in ((0, 4), (8, 10), (10, 5), (20, 5), (3, 0), (0, 100))]
        self.assertEqual(read, [b"0123", b"89", b"", b"", b"", b"0123456789"])
        for where in ((-1, 2), (0, -1), (2**63, 1)):
            self.assert_refused(BadRequest, file.read, *where)
        self.assertEqual(file.close_verified(None).size, 10)
        file.close()
        file.close()

    def test_hash(self) -> None:
        """`hash_steps` ends with the hash of the content, and `close_verified` returns it with the entry."""
        store = self.filled({"a.txt": b"content"})
        file = store.open(parse("a.txt"))
        steps = list(file.hash_steps())
        self.assertEqual((steps[-1], set(steps[:-1]) <= {None}), (sha(b"content"), True))
        self.assertFalse(file.entry.tag and file.is_stale())
        self.assertEqual(file.close_verified(steps[-1]).hash, sha(b"content"))

    def test_open_refused(self) -> None:
        """A missing file cannot be opened, nor can directories, nor a path inside a file."""
        store = self.filled({"d/a.txt": b"a"})
        self.assert_refused(NotFound, store.open, parse("none.txt"))
        self.assert_refused(NotFound, store.open, parse("none/a.txt"))
        self.assert_refused(WrongKind, store.open, parse("d"))
        self.assert_refused(WrongKind, store.open, ROOT)

    def test_open_many(self) -> None:
        """`open_many` opens each on its own; small files come with content and hash."""
        store = self.filled({"small.txt": b"small", "large.txt": b"larger than that"})
        small, none, large = store.open_many([parse(f"{name}.txt") for name in ("small", "none", "large")], 5)
        assert not isinstance(small, Exception) and not isinstance(large, Exception)
        self.assertEqual((small.content, small.entry.hash), (b"small", sha(b"small")))
        self.assertEqual(small.read(1, 2), b"ma")
        self.assertIsInstance(none, NotFound)
        self.assertIsNone(large.content)
        self.assertEqual(large.read(0, 99), b"larger than that")
        small.close()
        large.close()
        self.assertEqual(list(store.open_many([], 5)), [])

    def test_order(self) -> None:
        """A listing is sorted by the bytes of the names, and each directory is followed by what it holds."""
        paths = ["b.txt", "C.txt", "a/z.txt", "a/b/c.txt", "a-b.txt", "a.txt", "a b/x.txt", "é.txt", "z.txt", "Ω/o.txt"]
        paths += ["\U0001f600.txt", "\ufb01n.txt"]  # in UTF-16 the first is before the second
        store = self.filled({f"d/{path}": b"" for path in paths})
        top = ["C.txt", "a", "a b", "a-b.txt", "a.txt", "b.txt", "z.txt", "é.txt", "Ω", "\ufb01n.txt", "\U0001f600.txt"]
        deep = [*top[:2], "a/b", "a/b/c.txt", "a/z.txt", "a b", "a b/x.txt", *top[3:9], "Ω/o.txt", *top[9:]]
        self.assertEqual(self.names(store, parse("d"), recursive=False), top)
        self.assertEqual(self.names(store, parse("d")), deep)
        self.assertEqual(self.names(store), ["d", *(f"d/{name}" for name in deep)])

    def test_list_facts(self) -> None:
        """A listing tells of each entry what `stat` tells; where it tells a hash, it is right."""
        contents = {"d/a.txt": b"content", "d/b.txt": b"", "c.txt": b"other"}
        store = self.filled(contents)
        for entry in [*self.listed(store), *self.listed(store, recursive=False)]:
            found = store.stat(parse(entry.name))
            assert found is not None
            self.assertEqual(structs.replace(entry, name="", hash=None), structs.replace(found, hash=None))
            self.assertIn(entry.hash, (None, sha(contents[entry.name]) if entry.kind == "file" else None))

    def test_pages(self) -> None:
        """A large directory is listed in pages of at most `LISTING_PAGE` entries, each entry once; some are empty."""
        names = [f"{number:04}.txt" for number in range(LISTING_PAGE + 20)]
        store = self.filled(dict.fromkeys(names, b"x"))
        pages = list(store.list(ROOT, False))
        self.assertGreater(len(pages), 1)
        self.assertTrue(all(len(page.entries) <= LISTING_PAGE for page in pages))
        self.assertEqual([entry.name for page in pages for entry in page.entries], names)

    def test_list_refused(self) -> None:
        """The first step says that there is nothing to list, or a file."""
        store = self.filled({"a.txt": b"a"})
        for name, kind in (("none", NotFound), ("a.txt", WrongKind)):
            pages = store.list(parse(name), False)
            self.assert_refused(kind, next, pages)

    def test_list_for_digests(self) -> None:
        """A listing for digests tells what `list` tells, but for directories that have theirs: these are right."""
        contents = {"a/1.txt": b"1", "a/2.txt": b"2", "b/c/3.txt": b"3", "b/c/4.txt": b"4", "b/5.txt": b"5"}
        store = self.filled(contents)
        for top, hidden in (
            (ROOT, NO_FOLDERS),
            (parse("a"), NO_FOLDERS),
            (parse("b"), NO_FOLDERS),
            (ROOT, FolderSet(frozenset({("a", "2.txt"), ("b", "C")}))),
        ):
            for _ in range(2):  # the second time it may remember more
                known = [entry for page in store.list_for_digests(top, hidden) for entry in page.entries]
                listed = [entry for page in store.list(top, True, hidden) for entry in page.entries]
                for entry in known:
                    if entry.digests is not None:
                        beneath = [each for each in listed if not entry.name or each.name.startswith(f"{entry.name}/")]
                        self.assertEqual(entry.digests, _digests(entry.name, beneath))
                        listed = [each for each in listed if each not in beneath]
                self.assertEqual([entry for entry in known if entry.name], listed)
        self.assert_refused(NotFound, next, store.list_for_digests(parse("none")))
        self.assert_refused(WrongKind, next, store.list_for_digests(parse("a/1.txt")))

    def test_hidden(self) -> None:
        """Hidden folders are left out with all beneath them, in any case; pages are as if they did not exist."""
        visible = [*(f"d/{number:04}.txt" for number in range(LISTING_PAGE + 20)), "c/e/a.txt"]
        many = {"a/b": LISTING_PAGE + 20, "c/hidden": 20, "d/0500x": 20}
        names = [f"{folder}/{number:04}.txt" for folder, count in many.items() for number in range(count)]
        without = self.filled(dict.fromkeys(visible, b"x"))
        store = self.filled(dict.fromkeys([*visible, *names], b"x"))
        folders = FolderSet(frozenset({("a",), ("c", "Hidden"), ("d", "0500x")}))
        asked = [(ROOT, True), (ROOT, False), (parse("c"), True), (parse("d"), False)]
        for endpoint, recursive in asked:
            expected = _shape(without.list(endpoint, recursive, folders))
            self.assertEqual(_shape(store.list(endpoint, recursive, folders)), expected)
        self.assertTrue(set(names) <= set(self.names(store)), "the control: they exist")


def _digests(directory: str, beneath: Iterable[Entry]) -> TreeDigest:
    """The digests of a directory that holds these entries, whose hashes are known."""
    digester = TreeDigester()
    for entry in beneath:
        digester.add(structs.replace(entry, name=entry.name.removeprefix(f"{directory}/") if directory else entry.name))
    return digester.digest()


def _shape(pages: Iterable[ListingPage]) -> list[list[str]]:
    """The names on each page."""
    return [[entry.name for entry in page.entries] for page in pages]
