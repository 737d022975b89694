"""`homeftp status` on a machine that has nothing; tests/system/cli/test_status.py has a server and a client."""

from __future__ import annotations

import json
import os

from homeftp.accounts.database import AccountDatabase
from homeftp.cli.pairs.pair import SavedPair
from homeftp.cli.pairs.pairfile import PairFile
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.control import ask
from homeftp.control.ask import RunningServer
from tests.support.commandline import CommandCase


class StatusTests(CommandCase):
    """The command line."""

    def setUp(self) -> None:
        super().setUp()
        self.home = os.path.abspath(self.mktemp())
        self.patch(os, "environ", {**os.environ, "HOME": self.home, "HOMEFTP_HOME": self.home, "XDG_STATE_HOME": ""})
        self.patch(ask, "running_servers", lambda environ, tell=None: [])

    def test_nothing(self) -> None:
        """Without a server and without known servers it says what to do."""
        self.assertEqual(self.homeftp("status"), Exit.USAGE)
        self.assertIn("homeftp pair HOST", self.err.getvalue())
        self.assertEqual(self.homeftp("status", "nas"), Exit.USAGE)
        self.assertIn("no server named nas", self.err.getvalue())

    def test_several(self) -> None:
        """Where several servers run, a known server and a saved pair are reported all the same, and then that."""
        states = [os.path.join(self.home, name) for name in ("one", "two")]
        servers = [
            RunningServer(path="", uid=0, pid=number, state=state, root="") for number, state in enumerate(states)
        ]
        self.patch(ask, "running_servers", lambda environ, tell=None: servers)
        self.assertEqual(self.homeftp("status"), Exit.USAGE)
        self.assertEqual(self.out.getvalue(), "")
        folder = os.path.join(self.home, "Documents")
        os.makedirs(self.home)
        PairFile(self.home).save(SavedPair(folder=folder, server="nas", path="Documents"))
        self.assertEqual(self.homeftp("status"), Exit.USAGE)
        self.assertIn(folder, self.out.getvalue())
        self.assertIn("several servers run here", self.err.getvalue())

    def test_stopped(self) -> None:
        """A server that does not run is told by the exit code too."""
        state = os.path.join(self.home, "state")
        AccountDatabase(state).add_account("ann", None)
        self.assertEqual(self.homeftp("status", "--state", state), Exit.UNREACHABLE)
        self.assertIn("The server does not run", self.out.getvalue())
        self.assertEqual(self.homeftp("status", "--state", state, "--json"), Exit.UNREACHABLE)
        found = json.loads(self.out.getvalue())
        self.assertEqual((found["server"]["running"], found["remotes"], found["pairs"]), (False, [], []))
