"""What is shown of a file, and which files."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import FiletypeNotAllowed
from homeftp.model import Entry
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.policy.filetypes import Filetypes


class EntryTests(SynchronousTestCase):
    """entry_of."""

    def test_file(self) -> None:
        """Name, size, mtime in microseconds, the nine permission bits, and the hash where it is known."""
        path = os.path.abspath(self.mktemp())
        with open(path, "wb") as file:
            file.write(b"12345")
        os.chmod(path, 0o4640)
        os.utime(path, ns=(0, 1_714_560_000_123_456_789))
        mtime_us, mode = 1_714_560_000_123_456, 0o640
        found = os.stat(path)
        self.assertEqual(entry_of(found, name="a/b"), Entry("a/b", "file", 5, mtime_us, mode))
        self.assertEqual(entry_of(found, "sha256:x").hash, "sha256:x")

    def test_directory(self) -> None:
        """A directory has no size and no hash, whatever the file system says."""
        path = os.path.abspath(self.mktemp())
        os.mkdir(path, 0o755)
        entry = entry_of(os.stat(path), "sha256:x")
        self.assertEqual((entry.kind, entry.size, entry.hash), ("directory", 0, None))


class FiletypesTests(SynchronousTestCase):
    """Filetypes."""

    def test_none(self) -> None:
        """Without a list every file is shared."""
        Filetypes(()).check(parse("a/program.exe"))

    def test_suffixes(self) -> None:
        """The end of the last part decides, in any case; a refusal names what is shared."""
        filetypes = Filetypes((".txt", ".tar.gz"))
        for name in ("a.txt", "b/A.TXT", "x.tar.gz", ".txt"):
            filetypes.check(parse(name))
        for name in ("a.exe", "a.txt.exe", "a.gz", "txt", "a.txt/b"):
            with self.assertRaises(FiletypeNotAllowed) as caught:
                filetypes.check(parse(name))
            self.assertIn(".txt, .tar.gz", str(caught.exception))
