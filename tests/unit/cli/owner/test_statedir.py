"""Which state folder an owner's command works on."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys

from homeftp.accounts.database import AccountDatabase
from homeftp.cli.owner.statedir import add_state_argument, become_owner, new_state_dir, state_dir, state_found
from homeftp.control import ask
from homeftp.control.ask import RunningServer
from homeftp.errors import OperatorError
from tests.support import needs
from tests.support.folders import QuickCase


class StateDirTests(QuickCase):
    """add_state_argument, state_dir and state_found."""

    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        self.default = os.path.join(self.home, ".local", "state", "homeftp")
        self.patch(os, "environ", {"HOME": self.home})
        self.running: list[RunningServer] = []
        self.patch(ask, "running_servers", lambda environ, tell=None: self.running)
        self.err = io.StringIO()
        self.patch(sys, "stderr", self.err)

    def options(self, *words: str) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        add_state_argument(parser)
        parser.add_argument("--json", action="store_true")
        return parser.parse_args(words)

    def folder(self, *words: str, make: bool = False) -> str:
        return state_dir(self.options(*words), make=make)

    def refused(self, *words: str) -> str:
        return str(self.assertRaises(OperatorError, self.folder, *words))

    def state(self, name: str) -> str:
        folder = os.path.join(self.home, name)
        AccountDatabase(folder).open()
        return folder

    def run_server(self, name: str, pid: int) -> str:
        state = self.state(name)
        self.running.append(RunningServer(path="/x", uid=os.geteuid(), pid=pid, state=state, root=f"/srv/{name}"))
        return state

    def test_given(self) -> None:
        """--state counts, as an absolute path, and so does the folder that systemd gives; nothing is said then."""
        self.run_server("running", 7)
        given = self.state("given")
        self.assertEqual(self.folder("--state", os.path.relpath(given)), given)
        os.environ["STATE_DIRECTORY"] = f"{given}:/var/lib/other"
        self.assertEqual(self.folder(), given)
        self.assertEqual(self.err.getvalue().count("homeftp: using"), 1)

    def test_running(self) -> None:
        """Without --state it is the state of the server that runs, which is said, but not to a script."""
        self.state(".local/state/homeftp")
        state = self.run_server("running", 7)
        self.assertEqual(self.folder("--json"), state)
        self.assertEqual(self.err.getvalue(), "")
        self.assertEqual(self.folder(), state)
        for word in (state, "pid 7", "/srv/running"):
            self.assertIn(word, self.err.getvalue())

    def test_hostile(self) -> None:
        """What a server says of itself cannot steer the terminal: root asks servers of other users."""
        self.run_server("running\x1b[31m", 7)
        self.folder()
        self.assertIn("/srv/running\\x1b[31m", self.err.getvalue())
        self.assertNotIn("\x1b", self.err.getvalue())

    def test_several(self) -> None:
        """Of several running servers one has to be named, and the message names all, as a shell takes them."""
        states = [self.run_server(name, 7) for name in ("one", "two words")]
        refused = self.refused()
        for state in states:
            self.assertIn(f"--state {shlex.quote(state)} (", refused)
            self.assertEqual(self.folder("--state", state), state)

    def test_default(self) -> None:
        """Where no server runs it is the default folder if a server has used it; otherwise the command is refused."""
        self.assertIn(self.default, self.refused())
        self.assertFalse(os.path.exists(self.home), "nothing is created")
        self.assertRaises(OperatorError, self.folder, make=True)
        self.state(".local/state/homeftp")
        self.assertEqual(self.folder(), self.default)
        self.assertIn("no server runs here", self.err.getvalue())

    def test_new(self) -> None:
        """A folder that --state names may be new only for a command that makes a state."""
        new = os.path.join(self.home, "new")
        self.assertIn(new, self.refused("--state", new))
        self.assertEqual(self.folder("--state", new, make=True), new)
        self.assertEqual(new_state_dir(self.options("--state", new)), new)
        self.assertEqual(new_state_dir(self.options()), self.default)

    def test_found(self) -> None:
        """The running server is found by its state folder too."""
        state = self.run_server("running", 7)
        self.assertEqual(state_found(self.options()), (state, self.running[0]))
        self.assertEqual(state_found(self.options("--state", state)), (state, self.running[0]))
        other = self.state("other")
        self.assertEqual(state_found(self.options("--state", other)), (other, None))

    def test_root(self) -> None:
        """Root becomes the owner of the state folder; nobody else becomes anybody."""
        become: list[object] = []
        for name in ("setgroups", "setgid", "setuid"):
            self.patch(os, name, lambda who: become.append(who))
        folder = self.state("state")
        mine = os.stat(folder)
        for euid, uid, expected in ((0, 1000, [[], 100, 1000]), (0, 0, []), (1000, 1001, [])):
            become.clear()
            owner = os.stat_result((*mine[:4], uid, 100, *mine[6:]))
            self.patch(os, "geteuid", lambda euid=euid: euid)
            self.patch(os, "stat", lambda path, owner=owner: owner)
            become_owner(folder)
            self.assertEqual(become, expected)

    def test_root_and_a_users_server(self) -> None:
        """Root is the server's user before it looks into the folder, and goes no further where that is not the user's.

        The folder may have changed since the server was found.
        """
        needs.root()
        steps: list[object] = []
        for name in ("setgroups", "setgid", "setuid"):
            self.patch(os, name, lambda who, name=name: steps.append((name, who)))
        exists = os.path.exists

        def look(path: str) -> bool:
            steps.append("look")
            return exists(path)

        self.patch(os.path, "exists", look)
        state = self.state("users")
        self.running.append(RunningServer(path="/x", uid=54321, pid=7, state=state, root="/srv"))
        steps.clear()
        self.assertIn("54321", self.refused())
        self.assertEqual(steps, [])
        os.chown(state, 54321, 54322)
        self.assertEqual(self.folder(), state)
        self.assertEqual(steps, [("setgroups", []), ("setgid", 54322), ("setuid", 54321), "look"])
