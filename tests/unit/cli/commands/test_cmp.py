"""`homeftp cmp` against a server in memory."""

from __future__ import annotations

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import RemoteCommandCase


class CmpTests(RemoteCommandCase):
    """The command line."""

    def test_compared(self) -> None:
        """The exit code and one line for each difference, in either order."""
        path = self.make_file("a", b"one")
        self.make_remote_file("a", b"two")
        for first, second in ((path, "nas:a"), ("nas:a", path)):
            self.assertEqual(self.homeftp("cmp", first, second), Exit.DIFFERS)
            self.assertEqual(self.out.getvalue(), f"differs: {first} (content)\n")
        self.make_remote_file("a", b"one")
        self.assertEqual(self.homeftp("cmp", path, "nas:a"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "")

    def test_refused(self) -> None:
        """Two local paths and two remote ones are refused."""
        for words in (("a", "b"), ("nas:a", "nas:b")):
            self.assertEqual(self.homeftp("cmp", *words), Exit.USAGE)
            self.assertIn("Exactly one of the two paths must be on a server", self.err.getvalue())
