"""What the server refuses early, while its content is still on the way, holds up nothing else."""

from __future__ import annotations

import os

from twisted.trial.unittest import TestCase

from tests.support.processes import ServerProcess, add_remote, run_homeftp


class RefusedTests(TestCase):
    """Large files, most of which the server does not take."""

    def test_refused_early(self) -> None:
        """The others arrive, and the exit status says that something was refused."""
        server = ServerProcess("--filetypes", ".txt")
        self.addCleanup(server.end)
        home, source = self.mktemp(), self.mktemp()
        os.mkdir(source)
        for number in range(4):
            with open(os.path.join(source, f"{number}.jpg"), "wb") as file:
                file.write(os.urandom(10_000_000))
        for number in range(10):
            with open(os.path.join(source, f"{number}.txt"), "wb") as file:
                file.write(os.urandom(500_000))
        add_remote(server, os.path.abspath(home))
        pushed = run_homeftp("push", "-r", os.path.abspath(source), "nas:d", HOMEFTP_HOME=os.path.abspath(home))
        self.assertEqual(pushed.returncode, 3, pushed.stderr)
        self.assertNotIn("descriptor", pushed.stderr)
        self.assertEqual(len(os.listdir(server.path("d"))), 10)
