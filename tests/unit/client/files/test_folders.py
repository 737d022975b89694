"""The open folders of one job."""

from __future__ import annotations

import os

from homeftp.client.files.folders import MOST_OPEN, OpenFolders
from homeftp.errors import OperatorError
from homeftp.syscalls import System
from tests.support.descriptors import count_descriptors
from tests.support.folders import QuickCase


class OpenFoldersTests(QuickCase):
    """Folders below a target."""

    def test_made(self) -> None:
        """The target and the folders below it are made when they are opened, each opened once."""
        path = os.path.join(self.mktemp(), "deep")
        with OpenFolders(path, System(), {}) as folders:
            folder = folders.open("x/y")
            self.assertIs(folders.open("x/y"), folder)
            self.assertIs(folders.open(""), folders.top)
        self.assertTrue(os.path.isdir(f"{path}/x/y"))

    def test_few_open(self) -> None:
        """Only a few are open at once, however many are used and however deep they are; closed ones open again."""
        path = self.mktemp()
        deep = "/".join(str(number) for number in range(100))
        with OpenFolders(path, System(), {}) as folders:
            before = count_descriptors()
            for name in (deep, *(f"wide/{number}" for number in range(100))):
                folders.open(name)
            self.assertLessEqual(count_descriptors() - before, MOST_OPEN)
            self.assertIsNone(folders.open(deep, make=False).stat("none"))
            self.assertRaises(FileNotFoundError, folders.open, "wide/none", make=False)
        self.assertLess(count_descriptors(), before)
        self.assertEqual(len(os.listdir(f"{path}/wide")), 100)

    def test_held(self) -> None:
        """A folder that is held stays open, however many others are asked for. The control: it is closed otherwise."""
        with OpenFolders(self.mktemp(), System(), {}) as folders:
            with folders.kept_open("held") as folder:
                for number in range(MOST_OPEN):
                    folders.open(f"wide/{number}")
                folder.own_stat()
                self.assertIs(folders.open("held"), folder)
            for number in range(MOST_OPEN):
                folders.open(f"wide/{number}")
            self.assertIsNot(folders.open("held"), folder)

    def test_close_beneath(self) -> None:
        """A folder that was renamed is opened again, and so are those below it. The control: one beside it is not."""
        with OpenFolders(self.mktemp(), System(), {}) as folders:
            before = {name: folders.open(name) for name in ("a", "a/b", "a/b/c", "ab")}
            folders.close_beneath("a")
            self.assertEqual([name for name, folder in before.items() if folders.open(name) is folder], ["ab"])

    def test_local_names(self) -> None:
        """Names are spelled as they are locally."""
        path = self.mktemp()
        with OpenFolders(path, System(), {"\u00e9": "e\u0301"}) as folders:
            folders.open("\u00e9/x")
            self.assertEqual((folders.last_name("\u00e9"), folders.last_name("\u00e9/x")), ("e\u0301", "x"))
        self.assertEqual(os.listdir(path), ["e\u0301"])

    def test_link(self) -> None:
        """A link below the target is not followed."""
        path, outside = self.mktemp(), self.mktemp()
        os.makedirs(path)
        os.makedirs(outside)
        os.symlink(os.path.abspath(outside), f"{path}/link")
        with OpenFolders(path, System(), {}) as folders, self.assertRaises(OSError):
            folders.open("link/x")
        self.assertEqual(os.listdir(outside), [])

    def test_unusable(self) -> None:
        """A target that is a file, or below one, is refused with a message."""
        path = self.mktemp()
        with open(path, "wb"):
            pass
        with self.assertRaisesRegex(OperatorError, "is a file: nothing can be put inside it"):
            OpenFolders(path, System(), {})
        with self.assertRaisesRegex(OperatorError, "cannot be used: Not a directory"):
            OpenFolders(f"{path}/x", System(), {})
