"""The text of systemd units; where systemd is installed its own program checks them."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

from homeftp.cli.service.units import ServedFolder, quoted, sync_unit, system_unit, user_unit
from homeftp.errors import OperatorError
from tests.support.folders import QuickCase


def served(**more: Any) -> ServedFolder:
    given: dict[str, Any] = {
        "program": ["/usr/bin/true"],
        "arguments": ["--root=/srv/share", "--state=/var/lib/homeftp"],
        "root": "/srv/share",
        "state": "/var/lib/homeftp",
        "user": "daemon",
        "group": "daemon",
        **more,
    }
    return ServedFolder(**given)


class UnitTests(QuickCase):
    """user_unit, system_unit and sync_unit."""

    def verified(self, text: str) -> None:
        """What systemd says of it, where it is installed."""
        if shutil.which("systemd-analyze") is None:
            return
        path = os.path.join(os.path.abspath(self.mktemp()), "homeftp.service")
        os.makedirs(os.path.dirname(path))
        with open(path, "w") as file:
            file.write(text)
        done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
        about = [line for line in done.stderr.splitlines() if path in line or "homeftp.service" in line]
        self.assertEqual(about, [])

    def test_system(self) -> None:
        """It runs as its user and may write to the share and the state only."""
        text = system_unit(served())
        for line in (
            "ExecStart=/usr/bin/true serve --root=/srv/share --state=/var/lib/homeftp",
            "User=daemon",
            "ReadWritePaths=/srv/share /var/lib/homeftp",
            "ProtectHome=yes",
            "PrivateTmp=yes",
            "RuntimeDirectory=homeftp",
        ):
            self.assertIn(f"\n{line}\n", text)
        self.verified(text)

    def test_home(self) -> None:
        """The README's folder, the state folder and the program may be in a home; elsewhere homes are hidden."""
        for more in (
            {"root": "/home/ann/Shared"},
            {"state": "/home/ann/.local/state/homeftp"},
            {"program": ["/home/ann/.venv/bin/homeftp"]},
        ):
            text = system_unit(served(**more))
            self.assertIn("\nProtectHome=read-only\n", text)
        self.assertIn(
            "ReadWritePaths=/home/ann/Shared /var/lib/homeftp\n", system_unit(served(root="/home/ann/Shared"))
        )
        self.assertIn("\nPrivateTmp=no\n", system_unit(served(root="/tmp/share")))

    def test_user(self) -> None:
        """A user's unit has no user, and starts with the user's session."""
        text = user_unit(served())
        self.assertNotIn("User=", text)
        self.assertIn("WantedBy=default.target", text)

    def test_sync(self) -> None:
        """The unit of a sync runs its command, begins again when that fails, and is restricted without a namespace."""
        text = sync_unit(["/usr/bin/true", "sync", "--watch"], {})
        for line in (
            "ExecStart=/usr/bin/true sync --watch",
            "Restart=on-failure",
            "SuccessExitStatus=130",
            "NoNewPrivileges=yes",
            "SystemCallFilter=@system-service",
            "WantedBy=default.target",
        ):
            self.assertIn(f"\n{line}\n", text)
        for option in ("Environment", "Protect", "Private", "ReadWritePaths"):
            self.assertNotIn(f"\n{option}", text)
        self.verified(text)

    def test_sync_environment(self) -> None:
        """Variables have the value that they had, whatever characters that has."""
        text = sync_unit(["/usr/bin/true"], {"HOMEFTP_HOME": "/x y/50% $a"})
        self.assertIn('\nEnvironment="HOMEFTP_HOME=/x y/50%% $a"\nRestart', text)
        self.verified(text)
        self.assertRaises(OperatorError, sync_unit, ["/usr/bin/true"], {"HOMEFTP_HOME": "/a\nb"})

    def test_root(self) -> None:
        """A service of the system never runs as root."""
        for user in ("root", ""):
            self.assertIn("--run-as", str(self.assertRaises(OperatorError, system_unit, served(user=user))))

    def test_url(self) -> None:
        """A store that is no folder is in no path of the unit."""
        self.assertIn("ReadWritePaths=/var/lib/homeftp\n", system_unit(served(root="zip:///x")))

    def test_quoted(self) -> None:
        """Whatever a path has, systemd reads it as one word, and expands nothing in it."""
        for word, written in (
            ("/srv/share", "/srv/share"),
            ("/srv/my share", '"/srv/my share"'),
            ("", '""'),
            ('a"b', '"a\\"b"'),
            ("50%", '"50%%"'),
            ("$HOME", '"$$HOME"'),
            ("a\\b", '"a\\\\b"'),
            ("it's", '"it\'s"'),
        ):
            self.assertEqual(quoted(word), written)
        self.assertRaises(OperatorError, quoted, "a\nUser=root")
        self.verified(system_unit(served(arguments=["--root=/srv/my 50% $HOME"])))
