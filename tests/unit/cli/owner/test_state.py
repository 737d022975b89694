"""`homeftp state`: a backup and its restore."""

from __future__ import annotations

import json
import os

from homeftp.cli.terminal.exitcodes import Exit
from homeftp.crypto.ca import open_identity
from tests.support.commandline import CommandCase
from tests.support.handshakes import now
from tests.support.replay import lines


class StateTests(CommandCase):
    """The command line."""

    def test_round_trip(self) -> None:
        """A restored state has the accounts of the backup, and a log of its own; a second restore is refused."""
        folder, file, new = (os.path.abspath(self.mktemp()) for _ in range(3))
        self.homeftp("account", "add", "ann", "--no-password", "--state", folder)
        open_identity(folder, now=now)
        self.assertEqual(self.homeftp("state", "backup", file, "--state", folder), Exit.DONE, self.err.getvalue())
        self.assertEqual(
            self.out.getvalue(),
            f"Wrote the state in {folder} to {file}. Keep this file where no other user can read it.\n",
        )
        self.assertEqual(self.homeftp("state", "restore", file, "--state", new, "--json"), Exit.DONE)
        self.assertEqual(json.loads(self.out.getvalue()), {"restored": file, "state": new})
        self.homeftp("account", "list", "--json", "--state", new)
        self.assertEqual(json.loads(self.out.getvalue())["accounts"], ["ann"])
        self.assertEqual([line["event"] for line in lines(new)], ["restore"])
        self.assertEqual(self.homeftp("state", "restore", file, "--state", new), Exit.USAGE)
        self.assertIn(new, self.err.getvalue())
