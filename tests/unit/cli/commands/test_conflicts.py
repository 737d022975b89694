"""`homeftp sync --conflicts` and `--resolve`."""

from __future__ import annotations

import json
import os
import re

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.client.sync.local.marker import FolderLock
from homeftp.client.sync.naming.copynames import copy_name
from tests.support.commandline import RemoteCommandCase

COPY = "a (conflict from ann-laptop 2026-05-01).txt"


class ConflictsTests(RemoteCommandCase):
    """A synced folder with one conflict."""

    def setUp(self) -> None:
        super().setUp()
        lock = FolderLock(self.here)
        lock.mark()
        lock.release()
        self.make_file("d/a.txt", b"original", mtime=1_700_000_000)
        self.copy = self.make_file(f"d/{COPY}", b"copy", mtime=1_600_000_000)

    def test_list(self) -> None:
        """Both files are named, with their sizes and times; the exit code says that there are some."""
        self.assertEqual(self.homeftp("sync", "--conflicts", self.here), Exit.DIFFERS)
        name, original, copy = self.out.getvalue().splitlines()
        self.assertEqual(name, "d/a.txt")
        self.assertRegex(original, r"\A  original        8 B  2023-11-1\d \d\d:\d\d(:\d\d)?\Z")
        self.assertRegex(copy, rf"\A  copy            4 B  2020-09-1\d .*  {re.escape(COPY)}\Z")
        self.assertEqual(self.homeftp("sync", "--conflicts", "--json", self.here), Exit.DIFFERS)
        found = json.loads(self.out.getvalue())
        self.assertEqual((found["name"], found["copy"]), ("d/a.txt", f"d/{COPY}"))
        self.assertEqual((found["size"], found["copy_size"]), (8, 4))
        os.unlink(f"{self.here}/d/a.txt")
        self.homeftp("sync", "--conflicts", self.here)
        self.assertIn("original  is gone", self.out.getvalue())
        os.unlink(self.copy)
        self.assertEqual(self.homeftp("sync", "--conflicts", self.here), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "No conflicts.\n")

    def test_resolve(self) -> None:
        """The person says which file stays, and is told where the other one is."""
        self.assertEqual(self.homeftp("sync", "--resolve", self.copy, "--keep", "copy"), Exit.DONE)
        self.assertIn("d/a.txt is the copy now; the original is in .homeftp/versions", self.out.getvalue())
        with open(f"{self.here}/d/a.txt", "rb") as file:
            self.assertEqual(file.read(), b"copy")

    def test_no_original(self) -> None:
        """Where the original is gone it cannot be kept, and nothing is said to be a version."""
        os.unlink(f"{self.here}/d/a.txt")
        self.assertEqual(self.homeftp("sync", "--resolve", self.copy, "--keep", "original"), Exit.USAGE)
        self.assertTrue(os.path.exists(self.copy))
        self.assertEqual(self.homeftp("sync", "--resolve", self.copy, "--keep", "copy"), Exit.DONE)
        self.assertIn("d/a.txt is the copy now; there was no original.", self.out.getvalue())

    def test_not_known(self) -> None:
        """Where the name of the copy may have been cut no original is named, and nothing is decided."""
        os.unlink(self.copy)
        copy = copy_name("x" * 251 + ".txt", "m", "2026-05-01", ())
        self.make_file(f"d/{'x' * 251}.txt", b"original")
        path = self.make_file(f"d/{copy}", b"copy")
        self.homeftp("sync", "--conflicts", self.here)
        name, original, _ = self.out.getvalue().splitlines()
        self.assertEqual(name, f"d/{copy}")
        self.assertIn("original  is not known", original)
        self.homeftp("sync", "--conflicts", "--json", self.here)
        found = json.loads(self.out.getvalue())
        self.assertEqual((found["name"], found["copy"], found["size"]), (None, f"d/{copy}", None))
        for kept in ("copy", "original"):
            self.assertEqual(self.homeftp("sync", "--resolve", path, "--keep", kept), Exit.USAGE)
        self.assertTrue(os.path.exists(path))

    def test_folder(self) -> None:
        """A folder that has the name now is not said to be gone, and may be kept."""
        os.unlink(f"{self.here}/d/a.txt")
        os.mkdir(f"{self.here}/d/a.txt")
        self.homeftp("sync", "--conflicts", self.here)
        self.assertIn("original  is not a file now", self.out.getvalue())
        self.assertEqual(self.homeftp("sync", "--resolve", self.copy, "--keep", "copy"), Exit.USAGE)
        self.assertEqual(self.homeftp("sync", "--resolve", self.copy, "--keep", "original"), Exit.DONE)
        self.assertIn("d/a.txt is the original now; the copy is in .homeftp/versions.", self.out.getvalue())

    def test_usage(self) -> None:
        """What is missing is said."""
        for words in (
            ("--conflicts",),
            ("--resolve", self.copy),
            ("--resolve", f"{self.here}/d/a.txt", "--keep", "copy"),
        ):
            self.assertEqual(self.homeftp("sync", *words), Exit.USAGE)
