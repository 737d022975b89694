"""`homeftp serve`: twistd under our own name."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp import __version__
from tests.support.processes import WITHIN, environment, run_homeftp


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
