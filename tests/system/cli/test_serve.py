"""`homeftp serve`: twistd under our own name."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp import __version__
from tests.support.processes import WITHIN, environment, run_homeftp

MOST_MODULES = 340
"""Modules of homeftp that a server of a folder imports, at most: any other front end or store would be more."""

_MODULES = """
import sys
from twisted.internet import reactor
from homeftp.cli.main import main

def started():
    print(*sys.modules, file=sys.__stdout__, flush=True)
    reactor.stop()

reactor.callWhenRunning(started)
main(sys.argv[1:])
"""
"""Runs a command that runs the reactor, and prints the modules that it has imported when it has started."""


class ServeTests(SynchronousTestCase):
    """What it says of itself."""

    def test_help(self) -> None:
        """--help shows the command as it is typed; twistd's shows twistd's."""
        self.assertEqual(
            run_homeftp("serve", "--help").stdout.splitlines()[0], "Usage: homeftp serve [options] DIR|URL"
        )
        twistd = os.path.join(os.path.dirname(sys.executable), "twistd")
        said = subprocess.run(
            [twistd, "homeftp", "--help"], capture_output=True, text=True, timeout=WITHIN, env=environment(), check=True
        )
        self.assertIn("twistd [options] homeftp [options] [DIR|URL]", said.stdout)

    def test_version(self) -> None:
        """--version is homeftp's."""
        said = run_homeftp("serve", "--version")
        self.assertEqual((said.returncode, said.stdout, said.stderr), (0, f"homeftp {__version__}\n", ""))

    def test_imports(self) -> None:
        """A server of a folder imports nothing that only commands, front ends or other services need, or too much.

        Control: one that has a web page imports it.
        """
        never = {"argparse", "unittest", "homeftp.cli.parser", "homeftp.server.frontends.web"}
        needed = {"homeftp.server.json.frontend", "homeftp.store.local.store"}
        found = self.imported()
        self.assertEqual((never & found, needed - found), (set(), set()))
        self.assertLessEqual(len([name for name in found if name.startswith("homeftp")]), MOST_MODULES)
        self.assertIn("homeftp.server.frontends.web", self.imported("--https=tcp:0:interface=127.0.0.1"))

    def imported(self, *options: str) -> set[str]:
        """The modules of a server that has started, with these options."""
        folder = self.mktemp()
        os.makedirs(os.path.join(folder, "share"))
        words = [f"{folder}/share", f"--state={folder}/state", "--listen=tcp:0:interface=127.0.0.1", "--no-announce"]
        command = [sys.executable, "-c", _MODULES, "serve", *words, *options]
        said = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, env=environment())
        self.assertEqual(said.returncode, 0, said.stderr)
        return set(said.stdout.split())
