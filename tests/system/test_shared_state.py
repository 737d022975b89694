"""The files in the state folder, while several processes use them at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import homeftp
from homeftp.accounts.database import AccountDatabase
from tests.support import replay


def run(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a Python program that imports the homeftp of this process."""
    path = str(Path(homeftp.__file__).parents[1])
    return subprocess.Popen([sys.executable, "-c", program, *arguments], env={**os.environ, "PYTHONPATH": path})


class SharedStateTests(SynchronousTestCase):
    """Nothing is lost and nothing is torn."""

    def test_accounts(self) -> None:
        """Several processes that open a fresh folder at once make one database and lose nothing."""
        folder = os.path.abspath(self.mktemp())
        program = (
            "import sys; from homeftp.accounts.database import AccountDatabase; "
            "AccountDatabase(sys.argv[1]).add_account(sys.argv[2], 'x')"
        )
        running = [run(program, folder, f"u{number}") for number in range(6)]
        self.assertEqual([process.wait(60) for process in running], [0] * 6)
        self.assertEqual(AccountDatabase(folder).account_names(), [f"u{number}" for number in range(6)])

    def test_audit(self) -> None:
        """Several processes write at once, and each begins new files: all lines are there, and whole."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder, 0o700)
        program = (
            "import sys; from homeftp.audit.log import Audit; from homeftp.model import Actor\n"
            "audit = Audit(sys.argv[1], size=2000, kept=1000)\n"
            "for number in range(300): audit.note('login', Actor(f'{sys.argv[2]}-{number}'))\n"
        )
        running = [run(program, folder, name) for name in "abc"]
        self.assertEqual([process.wait(60) for process in running], [0, 0, 0])
        names = [line["account"] for line in replay.lines(folder)]
        for name in "abc":
            self.assertEqual([each for each in names if each[0] == name], [f"{name}-{number}" for number in range(300)])
        self.assertGreater(len(os.listdir(folder)), 20)
