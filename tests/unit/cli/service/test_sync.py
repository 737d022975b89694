"""`homeftp service --sync` with a systemctl that only writes down what it is asked."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from homeftp.cli.pairs.pair import SavedPair
from homeftp.cli.pairs.pairfile import PairFile
from homeftp.cli.service.sync import install, uninstall
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.errors import OperatorError
from tests.support.commandline import CommandCase


class ServiceTests(CommandCase):
    """The command line, on a machine with one saved pair."""

    def setUp(self) -> None:
        super().setUp()
        self.home = os.path.abspath(self.mktemp())
        bin = os.path.join(self.home, "bin")
        os.makedirs(bin)
        self.bin = bin
        self.calls = os.path.join(self.home, "calls")
        self.write("systemctl", "exit 0")
        self.client = os.path.join(self.home, "client")
        given = {"HOME": self.home, "PATH": f"{bin}:{os.environ['PATH']}", "HOMEFTP_HOME": self.client}
        self.patch(os, "environ", given)
        self.unit = os.path.join(self.home, ".config", "systemd", "user", "homeftp-sync.service")

    def write(self, name: str, end: str) -> None:
        """Write a program that writes down what it is asked."""
        path = os.path.join(self.bin, name)
        with open(path, "w") as file:
            file.write(f'#!/bin/sh\necho "$@" >> {self.calls}\n{end}\n')
        os.chmod(path, 0o755)

    def asked(self) -> list[str]:
        """What they were asked."""
        with open(self.calls) as file:
            return file.read().splitlines()

    def save(self) -> None:
        """Save a pair."""
        PairFile(self.client).save(SavedPair(folder="/a", server="nas", path="a"))

    def test_installed(self) -> None:
        """It is written, enabled and started; and stopped and removed, and the pairs stay."""
        self.save()
        self.assertEqual(self.homeftp("service", "install", "--sync", "--json"), Exit.DONE, self.err.getvalue())
        self.assertEqual(json.loads(self.out.getvalue()), {"installed": self.unit, "pairs": 1})
        with open(self.unit) as file:
            self.assertRegex(file.read(), r"\nExecStart=/\S+ (-m homeftp )?sync --watch\nEnvironment=HOMEFTP_HOME=/")
        unit = "homeftp-sync.service"
        self.assertEqual(
            self.asked(),
            [
                "--user daemon-reload",
                f"--user enable {unit}",
                f"--user reset-failed {unit}",
                f"--user restart {unit}",
            ],
        )
        self.assertEqual(self.homeftp("service", "uninstall", "--sync"), Exit.DONE, self.err.getvalue())
        self.assertEqual(self.asked()[4:], [f"--user disable --now {unit}", "--user daemon-reload"])
        self.assertFalse(os.path.exists(self.unit))
        self.assertEqual(len(PairFile(self.client).load()), 1)
        self.assertEqual(self.homeftp("service", "uninstall", "--sync"), Exit.USAGE)
        self.assertIn("nothing was installed", self.err.getvalue())

    def test_refused(self) -> None:
        """Without pairs, for the machine, with a server's options, and where systemctl is missing or fails."""
        self.assertEqual(self.homeftp("service", "install", "--sync"), Exit.USAGE)
        self.assertIn("homeftp sync --save", self.err.getvalue())
        self.save()
        for words, said in (
            (("--system",), "leave out --system"),
            (("--run-as", "ann"), "do not go with --sync"),
            (("--", "/srv"), "do not go with --sync"),
        ):
            self.assertEqual(self.homeftp("service", "install", "--sync", *words), Exit.USAGE)
            self.assertIn(said, self.err.getvalue())
        self.write("systemctl", "echo no bus >&2; exit 1")
        self.assertEqual(self.homeftp("service", "install", "--sync"), Exit.USAGE)
        self.assertIn("`systemctl --user daemon-reload` failed: no bus", self.err.getvalue())
        os.environ["PATH"] = "/nowhere"
        self.assertEqual(self.homeftp("service", "install", "--sync"), Exit.USAGE)
        self.assertIn("has no systemd", self.err.getvalue())

    def test_print(self) -> None:
        """--print needs nothing, and writes nothing."""
        os.environ["PATH"] = "/nowhere"
        self.assertEqual(self.homeftp("service", "install", "--sync", "--print"), Exit.DONE)
        self.assertIn("sync --watch", self.out.getvalue())
        self.assertFalse(os.path.exists(self.unit))

    def test_other_systems(self) -> None:
        """On macOS it is an agent, and on Windows a task, whose environment cannot be set."""
        self.save()
        self.write("launchctl", "exit 0")
        self.write("schtasks", "exit 0")
        given: dict[str, Any] = {
            "system": False,
            "run_as": None,
            "state": None,
            "serve": [],
            "print": False,
            "json": False,
        }
        options = argparse.Namespace(**given)
        self.assertEqual(install(options, ["/bin/homeftp"], "darwin"), Exit.DONE)
        self.assertNotIn("loginctl", self.out.getvalue())
        self.assertEqual(uninstall(options, "darwin"), Exit.DONE)
        with self.assertRaisesRegex(OperatorError, "setx"):
            install(options, ["C:\\homeftp.exe"], "win32")
        self.patch(
            os, "environ", {**os.environ, "HOMEFTP_HOME": "", "XDG_CONFIG_HOME": self.home, "APPDATA": self.home}
        )
        os.makedirs(os.path.join(self.home, "homeftp"))
        PairFile(os.path.join(self.home, "homeftp")).save(SavedPair(folder="/a", server="nas", path="a"))
        self.assertEqual(install(options, ["C:\\homeftp.exe"], "win32"), Exit.DONE)
        self.assertTrue(os.path.exists(os.path.join(self.home, "homeftp", "homeftp-sync.xml")))
