"""The list of allowed file types."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.errors import FiletypeNotAllowed
from homeftp.store.policy.filetypes import Filetypes


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
