"""What the commands on the state folder leave in the audit log, and what they say when they cannot."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any
from unittest import mock

from homeftp.accounts.access import WHOLE_STORE, AccessTable
from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Devices, add_device
from homeftp.audit.log import Audit
from homeftp.cli.main import main
from homeftp.cli.terminal.exitcodes import Exit
from tests.support import replay
from tests.support.commandline import CHEAP_PASSWORDS, Input
from tests.support.folders import QuickCase

SECRET = "correct horse"
EVERYTHING = "read,add,replace,delete"


class AuditedTests(QuickCase):
    """The commands in this process."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        self.out, self.err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", self.out)
        self.patch(sys, "stderr", self.err)
        self.patch(sys, "stdin", Input(f"{SECRET}\n".encode()))

    def run_it(self, *arguments: str) -> int:
        return main([*arguments, "--state", self.folder], CHEAP_PASSWORDS)

    def pair(self) -> None:
        with AccountDatabase(self.folder).transaction() as connection:
            add_device(connection, "1" * 32, "ann", "laptop", 0.0)

    def last(self) -> dict[str, Any]:
        """The newest line, but for what all of them have."""
        line = replay.lines(self.folder)[-1]
        self.assertEqual((line.pop("address"), line.pop("status"), line.pop("time")[:2]), (None, 0, "20"))
        return line

    def test_commands(self) -> None:
        """Each command that changes accounts, devices or rights."""
        for command, event, device, more in (
            ("account add ann --password-stdin --home a/b", "account", None, {"endpoint": "a/b", "rights": EVERYTHING}),
            ("account change ann --rights read,add", "account", None, {"endpoint": "a/b", "rights": "read,add"}),
            (
                "account change ann --quota 5K",
                "account",
                None,
                {"endpoint": "a/b", "rights": "read,add", "quota": 5120},
            ),
            ("grant ann c read", "account", None, {"endpoint": "a/b/c", "rights": "read"}),
            ("grant ann c --remove", "account", None, {"endpoint": "a/b/c", "rights": "as elsewhere"}),
            ("device rename ann-laptop ann-old", "rename", "ann-old", {"old_device": "ann-laptop"}),
            ("device revoke ann-old", "revocation", "ann-old", {}),
            ("account remove ann", "revocation", None, {}),
        ):
            self.assertEqual(self.run_it(*command.split()), Exit.DONE, self.err.getvalue())
            line = self.last()
            self.assertTrue(f"homeftp {command}".startswith(line.pop("request")))
            self.assertEqual(line, {"event": event, "account": "ann", "device": device, **more})
            if command.startswith("grant ann c --remove"):
                self.pair()
        self.assertEqual(len(replay.lines(self.folder)), 8)

    def test_invite(self) -> None:
        """A code is told by its number, and not by its words."""
        AccountDatabase(self.folder).open()
        self.assertEqual(self.run_it("invite", "--account", "ann", "--json"), Exit.DONE)
        number, _, words = json.loads(self.out.getvalue())["code"].partition("-")
        line = self.last()
        self.assertEqual((line["event"], line["account"], line["invitation"]), ("invitation", "ann", int(number)))
        self.assertNotIn(words, str(line))

    def test_password(self) -> None:
        """A new password is noted, and is not in the note."""
        self.assertEqual(self.run_it("account", "add", "ann", "--no-password"), Exit.DONE)
        self.assertEqual(self.run_it("account", "password", "ann", "--password-stdin"), Exit.DONE)
        line = self.last()
        self.assertEqual((line["event"], line["account"], len(line)), ("password", "ann", 4))

    def test_nothing_done(self) -> None:
        """Commands that only show something, or are refused, leave no line."""
        AccountDatabase(self.folder).open()
        self.assertEqual(self.run_it("device", "list"), Exit.DONE)
        self.assertEqual(self.run_it("account", "list"), Exit.DONE)
        self.assertEqual(self.run_it("device", "revoke", "nobody"), Exit.USAGE)
        self.assertEqual(replay.lines(self.folder), [])

    def test_unusable(self) -> None:
        """If the log cannot be opened, the command changes nothing and says so."""
        self.pair()
        self.assertEqual(self.run_it("account", "add", "ann", "--no-password"), Exit.DONE)
        os.chmod(os.path.join(self.folder, "audit.jsonl"), 0o644)
        for command in (
            "account add bob --no-password",
            "account change ann --rights read",
            "account remove ann",
            "grant ann c read",
            "invite --account ann --json",
            "device rename ann-laptop x",
            "device revoke ann-laptop",
        ):
            self.err.truncate(0)
            self.assertEqual(self.run_it(*command.split()), Exit.USAGE, command)
            self.assertIn("chmod 600", self.err.getvalue())
            self.assertNotIn("done, but", self.err.getvalue())
        state = AccountDatabase(self.folder)
        self.assertEqual(state.account_names(), ["ann"])
        self.assertEqual([device.name for device in Devices(state).all()], ["ann-laptop"])
        self.assertEqual(AccessTable(state).find("ann"), WHOLE_STORE)

    def test_unwritable(self) -> None:
        """One line says that it is done, and that the log does not tell of it."""
        self.pair()
        with mock.patch.object(Audit, "note", side_effect=OSError(28, "No space left on device")):
            self.assertEqual(self.run_it("device", "revoke", "ann-laptop"), Exit.USAGE)
        (line,) = self.err.getvalue().splitlines()
        self.assertIn("done, but the audit log in", line)
        self.assertEqual(self.run_it("device", "revoke", "ann-laptop"), Exit.USAGE)
        self.assertIn("there is no device", self.err.getvalue())
