"""A program that watches a folder, a server and another client, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.processes import REPOSITORY, WITHIN, ServerProcess, add_remote, environment
from tests.support.serving import ServedCase
from tests.support.waiting import wait_until

PROGRAM = os.path.join(REPOSITORY, "docs", "client", "watch.py")
ANYTHING = "anything may have changed"


class WatchCase(ServedCase):
    """What the program of the documentation prints."""

    def watch(self) -> subprocess.Popen[bytes]:
        """Start it, and wait until it watches this test's folder."""
        self.printed = os.path.join(self.here, "printed")
        with open(self.printed, "wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", PROGRAM, "nas", self.there],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(HOMEFTP_HOME=self.home),
            )
        self.addCleanup(process.wait, WITHIN)
        self.addCleanup(process.kill)
        self.await_printed("watching")
        return process

    def lines(self) -> list[str]:
        """All that it has printed."""
        with open(self.printed, encoding="utf-8") as file:
            return file.read().splitlines()

    def await_printed(self, *expected: str) -> None:
        """Wait until these lines, or their beginnings, are there."""
        wait_until(lambda: all(any(line.startswith(each) for line in self.lines()) for each in expected), self.lines)


class WatchTests(WatchCase):
    """Changes of others."""

    def test_other_client(self) -> None:
        """What another client stores, moves and removes is printed, and nothing beside the folder."""
        self.watch()
        path = self.lay("a.txt")
        for command in (
            ("push", path, f"nas:{self.there}/a.txt"),
            ("push", path, f"nas:{self.there}-beside/a.txt"),
            ("mv", f"nas:{self.there}/a.txt", f"nas:{self.there}/b.txt"),
            ("rm", "-f", f"nas:{self.there}/b.txt"),
        ):
            done = self.homeftp(*command)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.await_printed("changed: a.txt", "changed: b.txt")
        changed = {line for line in self.lines() if line.startswith("changed")}
        self.assertEqual(changed, {"changed: the folder itself", "changed: a.txt", "changed: b.txt"})


class OtherProgramTests(WatchCase):
    """Changes by other programs, noticed by a server with --watch-root."""

    def setUp(self) -> None:
        super().setUp()
        self.server = ServerProcess("--watch-root")
        self.addCleanup(self.server.end)
        self.home = os.path.join(self.here, "home")
        add_remote(self.server, self.home)

    def test_touch(self) -> None:
        """What `touch`, `mkdir`, `mv` and `rm` do in the shared folder is printed, also in folders that are new."""
        folder = self.server.path(self.there)
        os.mkdir(folder)
        self.watch()
        for command, *printed in (
            (["touch", f"{folder}/a"], "changed: a"),
            (["mkdir", "-p", f"{folder}/new/deep"], "changed: new"),
            (["touch", f"{folder}/new/deep/b"], "changed: new/deep/b"),
            (["mv", f"{folder}/new", f"{folder}/moved"], "changed: moved"),
            (["rm", f"{folder}/moved/deep/b"], "changed: moved/deep/b"),
        ):
            subprocess.run(command, check=True)
            self.await_printed(*printed)
        self.assertNotIn(ANYTHING, self.lines())
        with open(PROGRAM, encoding="utf-8") as program:
            self.assertIn(ANYTHING, program.read(), "the control: the program would print it")

    def test_stop(self) -> None:
        """A server that stops ends the watch at once, with the reason."""
        process = self.watch()
        self.server.end()
        self.assertEqual(process.wait(WITHIN), 1)
        self.assertIn("the server is stopping", self.lines()[-1])
