"""The owner's commands, killed before each statement of the database: what was asked for is there as a whole or not."""

from __future__ import annotations

import os
import subprocess
import sys

from twisted.trial.unittest import TestCase

from homeftp.accounts.access import AccessChange, AccessTable, parse_folder
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import add_device
from homeftp.store.policy.rights import parse_rights
from tests.support.processes import PASSWORD, environment

PROGRAM = """
import os, shutil, signal, sys
import homeftp.accounts.access, homeftp.accounts.invitations, homeftp.accounts.passwords, homeftp.audit.log
import homeftp.cli.owner.account, homeftp.cli.owner.grant, homeftp.cli.owner.invite, homeftp.host
from homeftp.cli.main import main

def killed(statements):
    def profile(frame, event, called):
        nonlocal statements
        if event == "c_call" and getattr(called, "__name__", "") == "execute":
            statements -= 1
            if statements < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    return profile

typed = os.read(0, 1000)
for statements in range(1000):
    folder = f"{sys.argv[1]}-{statements}"
    shutil.copytree(sys.argv[1], folder)
    child = os.fork()
    if child == 0:
        end, begin = os.pipe()
        os.write(begin, typed)
        os.close(begin)
        os.dup2(end, 0)
        sys.setprofile(killed(statements))
        code = main([*sys.argv[2:], "--state", folder])
        os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        sys.exit(os.WEXITSTATUS(status))
"""
"""Runs a command on copies of a state folder: killed before its first statement, its second, and so on to its end.

What the commands import at their first use is imported before it forks.
"""


class KilledTests(TestCase):
    """The account ann, with her laptop, and a command."""

    timeout = 300

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        state = AccountDatabase(self.folder)
        AccessTable(state).add("ann", "hers", AccessChange(parse_folder("ann"), parse_rights("read"), 5))
        with state.transaction() as connection:
            add_device(connection, "1" * 32, "ann", "laptop", 0.0)

    def found(self, folder: str) -> list[list[tuple[object, ...]]]:
        """What is in the database but for what is random."""
        with AccountDatabase(folder).connection() as connection:
            return [
                list(connection.execute(f"SELECT {columns} ORDER BY 1"))
                for columns in (
                    "name, password IS NULL OR password = 'hers', home, rights, quota FROM accounts",
                    "account, path, rights FROM grants",
                    "id, account FROM devices",
                    "account FROM invitations",
                )
            ]

    def check(self, *command: str) -> None:
        """Each copy is as it was before, or as it is after the whole command; the control: both occur."""
        before = self.found(self.folder)
        ran = subprocess.run(
            [sys.executable, "-c", PROGRAM, self.folder, *command],
            input=PASSWORD + "\n",
            text=True,
            capture_output=True,
            check=False,
            env=environment(),
        )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        count = 0
        while os.path.exists(f"{self.folder}-{count}"):
            count += 1
        self.assertGreater(count, 5)
        found = [self.found(f"{self.folder}-{number}") for number in range(count)]
        after = found[-1]
        self.assertNotEqual(after, before)
        self.assertEqual([each for each in found if each not in (before, after)], [])
        self.assertIn(before, found)

    def test_add(self) -> None:
        """An account is added with its home, its rights and its quota."""
        self.check("account", "add", "kid", "--no-password", "--home", "kid", "--rights", "read", "--quota", "5G")

    def test_change(self) -> None:
        """Home, rights and quota change together."""
        self.check("account", "change", "ann", "--home", "other", "--rights", "add", "--quota", "5G")

    def test_password(self) -> None:
        """A password is changed."""
        self.check("account", "password", "ann", "--password-stdin")

    def test_remove(self) -> None:
        """An account goes with its devices."""
        self.check("account", "remove", "ann")

    def test_grant(self) -> None:
        """A restriction is set."""
        self.check("grant", "ann", "tax", "none")

    def test_invite(self) -> None:
        """An account is created with its rights, and has an invitation."""
        self.check("invite", "--account", "kid", "--rights", "read", "--json")
