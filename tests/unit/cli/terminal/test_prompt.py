"""Passwords from standard input; tests/system/cli/test_terminal.py asks for them at a real terminal."""

from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from homeftp.cli.terminal.prompt import read_password
from homeftp.errors import OperatorError
from tests.support.commandline import Input


class PasswordTests(SynchronousTestCase):
    """read_password without a terminal."""

    def test_no_terminal(self) -> None:
        """Without a terminal the message names --password-stdin."""
        self.patch(sys, "stdin", Input(b"correct horse\n"))
        error = self.assertRaises(OperatorError, read_password, False, "password: ")
        self.assertIn("--password-stdin", str(error))

    def test_first_line(self) -> None:
        """From standard input the first line is the password, spaces included; later lines are not consumed."""
        self.patch(sys, "stdin", Input(b" two  words \nmore\n"))
        self.assertEqual(read_password(True, "password: "), " two  words ")
        self.assertEqual(sys.stdin.buffer.readline(), b"more\n")

    def test_refused(self) -> None:
        """An empty password and one that is not UTF-8 are refused; `check` sees and replaces a new one."""
        for data, message in (
            (b"", "no password was given."),
            (b"\n", "no password was given."),
            (b"a\xff\n", "the password is not valid UTF-8."),
        ):
            self.patch(sys, "stdin", Input(data))
            error = self.assertRaises(OperatorError, read_password, True, "")
            self.assertEqual(str(error), message)
        self.patch(sys, "stdin", Input(b"secret\n"))
        self.assertEqual(read_password(True, "", check=str.upper), "SECRET")
