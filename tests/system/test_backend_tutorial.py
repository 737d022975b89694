"""The storage backend of the documentation works, as a plugin of a server that knows nothing about it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.processes import WITHIN, environment

EXAMPLE = Path(__file__).parents[2] / "docs" / "plugins" / "examples" / "backend"


class BackendTutorialTests(SynchronousTestCase):
    """The page "Writing a storage backend"."""

    def test_tests(self) -> None:
        """The tests of the example pass, where its package is installed."""
        with_plugin = {**environment(), "PYTHONPATH": os.pathsep.join([str(EXAMPLE / "src"), str(EXAMPLE.parents[3])])}
        ran = subprocess.run(
            [sys.executable, "-m", "unittest", "discover", "-v", "tests"],
            cwd=EXAMPLE,
            env=with_plugin,
            capture_output=True,
            text=True,
            timeout=4 * WITHIN,
            check=False,
        )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        for test in ("test_leading_out", "test_read_only", "test_open_many", "test_remove_in_steps"):
            self.assertIn(test, ran.stderr)

    def test_options(self) -> None:
        """The server takes the URL of the page, with the plugin in a folder."""
        archive = os.path.abspath(self.mktemp())
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("a.txt", "a")
        script = (
            "import sys\n"
            "from homeftp.interfaces import StoreOptions; from homeftp.store.factory import check_store, open_store\n"
            "check_store(sys.argv[1], StoreOptions(), [sys.argv[2]])\n"
            "print(open_store(sys.argv[1], StoreOptions(), [sys.argv[2]]).read_only)\n"
        )
        plugins = str(EXAMPLE / "src" / "homeftp" / "plugins")
        ran = subprocess.run(
            [sys.executable, "-c", script, f"zip://{archive}", plugins],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
        self.assertEqual((ran.stdout.strip(), ran.stderr), ("a ZIP archive cannot be changed", ""))
