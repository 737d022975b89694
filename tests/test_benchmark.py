"""The benchmark runs to its end: how long anything takes is printed, and never asserted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.house import PACKAGE
from tests.processes import environment


class BenchmarkTests(SynchronousTestCase):
    """benchmarks/transfer.py, with next to nothing to transfer."""

    def test_runs(self) -> None:
        """It measures all four transfers, the server's memory and idle connections, and leaves nothing behind."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        sizes = ["--runs=1", "--size=1", "--files=3", "--file-size=100", "--connections=2", f"--folder={folder}"]
        done = subprocess.run(
            [sys.executable, str(PACKAGE.parent / "benchmarks" / "transfer.py"), *sizes],
            capture_output=True,
            text=True,
            env=environment(),
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in ("big up      homeftp", "big down", "small up", "small down", "at its peak", "idle connections"):
            self.assertIn(line, done.stdout)
        self.assertEqual(list(folder.iterdir()), [])
