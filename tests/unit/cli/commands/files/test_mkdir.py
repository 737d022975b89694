"""`homeftp mkdir` against a server in memory."""

from __future__ import annotations

import json

from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import RemoteCommandCase
from tests.support.transfers import folders


class MkdirTests(RemoteCommandCase):
    """The command line."""

    def test_made(self) -> None:
        """Folders are made without a word; -p makes those above, -v and --json say what was made."""
        self.assertEqual(self.homeftp("mkdir", "nas:lib", "nas:/lib/x"), Exit.DONE)
        self.assertEqual((self.out.getvalue(), self.err.getvalue()), ("", ""))
        self.assertEqual(self.homeftp("mkdir", "-pv", "nas:a/b"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Made a/b.\n")
        self.homeftp("mkdir", "--json", "nas:c")
        self.assertEqual(json.loads(self.out.getvalue()), {"outcome": "made", "name": "c", "kind": "directory"})
        self.assertEqual(folders(self.server.root), {"lib", "lib/x", "a", "a/b", "c"})

    def test_refused(self) -> None:
        """What exists is refused without -p, and does not stop the others."""
        self.homeftp("mkdir", "nas:lib")
        self.assertEqual(self.homeftp("mkdir", "nas:lib", "nas:new"), Exit.REFUSED)
        self.assertEqual(self.err.getvalue(), "homeftp: lib exists already\n")
        self.assertEqual(self.homeftp("mkdir", "-p", "nas:lib"), Exit.DONE)
        self.assertEqual(folders(self.server.root), {"lib", "new"})
