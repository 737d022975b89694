"""A folder in which anything has changed is never taken for what it was; one that looks the same is not read."""

from __future__ import annotations

import os
import time
from typing import Callable
from unittest import mock

from homeftp.client.files.digest import LocalDigests, local_digests, read_unread
from homeftp.client.files.hashes import find_unchanged, record_hashes
from homeftp.client.files.model import LocalTree
from homeftp.client.files.scan import read_folder, scan
from homeftp.client.selection import EVERYTHING, IGNORE_FILE, Selection
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import HashCache
from tests.support.folders import QuickCase

FILES = ("a", "b", "d/a", "d/b", "d/e/a", "f/g/a", "é/a")


class UnchangedTests(QuickCase):
    """A folder whose files were hashed, and whose digests were computed once."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        for name in FILES:
            self.write(name, name.encode())
        os.mkdir(self.path("empty"))
        self.cache = HashCache(self.mktemp())
        self.addCleanup(self.cache.close)
        self.remember()

    def path(self, name: str) -> str:
        """The path of something in the folder."""
        return os.path.join(self.folder, name)

    def write(self, name: str, content: bytes, *, when: float = 1.5) -> None:
        """Write a file; its time is long ago, unless `when` is another."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(content)
        os.utime(self.path(name), (when, when))

    def remember(self, selection: Selection = EVERYTHING) -> None:
        """Record all hashes, and compute the digests."""
        tree = scan(self.folder, selection)
        hashed = []
        for file in tree.files.values():
            with open(file.path, "rb") as content:
                hashed.append((file, hash_bytes(content.read())))
        record_hashes(self.cache, hashed, time.time_ns())
        local_digests(tree, self.cache)

    def scan(self, selection: Selection = EVERYTHING) -> tuple[LocalTree, LocalDigests]:
        """The tree with what was recognized, and its digests."""
        tree = scan(self.folder, selection, folders=self.cache.folders)
        return tree, local_digests(tree, self.cache)

    def expected(self, selection: Selection = EVERYTHING) -> LocalDigests:
        """The digests when each file is looked at."""
        return local_digests(scan(self.folder, selection), self.cache)

    def unread(self, selection: Selection = EVERYTHING) -> set[str]:
        """The folders that are recognized; the digests have to be right in any case."""
        tree, found = self.scan(selection)
        unread = set(tree.unread)
        expected = self.expected(selection)
        self.assertEqual(found.digests, expected.digests)
        self.assertEqual((found.incomplete, found.unknown), (expected.incomplete, expected.unknown))
        self.assertEqual({name for name in tree.files if name.rpartition("/")[0] in tree.unread}, set())
        return unread

    def test_all(self) -> None:
        """All folders are recognized, and no hash is looked up. The control is a scan without what is known."""
        expected = self.expected()
        with mock.patch.object(self.cache, "lookup", wraps=self.cache.lookup) as lookup:
            tree, found = self.scan()
            lookup.assert_not_called()
            self.assertEqual(dict(tree.files), {})
            self.assertEqual(found.digests, expected.digests)
            self.assertEqual(found.digests[""].files, len(FILES))
            self.expected()
            lookup.assert_called()
        self.assertEqual(set(tree.directories), {"", "d", "d/e", "f", "f/g", "é", "empty"})
        self.assertEqual(set(tree.unread), set(tree.directories))

    def test_changes(self) -> None:
        """After any change the folder is read, and those around it with files in them; the others are not."""
        names = {"", "d", "d/e", "f", "f/g", "é", "empty"}
        path = self.path("d/e/a")
        changes: tuple[Callable[[], object], ...] = (
            lambda: self.write("d/e/a", b"other"),
            lambda: self.write("d/e/a", b"d/e/b"),  # neither size nor mtime shows that
            lambda: os.utime(path, (5, 5)),
            lambda: os.chmod(path, 0o640),
            lambda: os.rename(path, self.path("d/e/b")),
            lambda: os.link(self.path("d/e/b"), path),
            lambda: os.unlink(path),
            lambda: os.rename(self.path("d/e/b"), path),
            lambda: os.symlink("a", self.path("d/e/link")),
        )
        for number, change in enumerate(changes):
            self.remember()
            before = self.unread()
            change()
            after = self.unread()
            self.assertNotIn("d/e", after, number)
            self.assertEqual(before & {"f", "f/g", "é", "empty"}, after & names - {"", "d", "d/e"}, number)
        os.unlink(self.path("d/e/link"))
        self.assertEqual(self.unread(), names, "the control: it looks as it did")

    def test_folders(self) -> None:
        """A folder that is new, gone, or has another mode changes those around it."""
        for change in (
            lambda: os.mkdir(self.path("d/new")),
            lambda: os.chmod(self.path("d/new"), 0o700),
            lambda: os.rename(self.path("d/new"), self.path("d/other")),
            lambda: os.rmdir(self.path("d/other")),
        ):
            self.remember()
            self.assertIn("d", self.unread())
            change()
            after = self.unread()
            self.assertNotIn("d", after)
            self.assertIn("d/e", after)

    def test_racy(self) -> None:
        """A folder with a file that was hashed within moments of its change is looked at again, until it is old.

        A later change could leave the same stat.
        """
        self.write("d/e/a", b"new", when=time.time())
        self.remember()
        self.assertNotIn("d/e", self.unread())
        self.write("d/e/a", b"new")
        self.remember()
        self.assertIn("d/e", self.unread())

    def test_left_out(self) -> None:
        """A folder of which anything is left out, or has another name on the wire, is always looked at."""
        for name in ("d/e/wh?t", "d/e/e\u0301", f"d/e/.homeftp-{'0' * 32}", "d/e/bad\n"):
            self.write(name, b"x")
            self.remember()
            after = self.unread()
            self.assertNotIn("d/e", after, ascii(name))
            self.assertIn("f/g", after, "the control")
            os.unlink(self.path(name))
        os.symlink("a", self.path("d/e/link"))
        for follow in (False, True):
            selection = Selection(follow_links=follow, ignore_files=False)
            self.remember(selection)
            self.assertNotIn("d/e", self.unread(selection))

    def test_selection(self) -> None:
        """With patterns, names or ignore files each file is looked at; with other rules for names too."""
        for selection in (Selection(("*.tmp",)), Selection(names=frozenset({"d"})), Selection(strict_names=True)):
            self.assertEqual(self.unread(selection), set())
        self.remember()
        self.assertTrue(self.unread(Selection()))
        self.write(f"d/{IGNORE_FILE}", b"a\n")
        self.remember(Selection())
        self.assertTrue(self.unread(Selection()).isdisjoint({"d", "d/e"}))

    def test_sync(self) -> None:
        """What a sync keeps in the folder does not count; a file of that name does."""
        os.mkdir(self.path(".homeftp"))
        self.assertIn("", self.unread())
        self.remember()
        self.write(".homeftp/x", b"x")
        self.assertIn("", self.unread())
        os.unlink(self.path(".homeftp/x"))
        os.rmdir(self.path(".homeftp"))
        self.write(".homeftp", b"x")
        self.assertNotIn("", self.unread())

    def test_parts(self) -> None:
        """Parts of a folder are recognized, those around them are not."""
        tree = scan(self.folder, EVERYTHING, ["d/e"], self.cache.folders)
        self.assertEqual((set(tree.unread), set(tree.directories)), ({"d/e"}, {"", "d", "d/e"}))

    def test_read(self) -> None:
        """What is unread can be read: then all is as if it had never been."""
        expected = scan(self.folder)
        hashes = self.expected().hashes
        tree, found = self.scan()
        self.assertEqual(read_unread(tree, found, self.cache, list(tree.unread)), set())
        self.assertEqual(list(tree.files.items()), list(expected.files.items()))
        self.assertEqual((tree.unread, found.hashes), ({}, hashes))

    def test_read_changed(self) -> None:
        """Reading tells which folders have changed since, and what is wrong in them; what is new waits."""
        tree, found = self.scan()
        self.write("d/e/a", b"other")
        os.symlink("x", self.path("é/link"))
        os.mkdir(self.path("f/new"))
        os.unlink(self.path("f/g/a"))
        os.rmdir(self.path("f/g"))
        os.rmdir(self.path("empty"))
        changed = read_unread(tree, found, self.cache, ["d", "d/e", "é", "f", "f/g", "empty"])
        self.assertEqual(changed, {"d/e", "f/g"})
        self.assertEqual(set(tree.files), {"d/a", "d/b", "d/e/a", "é/a"})
        self.assertEqual([name for name, _ in tree.skipped], ["é/link"])
        self.assertEqual([name for name, _ in tree.failed], ["f/g", "empty"])
        self.assertNotIn("f/new", tree.directories)

    def test_vanishing(self) -> None:
        """A folder that cannot be looked at as a whole is not recognized."""
        tree = scan(self.folder)
        real = os.path.realpath(self.path("d/e"))
        for names, is_known in ((["a"], True), (["a", "gone"], False)):
            found = find_unchanged(self.cache.folders, tree, self.path("d/e"), real, names)
            self.assertEqual(found is not None, is_known)

    def test_read_once(self) -> None:
        """A folder that was read is not unread any more."""
        tree, _ = self.scan()
        read_folder(tree, "d")
        self.assertEqual((list(tree.files), "d" in tree.unread), (["d/a", "d/b"], False))
