"""`homeftp state`: a backup and its restore."""

from __future__ import annotations

import io
import json
import os
import sys
from unittest import mock

from homeftp.audit.table import AuditTableReader
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.cluster.address import ClusterAddress, write_address
from homeftp.crypto.ca import open_identity
from tests.support.clustercommands import ClusterCommandCase
from tests.support.commandline import CommandCase, Input, Output
from tests.support.handshakes import now
from tests.support.replay import lines


class StateTests(CommandCase):
    """The command line."""

    def test_round_trip(self) -> None:
        """A restored state has the accounts of the backup, and a log of its own; a second restore is refused."""
        folder, file, new = (os.path.abspath(self.mktemp()) for _ in range(3))
        self.homeftp("account", "add", "ann", "--no-password", "--state", folder)
        open_identity(folder, now=now)
        self.assertEqual(self.homeftp("state", "backup", file, "--state", folder), Exit.DONE, self.err.getvalue())
        self.assertEqual(
            self.out.getvalue(),
            f"Wrote the state in {folder} to {file}. Keep this file where no other user can read it.\n",
        )
        self.assertEqual(self.homeftp("state", "restore", file, "--state", new, "--json"), Exit.DONE)
        self.assertEqual(json.loads(self.out.getvalue()), {"restored": file, "state": new})
        self.homeftp("account", "list", "--json", "--state", new)
        self.assertEqual(json.loads(self.out.getvalue())["accounts"], ["ann"])
        self.assertEqual([line["event"] for line in lines(new)], ["restore"])
        self.assertEqual(self.homeftp("state", "restore", file, "--state", new), Exit.USAGE)
        self.assertIn(new, self.err.getvalue())

    def test_standard_input(self) -> None:
        """A backup is restored from standard input, and not from a terminal; what is no backup is refused."""
        folder, file, new = (os.path.abspath(self.mktemp()) for _ in range(3))
        self.homeftp("account", "add", "ann", "--no-password", "--state", folder)
        open_identity(folder, now=now)
        self.homeftp("state", "backup", file, "--state", folder)
        with open(file, "rb") as backup:
            content = backup.read()
        restore = ("state", "restore", "-", "--state", new)
        with mock.patch.object(Input, "isatty", return_value=True):
            self.assertEqual(self.homeftp(*restore, typed=content), Exit.USAGE)
        self.assertIn("send it there from a file or a program", self.err.getvalue())
        for typed in (b"", b"no backup", content[:5000]):
            self.assertEqual(self.homeftp(*restore, typed=typed), Exit.USAGE)
            self.assertIn("standard input is not a", self.err.getvalue())
        self.assertEqual(self.homeftp(*restore, typed=content), Exit.DONE, self.err.getvalue())
        self.homeftp("account", "list", "--json", "--state", new)
        self.assertEqual(json.loads(self.out.getvalue())["accounts"], ["ann"])

    def test_standard_output(self) -> None:
        """- writes the backup itself, and nothing else; not to a terminal, and not with --json."""
        folder, file, new = (os.path.abspath(self.mktemp()) for _ in range(3))
        self.homeftp("account", "add", "ann", "--no-password", "--state", folder)
        open_identity(folder, now=now)
        self.assertEqual(self.homeftp("state", "backup", "-", "--state", folder), Exit.DONE, self.err.getvalue())
        assert isinstance(self.out.buffer, io.BytesIO)
        with open(file, "wb") as written:
            written.write(self.out.buffer.getvalue())
        self.assertEqual(self.homeftp("state", "restore", file, "--state", new), Exit.DONE, self.err.getvalue())
        self.assertEqual(self.homeftp("state", "backup", "-", "--json", "--state", folder), Exit.USAGE)
        self.out = Output(terminal=True)
        self.patch(sys, "stdout", self.out)
        self.assertEqual(self.homeftp("state", "backup", "-", "--state", folder), Exit.USAGE)
        self.assertFalse(os.path.exists("-"))

    def test_keep(self) -> None:
        """--keep adds the date and keeps the newest; other files stay, also those of another name."""
        folder, backups = (os.path.abspath(self.mktemp()) for _ in range(2))
        self.homeftp("account", "add", "ann", "--no-password", "--state", folder)
        open_identity(folder, now=now)
        os.mkdir(backups)
        names = [f"homeftp-state-2026-01-0{day}T000000Z.tar" for day in (1, 2, 3)]
        others = ["homeftp-state.tar", "homeftp-state-2026-01-01.tar", "other-2026-01-01T000000Z.tar"]
        for name in (*names, *others):
            with open(os.path.join(backups, name), "w"):
                pass
        done = self.homeftp("state", "backup", backups, "--keep", "2", "--state", folder, "--json")
        self.assertEqual(done, Exit.DONE, self.err.getvalue())
        said = json.loads(self.out.getvalue())
        self.assertRegex(said["backup"], r"/homeftp-state-\d{4}-\d\d-\d\dT\d{6}Z\.tar\Z")
        self.assertEqual([os.path.basename(path) for path in said["removed"]], names[:2])
        self.assertEqual(sorted(os.listdir(backups)), sorted([os.path.basename(said["backup"]), names[2], *others]))
        for arguments in (("--keep", "0"), ("--keep", "-1")):
            self.assertEqual(self.homeftp("state", "backup", backups, *arguments, "--state", folder), Exit.USAGE)
        self.assertEqual(self.homeftp("state", "backup", "-", "--keep", "2", "--state", folder), Exit.USAGE)

    def test_keep_when_clock_was_ahead(self) -> None:
        """The backup that was just written stays, whatever the names of the others say."""
        folder = os.path.abspath(self.mktemp())
        self.homeftp("account", "add", "ann", "--no-password", "--state", folder)
        open_identity(folder, now=now)
        backups = os.path.abspath(self.mktemp())
        os.mkdir(backups)
        for year in (2099, 2098):
            with open(os.path.join(backups, f"home-{year}-01-01T000000Z.tar"), "w"):
                pass
        target = os.path.join(backups, "home.tar")
        self.assertEqual(self.homeftp("state", "backup", target, "--keep", "1", "--state", folder), Exit.DONE)
        (left,) = os.listdir(backups)
        self.assertNotIn("-209", left)


class ClusterStateTests(ClusterCommandCase):
    """The state folder of a cluster's server."""

    def test_round_trip(self) -> None:
        """It is backed up as that of any server; the cluster has a record of it. It is restored without the cluster."""
        folder, file, new = (os.path.abspath(self.mktemp()) for _ in range(3))
        open_identity(folder, now=now)
        write_address(folder, ClusterAddress(self.url, "s3://files"))
        self.clear()
        self.assertEqual(self.homeftp("state", "backup", file, "--state", folder), Exit.DONE, self.err.getvalue())
        events = [json.loads(line)["event"] for line in AuditTableReader(self.database()).lines()]
        self.assertEqual(events[-1:], ["backup"])
        self.assertEqual(self.homeftp("state", "restore", file, "--state", new), Exit.DONE, self.err.getvalue())
        self.assertEqual(sorted(os.listdir(new)), ["cluster.json", "identity"])
        self.assertEqual(len(list(AuditTableReader(self.database()).lines())), len(events))
