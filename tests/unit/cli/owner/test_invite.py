"""`homeftp invite` at a terminal: it shows a code, and waits until it is used."""

from __future__ import annotations

import io
import os
import sys
from typing import Callable
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.access import AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.invitations import Invitations
from homeftp.cli.main import main
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.crypto.pake import Code, parse_code
from homeftp.store.policy.rights import rights_shown


class Terminal(io.StringIO):
    """Standard output that somebody looks at."""

    def isatty(self) -> bool:
        return True


class InviteTests(SynchronousTestCase):
    """The command in this process."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        self.out, self.err = Terminal(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)

    def invite(self, *arguments: str, meanwhile: Callable[[Code], object] = lambda code: None) -> int:
        """Its exit status; `meanwhile` is what happens to the code while it waits for the first time."""
        happened: list[float] = []

        def sleep(seconds: float) -> None:
            if not happened:
                meanwhile(self.code())
            happened.append(seconds)
            self.assertLess(len(happened), 3, "it waits for something that has happened")

        with mock.patch("homeftp.cli.owner.invite.time.sleep", sleep):
            return main(["invite", *arguments, "--state", self.folder])

    def code(self) -> Code:
        return parse_code(self.out.getvalue().splitlines()[1].split()[-1])

    def test_rights(self) -> None:
        """A new account gets the given rights, perhaps none; an existing account must have the same."""
        for name, rights, kept in (("kid", "read", "read"), ("box", "add", "add"), ("off", "none", "none")):
            self.assertEqual(self.invite("--account", name, "--rights", rights, "--json"), Exit.DONE)
            access = AccessTable(AccountDatabase(self.folder)).find(name)
            self.assertEqual(rights_shown(access.rights.everywhere) if access else "", kept)
            self.assertEqual(self.invite("--account", name, "--rights", rights, "--json"), Exit.DONE)
        self.assertEqual(self.invite("--account", "kid", "--json"), Exit.DONE)
        self.assertEqual(self.invite("--account", "kid", "--rights", "read,add", "--json"), Exit.USAGE)
        self.assertIn("homeftp account change kid --rights read,add", self.err.getvalue())

    def test_picture(self) -> None:
        """At a terminal there is a QR code as well."""
        self.assertEqual(self.invite("--no-wait"), Exit.DONE)
        lines = self.out.getvalue().splitlines()
        self.assertGreater(len(lines), 10)
        self.assertTrue(any("\N{LOWER HALF BLOCK}" in line for line in lines))

    def test_used(self) -> None:
        """The device that used it is named."""
        done = self.invite(
            "--account",
            "ann",
            meanwhile=lambda code: Invitations(AccountDatabase(self.folder)).use(code, "1" * 32, "laptop"),
        )
        self.assertEqual(done, Exit.DONE)
        self.assertTrue(self.out.getvalue().endswith("Paired with ann-laptop, a device of ann.\n"))

    def test_burnt(self) -> None:
        """The owner is told that a code was cancelled, and what that means."""
        done = self.invite(
            meanwhile=lambda code: [Invitations(AccountDatabase(self.folder)).reserve(code) for _ in range(3)]
        )
        self.assertEqual(done, Exit.USAGE)
        self.assertIn("someone may be guessing", self.err.getvalue())

    def test_over(self) -> None:
        """An unused code expires."""

        def later(code: Code) -> None:
            with AccountDatabase(self.folder).transaction() as connection:
                connection.execute("UPDATE invitations SET ends = 0")

        self.assertEqual(self.invite(meanwhile=later), Exit.USAGE)
        self.assertIn("expired unused", self.err.getvalue())

    def test_gone(self) -> None:
        """One whose account was removed is gone."""
        done = self.invite(
            "--account", "ann", meanwhile=lambda code: AccountDatabase(self.folder).remove_account("ann")
        )
        self.assertEqual(done, Exit.USAGE)
        self.assertIn("The invitation was removed", self.err.getvalue())

    def test_refused(self) -> None:
        """A time that is none, a name that is none, and several accounts to choose from: one line each, and no code."""
        Invitations(AccountDatabase(self.folder)).make("ann", 600)
        Invitations(AccountDatabase(self.folder)).make("bob", 600)
        for line in ("--for soon", "--for 8d", "--for 0s", "--account A.B", ""):
            self.err.truncate(0)
            self.assertEqual(self.invite(*line.split()), Exit.USAGE, line)
            self.assertEqual(len(self.err.getvalue().splitlines()), 1)
        self.assertEqual(self.out.getvalue(), "")
