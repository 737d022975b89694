"""Passwords that are typed at a terminal: a real process on a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.passwords import verify_password
from homeftp.cli.terminal.exitcodes import Exit
from tests.support.processes import environment

SECRET = "correct horse"


class TerminalTests(SynchronousTestCase):
    """Asking at a terminal: a real process on a pseudo-terminal."""

    def setUp(self) -> None:
        """`homeftp account add anna` that waits at its first prompt."""
        self.folder = os.path.abspath(self.mktemp())
        self.terminal, inner = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        command = [sys.executable, "-m", "homeftp", "account", "add", "anna", "--state", self.folder]
        self.process = subprocess.Popen(
            command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True, env=environment()
        )
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        os.close(inner)
        self.displayed = ""
        self.wait_for("New password for anna: ")

    def wait_for(self, words: str) -> None:
        """Read the terminal's output until it contains these words."""
        while words not in self.displayed:
            ready, _, _ = select.select([self.terminal], [], [], 30)
            self.assertTrue(ready, f"{words!r} was not shown: {self.displayed!r}")
            self.displayed += os.read(self.terminal, 4096).decode()

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self.terminal, f"{line}\n".encode())

    def test_twice(self) -> None:
        """The password is asked for twice, without echo, and is in no argument or variable of the process (F2)."""
        self.type(SECRET)
        self.wait_for("Repeat the password: ")
        for name in ("cmdline", "environ"):
            path = f"/proc/{self.process.pid}/{name}"
            if os.path.exists(path):
                with open(path, "rb") as file:
                    self.assertNotIn(SECRET.encode(), file.read())
        self.type(SECRET)
        self.wait_for("Added the account anna")
        self.assertEqual(self.process.wait(30), 0)
        self.assertNotIn(SECRET, self.displayed)
        self.assertTrue(verify_password(SECRET, AccountDatabase(self.folder).password("anna") or ""))

    def test_too_short(self) -> None:
        """A fault in a password is reported before it has to be typed again."""
        self.type("short")
        self.wait_for("homeftp: ")
        self.assertEqual(self.process.wait(30), Exit.USAGE)
        self.assertNotIn("Repeat", self.displayed)

    def test_mistyped(self) -> None:
        """Two different ones change nothing."""
        self.type(SECRET)
        self.wait_for("Repeat the password: ")
        self.type("correct house")
        self.wait_for("differ")
        self.assertEqual(self.process.wait(30), Exit.USAGE)
        self.assertEqual(AccountDatabase(self.folder).account_names(), [])

    def test_ctrl_d(self) -> None:
        """Ctrl-D gives no password."""
        os.write(self.terminal, b"\x04")
        self.wait_for("no password was given.")
        self.assertEqual(self.process.wait(30), Exit.USAGE)

    def test_ctrl_c(self) -> None:
        """Ctrl-C ends with 130, and no traceback."""
        os.kill(self.process.pid, signal.SIGINT)
        self.wait_for("homeftp: interrupted")
        self.assertEqual(self.process.wait(30), Exit.INTERRUPTED)
        self.assertNotIn("Traceback", self.displayed)
