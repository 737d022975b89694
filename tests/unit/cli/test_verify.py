"""`homeftp verify`: which of its two forms is meant."""

from __future__ import annotations

import os

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import CommandCase


class VerifyTests(CommandCase):
    """The arguments."""

    def test_both(self) -> None:
        """A path on a server and the options for this machine's own exclude each other."""
        for option in ("--state", "--root"):
            self.assertEqual(self.homeftp("verify", "nas:", option, os.getcwd()), Exit.USAGE)
            self.assertIn("are for this machine's server", self.err.getvalue())

    def test_name_without_path(self) -> None:
        """A name without a colon is not taken for a path on this machine."""
        self.assertEqual(self.homeftp("verify", "nas"), Exit.USAGE)
        self.assertIn("Did you mean `nas:`?", self.err.getvalue())
