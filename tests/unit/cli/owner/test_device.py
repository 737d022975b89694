"""`homeftp device` on a state folder."""

from __future__ import annotations

import json
import os

from homeftp.accounts.database import AccountDatabase
from homeftp.accounts.devices import Devices, add_device
from homeftp.cli.terminal.exitcodes import Exit
from tests.support.commandline import CommandCase


class DeviceTests(CommandCase):
    """The command line."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = os.path.abspath(self.mktemp())
        self.assertEqual(self.homeftp("account", "add", "ann", "--no-password", "--state", self.folder), Exit.DONE)

    def device(self, *arguments: str) -> int:
        return self.homeftp("device", *arguments, "--state", self.folder)

    def pair(self) -> None:
        with AccountDatabase(self.folder).transaction() as connection:
            add_device(connection, "1" * 32, "ann", "laptop", 0.0)

    def test_list(self) -> None:
        """Without a device the command says how to pair one; --json prints nothing then."""
        self.device("list")
        self.assertEqual(self.out.getvalue(), "No device is paired yet. Run `homeftp invite` to make a code for one.\n")
        self.device("list", "--json")
        self.assertEqual(self.out.getvalue(), "")
        self.pair()
        self.device("list")
        self.assertRegex(
            self.out.getvalue(), r"\Aann-laptop {20} ann {17} paired [0-9-]{10} [0-9:]{5}, not seen since\n\Z"
        )
        self.device("list", "--json")
        listed = json.loads(self.out.getvalue())
        self.assertEqual((listed["name"], listed["account"], listed["paired_us"]), ("ann-laptop", "ann", 0))
        self.assertEqual([listed[name] for name in ("seen_us", "address", "client", "expires_us")], [None] * 4)

    def test_seen(self) -> None:
        """What the server has seen of a device is listed; what a client calls itself cannot steer the terminal."""
        self.pair()
        Devices(AccountDatabase(self.folder)).saw("1" * 32, 60.0, "192.0.2.7", "homeftp\x1b[31m", 90.0)
        self.device("list")
        self.assertRegex(
            self.out.getvalue(),
            r"seen [0-9-]{10} [0-9:]{5} at 192\.0\.2\.7, with homeftp\\x1b\[31m, certificate until 19[0-9-]{8}\n\Z",
        )
        self.device("list", "--json")
        self.assertEqual(json.loads(self.out.getvalue())["expires_us"], 90_000_000)

    def test_changed(self) -> None:
        """A device is renamed and revoked; an unknown one is refused."""
        self.pair()
        self.assertEqual(self.device("rename", "ann-laptop", "old"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Renamed ann-laptop to old.\n")
        self.assertEqual(self.device("revoke", "ann-laptop"), Exit.USAGE)
        self.assertIn("ann-laptop", self.err.getvalue())
        self.assertEqual(self.device("revoke", "old"), Exit.DONE)
        self.assertEqual(self.out.getvalue(), "Revoked old: it cannot log in any more. The files it uploaded stay.\n")
        self.device("list", "--json")
        self.assertEqual(self.out.getvalue(), "")
