"""The copies of conflicts: found, and decided about."""

from __future__ import annotations

import os

from homeftp.client.sync.conflicts import Kept, find_conflicts, resolve_conflict, synced_folder
from homeftp.client.sync.local.marker import FolderLock
from homeftp.client.sync.naming.copynames import copy_name
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase
from tests.support.syncs import contents, versions_in

COPY = "a (conflict from ann-laptop 2026-05-01).txt"


class ConflictTests(QuickCase):
    """A synced folder with a conflict in a folder, and the copy of a file that is gone."""

    def setUp(self) -> None:
        self.path = self.mktemp()
        os.makedirs(f"{self.path}/d")
        lock = FolderLock(self.path)
        lock.mark()
        lock.release()
        for name, content in ((f"d/{COPY}", b"copy"), ("d/a.txt", b"original"), (COPY, b"alone"), ("b.txt", b"b")):
            with open(f"{self.path}/{name}", "wb") as file:
                file.write(content)

    def resolve(self, name: str, kept: Kept) -> None:
        resolve_conflict(f"{self.path}/{name}", kept)

    def test_found(self) -> None:
        """Each copy is found with its original, if that is there; nothing in homeftp's own folder is."""
        os.makedirs(f"{self.path}/.homeftp/versions/d")
        os.link(f"{self.path}/{COPY}", f"{self.path}/.homeftp/versions/d/{COPY}")
        os.mkdir(f"{self.path}/{COPY[:-4]}")
        one, other = find_conflicts(self.path)
        self.assertEqual((one.copy.name, one.original, one.original_name), (COPY, None, "a.txt"))
        assert other.original is not None
        self.assertEqual((other.copy.name, other.original.name, other.original.size), (f"d/{COPY}", "d/a.txt", 8))
        self.assertRaises(OperatorError, list, find_conflicts(f"{self.path}/missing"))

    def test_original(self) -> None:
        """If the original is kept, the copy goes to the versions."""
        self.resolve(f"d/{COPY}", "original")
        self.assertEqual(contents(f"{self.path}/d"), {"a.txt": b"original"})
        self.assertEqual(versions_in(self.path), {f"d/{COPY}": b"copy"})

    def test_copy(self) -> None:
        """If the copy is kept, it gets the name of the original, which goes to the versions where there is one."""
        self.resolve(f"d/{COPY}", "copy")
        self.resolve(COPY, "copy")
        self.assertEqual(contents(self.path), {"d": None, "d/a.txt": b"copy", "a.txt": b"alone", "b.txt": b"b"})
        self.assertEqual(versions_in(self.path), {"d/a.txt": b"original"})
        self.assertEqual(list(find_conflicts(self.path)), [])

    def test_cut(self) -> None:
        """The original of a copy whose name may have been cut is not known: nothing is replaced, whatever is beside it.

        The control is a copy whose name has space for one more character.
        """
        first, second = (f"d/{'A' * 245}-{number}.txt" for number in (1, 2))
        copy = copy_name(first, "m", "2026-05-01", ())
        stem = copy[2 : copy.index(" (")]
        short = stem[:-6]
        for name, content in ((copy, b"copy"), (second, b"other"), (f"d/{stem}.txt", b"stem")):
            with open(f"{self.path}/{name}", "wb") as file:
                file.write(content)
        before = contents(self.path)
        (found,) = (each for each in find_conflicts(self.path) if each.copy.name == copy)
        self.assertEqual((found.original, found.original_name, found.is_in_the_way), (None, None, False))
        kept: Kept
        for kept in ("copy", "original"):
            error = self.assertRaises(OperatorError, self.resolve, copy, kept)
            self.assertIn("the original is not known", str(error))
        self.assertEqual(contents(self.path), before)
        self.assertEqual(versions_in(self.path), {})
        fits = copy_name(f"d/{short}.txt", "m", "2026-05-01", ())
        os.rename(f"{self.path}/{copy}", f"{self.path}/{fits}")
        self.resolve(fits, "copy")
        self.assertEqual(contents(self.path)[f"d/{short}.txt"], b"copy")

    def test_no_copy(self) -> None:
        """What is no copy, and a file in a folder that was never synced, are refused, and nothing is changed."""
        before = contents(self.path)
        for name in ("b.txt", "missing (conflict from m 2026-05-01)"):
            self.assertRaises(OperatorError, self.resolve, name, "copy")
        other = self.mktemp()
        os.mkdir(other)
        self.assertRaises(OperatorError, synced_folder, f"{other}/{COPY}")
        self.assertEqual(contents(self.path), before)

    def test_in_the_way(self) -> None:
        """Where a folder has the name of the original, the copy does not get that name; the folder may be kept."""
        os.unlink(f"{self.path}/d/a.txt")
        os.mkdir(f"{self.path}/d/a.txt")
        self.assertEqual([each.is_in_the_way for each in find_conflicts(self.path)], [False, True])
        error = self.assertRaises(OperatorError, self.resolve, f"d/{COPY}", "copy")
        self.assertIn("stays as it is: d/a.txt is not a file now", str(error))
        self.assertIn(f"d/{COPY}", contents(self.path))
        self.resolve(f"d/{COPY}", "original")
        self.assertEqual(contents(f"{self.path}/d"), {"a.txt": None})
        self.assertEqual(versions_in(self.path), {f"d/{COPY}": b"copy"})
