"""Damage, from a flipped bit to a mended file, with real processes: what each command says and does."""

from __future__ import annotations

import json
import os
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from homeftp.hashing.filehash import hash_bytes
from tests.support.flips import flip
from tests.support.processes import ServerProcess, add_remote, run_homeftp
from tests.support.replay import lines

GOOD, BAD = b"good content", b"gone content"


class DamageTests(SynchronousTestCase):
    """A server, and a client that has pushed a file to it."""

    def setUp(self) -> None:
        self.server = ServerProcess()
        self.addCleanup(self.server.end)
        self.home = os.path.abspath(self.mktemp())
        add_remote(self.server, self.home)
        self.here = os.path.abspath(self.mktemp())
        os.mkdir(self.here)
        self.file = os.path.join(self.here, "a")
        with open(self.file, "wb") as file:
            file.write(GOOD)
        os.utime(self.file, ns=(0, 1_700_000_000_000_500_000))
        self.assertEqual(self.homeftp("push", self.file, "nas:a").returncode, 0)

    def homeftp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the client."""
        return run_homeftp(*arguments, HOMEFTP_HOME=self.home)

    def flip(self) -> None:
        """Damage the server's file."""
        flip(self.server.path("a"), BAD, os.path.join(self.server.state, "index.sqlite"))

    def damages(self) -> list[str]:
        """The hashes of all damages in the audit log."""
        return [line["hash"] for line in lines(self.server.state) if line.get("change") == "damage"]

    def test_get_cmp_push(self) -> None:
        """A get that finds damage makes it known; cmp and the next get say so; a push mends it."""
        copy = os.path.join(self.here, "copy")
        self.flip()
        self.assertEqual(self.homeftp("cmp", self.file, "nas:a").returncode, 0, "the control: nobody knows yet")
        got = self.homeftp("get", "nas:a", copy)
        self.assertEqual(got.returncode, 4, got.stderr)
        self.assertIn("it is damaged", got.stderr)
        self.assertEqual(self.damages(), [hash_bytes(GOOD)])
        for command in (("cmp", self.file, "nas:a"), ("get", "nas:a", copy)):
            said = self.homeftp(*command)
            self.assertEqual(said.returncode, 1, said.stderr)
            self.assertIn("homeftp: damaged: ", said.stderr)
        pushed = self.homeftp("push", "-v", self.file, "nas:a")
        self.assertEqual((pushed.returncode, pushed.stdout.split()[0]), (0, "mended"), pushed.stderr)
        self.assertEqual(self.homeftp("get", "nas:a", copy).returncode, 0)
        self.assertEqual(self.homeftp("verify", "nas:").returncode, 0)

    def test_verify_here(self) -> None:
        """On the server's machine damage is found while the server runs, which then refuses the file, and after it."""
        self.flip()
        command = ("verify", "--json", "--state", self.server.state)
        for _ in range(2):
            found = self.homeftp(*command)
            self.assertEqual(found.returncode, 1, found.stderr)
            damage, summary = map(json.loads, found.stdout.splitlines())
            self.assertEqual((damage["outcome"], damage["name"], damage["hash"]), ("damaged", "a", hash_bytes(GOOD)))
            self.assertEqual(summary["summary"]["files"], 1)
            if self.server.process.poll() is None:
                self.assertEqual(self.homeftp("cmp", self.file, "nas:a").returncode, 1)
                self.server.end()
        self.assertEqual(self.damages(), [hash_bytes(GOOD)], "it is recorded once")

    def test_restart(self) -> None:
        """What is damaged is still known after a restart, and told in the state of the scrub."""
        self.flip()
        self.assertEqual(self.homeftp("verify", "nas:a").returncode, 1)
        self.server.end()
        with open(os.path.join(self.server.state, "scrub.json"), encoding="utf-8") as file:
            state = json.load(file)
        self.assertEqual((state["root"], state["damaged_total"]), (self.server.root, 1))
        self.assertIn("file a is damaged", self.server.output())
        again = ServerProcess(folder=self.server.folder)
        self.addCleanup(again.end)
        add_remote(again, self.home, "again")
        self.assertEqual(self.homeftp("cmp", self.file, "again:a").returncode, 1)
