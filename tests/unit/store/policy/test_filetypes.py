"""The owner's list of file types."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import FiletypeNotAllowed
from homeftp.store.policy.filetypes import Filetypes


class FiletypesTests(SynchronousTestCase):
    """Suffixes."""

    def test_none(self) -> None:
        """Without a list every file is allowed."""
        every = Filetypes(())
        every.check(parse("a.exe"))
        every.check_absent(parse("a.exe"))
        self.assertIsNone(every.problem("a"))

    def test_list(self) -> None:
        """A file is allowed by its suffix, in any case; the refusal names what is allowed."""
        some = Filetypes((".txt", ".Tar.gz"))
        for name in ("a.txt", "A.TXT", "b.tar.GZ", ".txt"):
            self.assertIsNone(some.problem(name), name)
        for name in ("a.exe", "txt", "a.txt.exe", "b.gz", ""):
            self.assertIn(".txt, .Tar.gz", some.problem(name) or "", name)
        self.assertIn("d/a.exe", str(self.assertRaises(FiletypeNotAllowed, some.check, parse("d/a.exe"))))

    def test_absent(self) -> None:
        """A new name without a dot may mean a directory."""
        some = Filetypes((".txt",))
        some.check_absent(parse("folder"))
        self.assertRaises(FiletypeNotAllowed, some.check_absent, parse("a.exe"))
