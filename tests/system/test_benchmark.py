"""The benchmarks run to their end: how long anything takes is printed, and never asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from homeftp.dispatchers.builtin import BUILT_IN
from tests.support import needs
from tests.support.imports import PACKAGE
from tests.support.processes import environment


class BenchmarkTests(SynchronousTestCase):
    """Each, with next to nothing to transfer. It leaves nothing behind."""

    def check(self, script: str, *options: str, prints: Sequence[str]) -> None:
        """It measures this much."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, str(PACKAGE.parent / "benchmarks" / script), *options, f"--folder={folder}"],
            capture_output=True,
            text=True,
            env=environment(),
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for line in prints:
            self.assertIn(line, done.stdout)
        self.assertEqual(list(folder.iterdir()), [])

    def test_transfer(self) -> None:
        """It measures all four transfers, the server's memory and idle connections."""
        lines = ("big up      homeftp", "big down", "small up", "small down", "at its peak", "idle connections")
        sizes = ("--runs=1", "--size=1", "--files=3", "--file-size=100", "--connections=2")
        written = Path(self.mktemp()).absolute()
        self.check("transfer.py", *sizes, f"--json={written}", prints=lines)
        self.assertEqual(
            list(json.loads(written.read_text())["seconds"]), ["big up", "big down", "small up", "small down"]
        )
        self.check("transfer.py", *sizes, "--only=small", f"--json={written}", prints=lines[2:])
        self.assertEqual(list(json.loads(written.read_text())["seconds"]), ["small up", "small down"])

    def test_folders(self) -> None:
        """It measures all five, beside rsync with and without fsync."""
        operations = ("up", "compare", "up, the same", "up, 1 changed", "down")
        lines = [f"{name:15}homeftp" for name in operations] + [f"{name:15}rsync --fsync" for name in operations]
        written = Path(self.mktemp()).absolute()
        sizes = ("--runs=1", "--files=3", "--file-size=100", f"--json={written}")
        self.check("folders.py", *sizes, prints=[*lines, "at its peak"])
        self.assertEqual(set(json.loads(written.read_text())["seconds"]), set(operations))

    def test_flushing(self) -> None:
        """It measures homeftp and rsync --fsync, on a disk of its own."""
        needs.root()
        needs.device("/dev/fuse")
        for name in ("rsync", "sshd", "mkfs.ext4", "fusermount3"):
            needs.program(name)
        lines = ("1.0 ms  homeftp ", "1.0 ms  rsync --fsync ", "of the time of rsync --fsync")
        self.check("flushing.py", "--files=3", "--file-size=100", "--milliseconds=1", prints=lines)

    def test_telling_apart(self) -> None:
        """It asks by every request type, for what there is and what there is not, and shows that it would notice."""
        kinds = [f"{request_type} " for request_type in BUILT_IN]
        sizes = ("--samples=2", "--paged=20", "--hidden=20")
        self.check("telling_apart.py", *sizes, prints=[*kinds, "a forbidden folder", "its own (control)"])
