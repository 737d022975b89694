"""Listings: sorted, complete, page by page, and in little memory."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Iterator
from unittest import mock

import msgspec

from homeftp.config import LISTING_PAGE, MAX_RESPONSE_LINE
from homeftp.endpoint import MAX_PARTS, ROOT, Endpoint, FolderSet, parse
from homeftp.errors import NotFound, WrongKind
from homeftp.model import ListingPage
from homeftp.store.local.disk import sortednames
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.disk.sortednames import NameBudget
from homeftp.store.local.listing import DirectoryLister
from homeftp.store.policy.filetypes import Filetypes
from homeftp.syscalls import System
from homeftp.wire.codec import encode_response
from homeftp.wire.messages import entry_body
from tests.support.descriptors import count_descriptors
from tests.support.stores import LONG_AGO, StoreCase, put_of, sha


def names_of(pages: Iterator[ListingPage]) -> list[str]:
    """The names of all entries, in order."""
    return [entry.name for page in pages for entry in page.entries]


def skipped_of(pages: Iterator[ListingPage]) -> dict[str, str]:
    """The skipped names, and why."""
    return dict(skipped for page in pages for skipped in page.skipped)


class OrderTests(StoreCase):
    """Content and order."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("b/2.txt", "b/1.txt", "b/c/x", "a", "b.txt", "Z", "é", "日本"):
            self.lay(name)
        os.mkdir(self.path("empty"))

    def test_one_directory(self) -> None:
        """A directory's entries are sorted by the bytes of their names, without the metadata directory."""
        store = self.store()
        self.assertEqual(names_of(store.list(ROOT, False)), ["Z", "a", "b", "b.txt", "empty", "é", "日本"])
        self.assertEqual(names_of(store.list(parse("b"), False)), ["1.txt", "2.txt", "c"])
        self.assertEqual(names_of(store.list(parse("empty"), False)), [])

    def test_recursive(self) -> None:
        """In a tree each directory is followed by its content; names are relative to the requested directory."""
        store = self.store()
        tree = ["Z", "a", "b", "b/1.txt", "b/2.txt", "b/c", "b/c/x", "b.txt", "empty", "é", "日本"]
        self.assertEqual(names_of(store.list(ROOT, True)), tree)
        self.assertEqual(names_of(store.list(parse("b"), True)), ["1.txt", "2.txt", "c", "c/x"])

    def test_entries(self) -> None:
        """An entry equals the one of `stat`, hash included, except for its name."""
        store = self.store()
        store.write_many([put_of("b/known.txt", b"content")])
        found = {entry.name: entry for page in store.list(ROOT, True) for entry in page.entries}
        for name, entry in found.items():
            looked = store.stat(parse(name))
            assert looked is not None
            self.assertEqual({**entry_body(looked), "name": name}, entry_body(entry))
        self.assertEqual(found["b/known.txt"].hash, sha(b"content"))
        self.assertIsNone(found["a"].hash)
        self.assertEqual(found["a"].mtime_us, LONG_AGO)

    def test_refused(self) -> None:
        """A missing directory, a file and a link are refused at the first step."""
        os.symlink(self.outside, self.path("link"))
        store = self.store()
        wrong = {"missing": NotFound, "a/b": NotFound, "a": WrongKind, "link": WrongKind, "link/x": WrongKind}
        for name, kind in wrong.items():
            with self.assertRaises(kind):
                next(store.list(parse(name), False))


class SkippedTests(StoreCase):
    """Names that cannot be offered are reported with the reason."""

    def test_names(self) -> None:
        """Names that cannot be endpoints, each made printable."""
        names = {
            b"\xff\xfe": ("\\xff\\xfe", "UTF-8"),
            b"a\nb": ("a\\nb", "control character"),
            b"a:b": ("a:b", "holds :"),
            b"\x1b[31m": ("\\x1b[31m", "control character"),
            b"CON": ("CON", "device"),
            b".HomeFTP": (".HomeFTP", "reserved"),
        }
        for name in names:
            with open(os.path.join(os.fsencode(self.root), name), "wb"):
                pass
        self.lay("fine.txt")
        pages = list(self.store().list(ROOT, True))
        self.assertEqual(names_of(iter(pages)), ["fine.txt"])
        skipped = skipped_of(iter(pages))
        self.assertEqual(set(skipped), {shown for shown, _ in names.values()})
        for shown, reason in names.values():
            self.assertIn(reason, skipped[shown])
        msgspec.json.encode([page.skipped for page in pages])

    def test_kinds(self) -> None:
        """Links and special files are skipped; a link is never followed, not even inside the root."""
        self.lay("a/file.txt")
        os.symlink(self.outside, self.path("outside"))
        os.symlink("a", self.path("inside"))
        os.symlink("..", self.path("a/loop"))
        os.mkfifo(self.path("a/fifo"))
        pages = list(self.store().list(ROOT, True))
        self.assertEqual(names_of(iter(pages)), ["a", "a/file.txt"])
        skipped = skipped_of(iter(pages))
        self.assertEqual(set(skipped), {"a/loop", "inside", "outside", "a/fifo"})
        self.assertIn("symbolic link", skipped["inside"])
        self.assertIn("neither a file nor a directory", skipped["a/fifo"])

    def test_filetypes(self) -> None:
        """Files of types that are not allowed are skipped; directories have no type."""
        for name in ("a.txt", "B.TXT", "c.exe", "d.exe/e.txt"):
            self.lay(name)
        pages = list(self.store(filetypes=(".txt",)).list(ROOT, True))
        self.assertEqual(names_of(iter(pages)), ["B.TXT", "a.txt", "d.exe", "d.exe/e.txt"])
        self.assertEqual(skipped_of(iter(pages)), {"c.exe": "is not of a type that is shared here: .txt"})

    def test_hidden(self) -> None:
        """Reserved names are not even reported."""
        os.mkdir(self.path("disk"))
        self.lay("disk/.homeftp-0123")
        self.lay("disk/.homeftp/x")
        pages = list(self.store().list(ROOT, True))
        self.assertEqual((names_of(iter(pages)), skipped_of(iter(pages))), (["disk"], {}))

    def test_too_deep(self) -> None:
        """A path that is too long for an endpoint is skipped, and everything below it too."""
        deep = os.open(self.root, os.O_RDONLY)
        for _ in range(20):
            os.mkdir("d" * 250, dir_fd=deep)
            below = os.open("d" * 250, os.O_RDONLY, dir_fd=deep)
            os.close(deep)
            deep = below
        os.close(deep)
        self.addCleanup(shutil.rmtree, self.path("d" * 250))
        pages = list(self.store().list(ROOT, True))
        self.assertEqual(len(names_of(iter(pages))), 16)
        (reason,) = skipped_of(iter(pages)).values()
        self.assertIn("longer than 4096", reason)


class SizeTests(StoreCase):
    """Page sizes and memory."""

    def test_pages(self) -> None:
        """A page has at most the maximum of entries, and all pages together hold all of them."""
        names = [f"{number:05}" for number in range(2 * LISTING_PAGE + 1)]
        for name in names:
            with open(self.path(name), "wb"):
                pass
        pages = list(self.store().list(ROOT, False))
        sizes = [len(page.entries) for page in pages]
        self.assertEqual(list(filter(None, sizes)), [LISTING_PAGE, LISTING_PAGE, 1])
        self.assertEqual(names_of(iter(pages)), names)

    def test_lines(self) -> None:
        """A page fits into one response line, however long the names are."""
        folder = "/".join(["ü" * 127] * 8)
        os.makedirs(self.path(folder))
        for number in range(LISTING_PAGE):
            with open(os.path.join(os.fsencode(self.path(folder)), b"%04d" % number + b"\x01" * 240), "wb"):
                pass
            self.lay(f"{folder}/{number:04}" + "ö" * 120)
        pages = list(self.store().list(ROOT, True))
        self.assertEqual(len(names_of(iter(pages))), LISTING_PAGE + 8)
        self.assertEqual(len(skipped_of(iter(pages))), LISTING_PAGE)
        for page in pages:
            body = {"entries": [entry_body(entry) for entry in page.entries], "skipped": page.skipped}
            self.assertLess(len(encode_response(0, "", body, id=2**63, more=True)), MAX_RESPONSE_LINE)

    def test_deep(self) -> None:
        """Of a tree of 1,500 levels all is listed that an endpoint can name; the level below is skipped."""
        self.addCleanup(subprocess.run, ["rm", "-rf", self.path("d")], check=True)
        deep = os.open(self.root, os.O_RDONLY)
        for _ in range(1500):
            os.mkdir("d", dir_fd=deep)
            below = os.open("d", os.O_RDONLY, dir_fd=deep)
            os.close(deep)
            deep = below
        os.close(deep)
        store = self.store()
        pages = list(store.list(ROOT, True))
        names = names_of(iter(pages))
        self.assertEqual([len(name) for name in names], [2 * level - 1 for level in range(1, MAX_PARTS + 1)])
        self.assertEqual(skipped_of(iter(pages)), {f"{names[-1]}/d": "its path has more than 128 parts"})
        self.assertEqual(names_of(store.list(parse(names[-1]), True)), [])

    def test_little_memory(self) -> None:
        """A directory with more names than are kept is read again: nothing twice, nothing left out."""
        paths = [f"{a}{b}/{c}/{d}" for a in "xyz" for b in range(4) for c in range(3) for d in range(7)]
        for path in paths:
            self.lay(path)
        everything = names_of(self.store().list(ROOT, True))
        self.assertEqual([name for name in everything if name.count("/") == 2], paths)
        root = SafeRoot(self.root, System())
        self.addCleanup(root.close)
        for kept in (1, 3, 8, 10, 100):
            small = DirectoryLister(root, self.cache, Filetypes(()), NameBudget(kept, least=1))
            self.assertEqual(names_of(small.pages(ROOT, True)), everything, kept)

    def test_parts(self) -> None:
        """The names of a large directory are read in several steps, and one descriptor stays open between these."""
        for number in range(60):
            self.lay(f"{number % 2}/{number}")
        for kept, recursive in ((1, False), (30, True), (1000, True)):
            root = SafeRoot(self.root, System())
            self.addCleanup(root.close)
            lister = DirectoryLister(root, self.cache, Filetypes(()), NameBudget(kept, least=1))
            endpoint = ROOT if recursive else parse("0")
            everything = names_of(lister.pages(endpoint, recursive))
            before = count_descriptors()
            with mock.patch.object(sortednames, "PART", 7):
                pages = list(map(self.with_descriptors, lister.pages(endpoint, recursive)))
            self.assertEqual(names_of(page for page, _ in pages), everything, kept)
            self.assertGreater(sum(not page.entries for page, _ in pages), 3)
            self.assertEqual({left - before for page, left in pages if page.entries}, {0})
            self.assertEqual(max(left - before for _, left in pages), 1)

    def with_descriptors(self, page: ListingPage) -> tuple[ListingPage, int]:
        """A page, and how many descriptors are open when it has been made."""
        return page, count_descriptors()

    def test_no_descriptor_is_held(self) -> None:
        """No descriptor stays open between two pages."""
        for number in range(LISTING_PAGE + 1):
            self.lay(f"{number % 7}/{number}")
        store = self.store()
        before = count_descriptors()
        pages = store.list(ROOT, True)
        next(pages)
        self.assertEqual(count_descriptors(), before)


class HiddenTests(StoreCase):
    """What is hidden costs nothing."""

    def test_not_opened(self) -> None:
        """A hidden folder is not opened, and a hidden file among others is not looked at."""
        for name in ("a/b/c", "a/b/d/e", "a/f", "g"):
            self.lay(name)
        opened: list[str] = []

        class Watched(SafeRoot):
            def open_directory(self, endpoint: Endpoint) -> DirHandle:
                opened.append(str(endpoint))
                return super().open_directory(endpoint)

        root = Watched(self.root, System())
        self.addCleanup(root.close)
        lister = DirectoryLister(root, self.cache, Filetypes(()))
        self.assertEqual(names_of(lister.pages(ROOT, True, FolderSet(frozenset({("A", "B"), ("g",)})))), ["a", "a/f"])
        self.assertEqual(opened, ["", "a"])
        self.assertEqual(len(names_of(lister.pages(ROOT, True))), 7)
        self.assertEqual(opened[2:], ["", "a", "a/b", "a/b/d"], "the control")


class DigestTests(StoreCase):
    """Listings for digests."""

    def test_known(self) -> None:
        """What is in directories that hold only files is not listed where it is known, unless some of it is hidden."""
        store = self.store()
        for name in ("a/b/c", "a/b/d", "a/e", "f/g"):
            store.write_many([put_of(name, b"x")])
        for hidden, names in (
            (set(), ["a", "a/b", "a/e", "f"]),
            ({("a", "b", "c")}, ["a", "a/b", "a/b/d", "a/e", "f"]),
            ({("f", "G"), ("a", "e")}, ["a", "a/b", "f"]),
        ):
            pages = store.list_for_digests(ROOT, FolderSet(frozenset(hidden)))
            self.assertEqual(names_of(pages), names)
        self.assertEqual(names_of(store.list_for_digests(parse("a/b"))), [""])
        self.lay("a/b/new")
        self.assertEqual(names_of(store.list_for_digests(parse("a"))), ["b", "b/c", "b/d", "b/new", "e"])


class ChangeTests(StoreCase):
    """Changes during a listing."""

    def test_changes(self) -> None:
        """An entry that exists all the time is listed exactly once, whatever else is added and removed."""
        for number in range(LISTING_PAGE):
            self.lay(f"a/{number:04}")
        for name in ("b/x", "c/y", "d"):
            self.lay(name)
        pages = self.store().list(ROOT, True)
        found = [entry.name for entry in next(pages).entries]
        shutil.rmtree(self.path("b"))
        os.unlink(self.path("d"))
        self.lay("a/new")
        found += names_of(pages)
        kept = ["a", *(f"a/{number:04}" for number in range(LISTING_PAGE)), "c", "c/y"]
        self.assertEqual([name for name in found if name in kept], kept)

    def test_unreadable(self) -> None:
        """A directory removed during the listing is skipped; if it is the requested one, the listing ends."""
        self.lay("a/b/c")
        for number in range(LISTING_PAGE - 1):
            self.lay(f"a/{number:04}")
        store = self.store()
        pages = store.list(ROOT, True)
        self.assertTrue(any(page.entries for page in pages), "the first page is full")
        shutil.rmtree(self.path("a/b"))
        rest = list(pages)
        self.assertEqual((names_of(iter(rest)), list(skipped_of(iter(rest)))), (["a/b"], ["a/b"]))
        pages = store.list(parse("a"), True)
        shutil.rmtree(self.path("a"))
        with self.assertRaises(NotFound):
            next(pages)
