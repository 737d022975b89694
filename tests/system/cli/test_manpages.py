"""The manual pages in a real roff."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.support import needs
from tests.support.processes import environment


class GroffTests(SynchronousTestCase):
    """groff formats what `python -m homeftp.cli.manpages` writes."""

    def format(self, *paths: str) -> subprocess.CompletedProcess[str]:
        """Format pages with all warnings."""
        command = [needs.program("groff"), "-man", "-ww", "-Tutf8", *paths]
        return subprocess.run(command, capture_output=True, text=True)

    def test_formatted(self) -> None:
        """No page has a warning; the control has one."""
        folder = self.mktemp()
        command = [sys.executable, "-m", "homeftp.cli.manpages", folder]
        made = subprocess.run(command, capture_output=True, text=True, env=environment())
        self.assertEqual((made.returncode, made.stdout, made.stderr), (0, "", ""))
        paths = [os.path.join(folder, name) for name in sorted(os.listdir(folder))]
        formatted = self.format(*paths)
        self.assertEqual((formatted.returncode, formatted.stderr), (0, ""))
        self.assertTrue("HOMEFTP-PUSH(1)" in formatted.stdout)
        broken = os.path.join(folder, "broken.1")
        with open(broken, "w") as file:
            file.write(".TH BROKEN 1\n.nosuchrequest\n")
        self.assertIn("nosuchrequest", self.format(broken).stderr)
