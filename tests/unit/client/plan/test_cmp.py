"""Which local files are compared with which of the server, against a real server."""

from __future__ import annotations

from homeftp.client import (
    Outcome,
)
from homeftp.errors import (
    NotFound,
    OperatorError,
)
from tests.support.transfers import BIG, TransferCase


class SidesTests(TransferCase):
    """What is compared with what."""

    def test_same(self) -> None:
        """Pushed files are the same, whichever side comes first."""
        self.make_file("lib/a")
        self.make_file("lib/big", BIG)
        self.push(f"{self.here}/lib", "lib", recursive=True)
        for order in (True, False):
            observer = self.cmp(f"{self.here}/lib", "lib", local_first=order)
            self.assertEqual(observer.counts, {Outcome.SAME: 2})

    def test_single_files(self) -> None:
        """A local file with a file of the server, inside a directory by its own name, and with nothing."""
        path = self.make_file("a")
        self.push(path, "dir/a")
        self.assertEqual(self.cmp(path, "dir/").counts, {Outcome.SAME: 1})
        self.assertEqual(self.cmp(path, "dir/b").counts, {Outcome.MISSING: 1})
        self.assertEqual(self.cmp(path, "dir").counts, {Outcome.DIFFERS: 1})
        self.assertEqual(self.cmp(f"{self.here}/b", "dir/a", local_first=False).counts, {Outcome.EXTRA: 1})
        self.assertEqual(self.cmp(f"{self.here}/", "dir/a", local_first=False).counts, {Outcome.SAME: 1})
        with self.assertRaises(OperatorError):
            self.cmp(f"{self.here}/missing", "dir/a")
        with self.assertRaises(NotFound):
            self.cmp(path, "missing", local_first=False)

    def test_one_side_missing(self) -> None:
        """A directory that exists on one side only is reported once, with the number of files and directories in it."""
        self.make_file("lib/a")
        self.make_remote_file("dir/a")
        self.cmp(f"{self.here}/lib", "missing")
        self.assertEqual(self.one_sided()[""], (Outcome.MISSING, "directory", None, (1, 0)))
        self.assertEqual(self.one_sided()["a"], (Outcome.MISSING, "file", "", None))
        for remote, holds in (("dir", (1, 0)), ("", (1, 1))):
            self.cmp(f"{self.here}/missing", remote, local_first=False)
            self.assertEqual(self.one_sided()[""], (Outcome.EXTRA, "directory", None, holds))
