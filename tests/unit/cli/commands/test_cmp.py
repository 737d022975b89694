"""`homeftp cmp` against a server in memory."""

from __future__ import annotations

import json

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import RemoteCommandCase
from tests.support.transfers import OLD


class CmpTests(RemoteCommandCase):
    """The command line."""

    def test_suspicious(self) -> None:
        """Another content with the same size and time is an outcome of its own, in the line and in the summary."""
        path = self.make_file("a", b"one")
        self.make_remote_file("a", b"two")
        self.assertEqual(self.homeftp("cmp", path, "nas:a"), Exit.DIFFERS)
        self.assertEqual(self.out.getvalue(), f"suspicious: {path} (content, though size and time are the same)\n")
        self.assertEqual(self.err.getvalue(), "1 file suspicious\n")
        self.assertEqual(self.homeftp("cmp", "--json", path, "nas:a"), Exit.DIFFERS)
        result, summary = map(json.loads, self.out.getvalue().splitlines())
        self.assertEqual((result["outcome"], result["differs"]), ("suspicious", ["hash"]))
        self.assertEqual(summary["summary"], {"suspicious": 1})
        self.assertEqual(self.homeftp("cmp", "-q", path, "nas:a"), Exit.DIFFERS)
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("", ""))

    def test_compared(self) -> None:
        """The exit code and one line for each difference, in either order."""
        path = self.make_file("a", b"one", mtime=OLD)
        self.make_remote_file("a", b"two")
        for first, second in ((path, "nas:a"), ("nas:a", path)):
            self.assertEqual(self.homeftp("cmp", first, second), Exit.DIFFERS)
            self.assertEqual(self.out.getvalue(), f"differs: {first} (content, time)\n")
        self.make_remote_file("a", b"one", mtime=OLD)
        self.assertEqual(self.homeftp("cmp", path, "nas:a"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "")

    def test_refused(self) -> None:
        """Two local paths and two remote ones are refused."""
        for words in (("a", "b"), ("nas:a", "nas:b")):
            self.assertEqual(self.homeftp("cmp", *words), Exit.USAGE)
            self.assertIn("exactly one of the two paths must be on a server", self.err.getvalue())
