"""A unit, with a systemctl that only answers what a test says."""

from __future__ import annotations

import os

from homeftp.cli.service.systemd import SystemdUnit
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase

UNIT = "x.service"


class SystemdUnitTests(QuickCase):
    """`SystemdUnit`."""

    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(self.home, "bin"))
        self.patch(os, "environ", {"HOME": self.home, "PATH": os.path.join(self.home, "bin")})
        self.user, self.system = SystemdUnit(UNIT, is_system=False), SystemdUnit(UNIT, is_system=True)

    def write_systemctl(self, script: str) -> None:
        path = os.path.join(self.home, "bin", "systemctl")
        with open(path, "w") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)

    def test_path(self) -> None:
        """A user's unit is in the user's configuration, wherever that is."""
        self.assertEqual(self.user.path, os.path.join(self.home, ".config", "systemd", "user", UNIT))
        os.environ["XDG_CONFIG_HOME"] = "/elsewhere"
        self.assertEqual(self.user.path, "/elsewhere/systemd/user/x.service")
        self.assertEqual(self.system.path, "/etc/systemd/system/x.service")

    def test_commands(self) -> None:
        """What people are told to run is for the same manager."""
        self.assertEqual(self.user.start_command, "systemctl --user enable --now x.service")
        self.assertEqual(self.system.start_command, "systemctl enable --now x.service")
        self.assertEqual(self.user.log_command, "journalctl --user-unit x.service -n 20")
        self.assertEqual(self.system.log_command, "journalctl -u x.service -n 20")

    def test_has_failed(self) -> None:
        """A process that ended has failed, also while systemd starts it again. The control: one that runs has not."""
        for said, failed in (
            ("ActiveState=active\\nNRestarts=0", False),
            ("ActiveState=failed\\nNRestarts=0", True),
            ("ActiveState=active\\nNRestarts=2", True),
        ):
            self.write_systemctl(f"printf '{said}\\n'")
            self.assertEqual(self.user.has_failed(), failed, said)

    def test_start(self) -> None:
        """A unit that never failed cannot be reset, which is no error; one that cannot be started is."""
        self.write_systemctl('[ "$2" != reset-failed ]')
        self.user.start()
        self.write_systemctl('[ "$2" != restart ] || { echo no bus >&2; exit 1; }')
        refused = self.assertRaises(OperatorError, self.user.start)
        self.assertIn("`systemctl --user restart x.service` failed: no bus", str(refused))

    def test_no_systemd(self) -> None:
        """Without systemctl nothing can be installed."""
        self.assertIn("no systemd", str(self.assertRaises(OperatorError, self.user.require)))
