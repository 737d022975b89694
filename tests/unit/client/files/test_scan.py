"""Finding local files."""

from __future__ import annotations

import errno
import itertools
import os
from unittest import mock

from homeftp.client.files.model import LocalTree
from homeftp.client.files.names import partial_name
from homeftp.client.files.scan import scan, scan_names, stat_path
from homeftp.client.selection import Selection
from tests.support.folders import QuickCase


class ScanCase(QuickCase):
    """An empty folder."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.makedirs(self.folder)

    def make_file(self, name: str) -> str:
        """An empty file in the folder."""
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass
        return path


class StatPathTests(ScanCase):
    """A path that the user named."""

    def test_kinds(self) -> None:
        """A file, a folder, and a link, which is followed; None where nothing exists."""
        path = self.make_file("a")
        os.symlink("a", f"{self.folder}/link")
        for given in (path, f"{self.folder}/link"):
            found = stat_path(given)
            assert found is not None
            self.assertEqual((found.is_file, found.path), (True, os.path.realpath(path)))
        folder = stat_path(self.folder)
        assert folder is not None
        self.assertTrue(folder.is_directory)
        self.assertIsNone(stat_path(f"{self.folder}/missing"))

    def test_unusable(self) -> None:
        """A path below a file raises OSError."""
        with self.assertRaises(NotADirectoryError):
            stat_path(self.make_file("a") + "/b")


class ScanTests(ScanCase):
    """A folder with everything below it."""

    def test_order(self) -> None:
        """Files and directories by name, each directory before what is in it, sorted by the names on the wire."""
        for name in ("b/y", "b/x", "a", "c/d/e"):
            self.make_file(name)
        tree = scan(self.folder)
        self.assertEqual(list(tree.files), ["a", "b/x", "b/y", "c/d/e"])
        self.assertEqual(list(tree.directories), ["", "b", "c", "c/d"])
        self.assertEqual(tree.files["b/x"].path, os.path.join(self.folder, "b/x"))
        self.assertEqual(tree.directories[""].path, self.folder)

    def test_parts(self) -> None:
        """Only some names are walked, with all beneath them, and the folders around them; nothing else is stated."""
        for name in ("a/b/x/y", "a/b/z", "a/c", "b/x", "d", "e\u0301"):
            self.make_file(name)
        with mock.patch("os.lstat", wraps=os.lstat) as lstat:
            tree = scan(self.folder, parts=["a/b/x", "b", "d", "missing/x", "d/x", "\xe9"])
        self.assertEqual(set(tree.files), {"a/b/x/y", "b/x", "d", "\xe9"})
        self.assertEqual(set(tree.directories), {"", "a", "a/b", "a/b/x", "b"})
        stated = {os.path.relpath(call.args[0], self.folder) for call in lstat.call_args_list}
        self.assertEqual(stated, {"a", "a/b", "a/b/x", "a/b/x/y", "b", "b/x", "d", "e\u0301"})
        self.assertEqual(set(scan(self.folder, parts=[]).files), set())

    def test_parts_selected(self) -> None:
        """The ignore files of the folders around the parts count."""
        for folder, line in ("", "*.tmp"), ("a", "b/x"):
            self.make_file(f"{folder}/.homeftpignore".lstrip("/"))
            with open(os.path.join(self.folder, folder, ".homeftpignore"), "w", encoding="utf-8") as file:
                file.write(line)
        for name in ("a/b/x", "a/b/y", "a/b/z.tmp"):
            self.make_file(name)
        tree = scan(self.folder, Selection(), ["a/b/x", "a/b/y", "a/b/z.tmp"])
        self.assertEqual((set(tree.files), tree.partial_directories), ({"a/b/y"}, {"a/b"}))

    def test_excluded(self) -> None:
        """Links and FIFOs are skipped, illegal names fail with all below them, partial downloads are listed."""
        self.make_file("a")
        partial = os.path.basename(self.make_file(partial_name()))
        self.make_file("what?/inner")
        os.symlink("a", f"{self.folder}/link")
        os.symlink(".", f"{self.folder}/loop")
        os.mkfifo(f"{self.folder}/fifo")
        tree = scan(self.folder, Selection(strict_names=True))
        self.assertEqual(list(tree.files), ["a"])
        self.assertEqual([name for name, _ in tree.skipped], ["fifo", "link", "loop"])
        self.assertEqual([name for name, _ in tree.failed], ["what?"])
        self.assertEqual(tree.other_names, {"what\u201b\uff1f": "what?"})
        self.assertEqual(tree.partials, [partial])

    def test_escaped(self) -> None:
        """A name that the rules forbid is escaped, and its local spelling is known; a reserved one fails."""
        for name in ("2019: Rome/a*b", "aux.txt", "end.", ".homeftp-x", "cafe\u0301?"):
            self.make_file(name)
        os.close(os.open(os.fsencode(self.folder) + b"/\xff", os.O_CREAT))
        tree = scan(self.folder)
        rome = "2019\u201b\uff1a Rome"
        expected = {
            rome: "2019: Rome",
            f"{rome}/a\u201b\uff0ab": "a*b",
            "\u201b\uff41ux.txt": "aux.txt",
            "end\u201b\uff0e": "end.",
            "caf\u00e9\u201b\uff1f": "cafe\u0301?",
            "\u201b\u28ff": "\udcff",
        }
        self.assertEqual(tree.local_names, expected)
        self.assertEqual({*tree.files, *tree.directories}, {"", *expected})
        self.assertEqual([name for name, _ in tree.failed], [".homeftp-x"])

    def test_own_folder(self) -> None:
        """What homeftp keeps in a folder is no part of it, at any depth. The control: a file of that name fails."""
        path = self.mktemp()
        for name in (".homeftp/versions", "d/.homeftp"):
            os.makedirs(os.path.join(path, name))
        os.mkdir(os.path.join(path, "e"))
        with open(os.path.join(path, "e", ".homeftp"), "wb"):
            pass
        tree = scan(path)
        self.assertEqual(set(tree.directories) - {""}, {"d", "e"})
        self.assertEqual([name for name, _ in tree.failed], ["e/.homeftp"])

    def test_both_unicode_forms(self) -> None:
        """Of two names that are the same when composed the composed one is taken, the other fails."""
        for name in ("cafe\u0301", "caf\u00e9", "e\u0301"):
            self.make_file(name)
        tree = scan(self.folder)
        self.assertEqual(list(tree.files), ["caf\u00e9", "\u00e9"])
        self.assertEqual([name for name, _ in tree.failed], ["cafe\u0301"])
        self.assertEqual(tree.local_names, {"\u00e9": "e\u0301"})

    def test_unreadable(self) -> None:
        """A folder that cannot be read fails, and is no directory of the tree; the scanned one itself raises."""
        self.make_file("a")
        self.make_file("closed/b")
        listdir = os.listdir

        def refuse(path: str) -> object:
            if path.endswith(unreadable):
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return listdir(path)

        self.patch(os, "listdir", refuse)
        unreadable = "/closed"
        tree = scan(self.folder)
        self.assertEqual((list(tree.files), list(tree.directories)), (["a"], [""]))
        self.assertEqual(tree.failed, [("closed", "cannot be read: Permission denied")])
        unreadable = self.folder
        with self.assertRaises(PermissionError):
            scan(self.folder)


class ScanNamesTests(ScanCase):
    """A folder with some names only."""

    def test_names(self) -> None:
        """The named files and directories, without what is in them, in their local spelling; and partial downloads."""
        for name in ("a", "other", "cafe\u0301", "d/inner", partial_name()):
            self.make_file(name)
        os.symlink("a", f"{self.folder}/link")
        tree = scan_names(self.folder, ["a", "caf\u00e9", "d", "link", "missing"], strict_names=False)
        self.assertEqual(list(tree.files), ["a", "caf\u00e9"])
        self.assertEqual(list(tree.directories), ["d"])
        self.assertEqual([name for name, _ in tree.skipped], ["link"])
        self.assertEqual(tree.local_names, {"caf\u00e9": "cafe\u0301"})
        self.assertEqual(len(tree.partials), 1)

    def test_missing_folder(self) -> None:
        """A folder that does not exist has nothing."""
        tree = scan_names(f"{self.folder}/missing", ["a"], strict_names=False)
        self.assertEqual((tree.files, tree.directories, tree.skipped), ({}, {}, []))


class LinksTests(ScanCase):
    """Links that are followed."""

    def setUp(self) -> None:
        super().setUp()
        self.elsewhere = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(self.elsewhere, "sub"))
        for name in ("a", "sub/b"):
            with open(os.path.join(self.elsewhere, name), "wb"):
                pass

    def link(self, target: str, name: str) -> None:
        os.symlink(os.path.join(self.elsewhere, target), os.path.join(self.folder, name))

    def scan(self, *patterns: str) -> LocalTree:
        return scan(self.folder, Selection(patterns, follow_links=True))

    def test_followed(self) -> None:
        """A link to a file is a file with its own path, one to a folder a folder with what is in it."""
        self.link("a", "file")
        self.link("", "folder")
        tree = self.scan()
        self.assertEqual(list(tree.files), ["file", "folder/a", "folder/sub/b"])
        self.assertEqual(list(tree.directories), ["", "folder", "folder/sub"])
        self.assertEqual(tree.files["file"].path, os.path.join(self.elsewhere, "a"))
        self.assertEqual(tree.links, {"file": os.path.join(self.elsewhere, "a"), "folder": self.elsewhere})
        self.assertEqual(len(scan(self.folder).skipped), 2, "the control: without the option links are skipped")

    def test_loops(self) -> None:
        """A link to a folder that it is in is skipped, however it gets there."""
        os.symlink(os.path.abspath(self.folder), os.path.join(self.elsewhere, "sub/back"))
        os.symlink(os.pardir, os.path.join(self.elsewhere, "sub/up"))
        os.symlink(os.curdir, os.path.join(self.folder, "self"))
        os.symlink(os.path.dirname(os.path.abspath(self.folder)), os.path.join(self.folder, "above"))
        self.link("", "folder")
        tree = self.scan()
        expected = {"above", "self", "folder/sub/back", "folder/sub/up"}
        self.assertEqual(dict(tree.skipped), dict.fromkeys(expected, "is a symbolic link to a folder that it is in"))
        self.assertEqual(list(tree.files), ["folder/a", "folder/sub/b"])

    def test_many(self) -> None:
        """Links that lead to folders with links are followed to a depth, so that there is an end."""
        folders = [os.path.join(self.elsewhere, f"folder {number}") for number in range(12)]
        for folder, following in itertools.pairwise(folders):
            os.mkdir(folder)
            os.symlink(following, os.path.join(folder, "next"))
        os.mkdir(folders[-1])
        self.link("folder 0", "next")
        tree = self.scan()
        self.assertEqual(
            (len(tree.links), [reason for _, reason in tree.skipped]), (8, ["is a symbolic link behind 8 others"])
        )

    def test_nowhere(self) -> None:
        """A link that leads nowhere, to itself, or to a device is skipped with a reason."""
        self.link("missing", "a")
        os.symlink("b", os.path.join(self.folder, "b"))
        os.symlink("/dev/null", os.path.join(self.folder, "c"))
        tree = self.scan()
        reasons = dict(tree.skipped)
        self.assertEqual(reasons["a"], "is a symbolic link that leads nowhere")
        self.assertIn("is a symbolic link that cannot be followed", reasons["b"])
        self.assertEqual(reasons["c"], "is a device, a pipe or a socket")
        self.assertEqual((len(tree.files), len(tree.directories)), (0, 1))

    def test_left_out(self) -> None:
        """Patterns count as for what a link leads to; what is left out is not read, and not reported."""
        self.link("", "folder")
        self.link("a", "x.tmp")
        self.link("missing", "y.tmp")
        tree = self.scan("folder/", "*.tmp")
        self.assertEqual((len(tree.files), tree.skipped), (0, []))
        self.assertEqual(tree.partial_directories, {""})
