"""Real servers of a cluster are killed at random while a real client pushes: each command ends right.

With `HOMEFTP_TESTS_LONG=1` it takes a thousand kills.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
from typing import Sequence

from twisted.trial.unittest import SynchronousTestCase

from tests.support import engines
from tests.support.forkserver import ForkedProcess
from tests.support.needs import LONG
from tests.support.objectserver import object_server
from tests.support.ports import reserved_listen
from tests.support.processes import (
    SERVE,
    ServerProcess,
    environment,
    fork_server,
    pair,
    run_homeftp,
)
from tests.support.waiting import WITHIN, pause, wait_until

KILLS = 1000 if LONG else 3

SMALL = 20
"""Small files of the pushed folder; besides there is one of several parts."""

LARGE = 9 * 1024 * 1024

LONGEST_SECONDS = 0.4
"""The longest time between the start of a command and the kill: about as long as a push takes."""


class ServedKillTests(SynchronousTestCase):
    """Two servers, of which one is always there, and a client that knows both."""

    def setUp(self) -> None:
        self.url = engines.postgresql().create(f"served_{id(self)}")
        objects = object_server()
        self.bucket, self.env = f"{objects.bucket('tests')}/{id(self)}", objects.environment()
        self.done("cluster", "init", self.url, "--objects", self.bucket)
        self.chance = random.Random(KILLS)
        self.servers = [self.serve(reserved_listen()), self.serve(reserved_listen())]
        self.addCleanup(self.end_all)
        self.home, self.folder = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(self.folder, "d"))
        pair(self.servers[0], self.home)
        wait_until(lambda: self.done("ls", "nas:") or self.done("remote", "list").count("127.0.0.1:") == 2)

    def serve(self, listen: Sequence[str]) -> ServerProcess:
        """A server, at a port that it keeps when it is killed."""
        options = ("--objects", self.bucket, "--no-announce")
        return ServerProcess(*options, root=self.url, env=self.env, program=SERVE, account=False, listen=listen)

    def end_all(self) -> None:
        """End the servers that are there."""
        for each in self.servers:
            each.end(signal.SIGKILL)

    def done(self, *arguments: str) -> str:
        """Run a command that has to succeed; what it prints."""
        ended = run_homeftp(*arguments, **self.env, HOMEFTP_HOME=getattr(self, "home", ""))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return ended.stdout

    def start_push(self) -> ForkedProcess:
        """Start to push the folder."""
        with open(os.devnull, "rb") as nothing, open(f"{self.folder}.output", "wb") as output:
            return fork_server().start(
                ["homeftp", "push", "-r", self.folder, "nas:folder"],
                standard=(nothing.fileno(), output.fileno(), output.fileno()),
                env=environment(HOMEFTP_HOME=self.home),
                cwd=os.getcwd(),
            )

    def change(self) -> None:
        """Give each file another content."""
        for number in range(SMALL):
            with open(os.path.join(self.folder, "d", str(number)), "wb") as file:
                file.write(self.chance.randbytes(100 + number))
        with open(os.path.join(self.folder, "large"), "wb") as file:
            file.write(self.chance.randbytes(LARGE))

    def kill_one(self) -> None:
        """Kill a server, and start it again."""
        number = self.chance.randrange(len(self.servers))
        killed = self.servers[number]
        killed.end(signal.SIGKILL)
        self.servers[number] = self.serve(killed.listen)

    def test_kills(self) -> None:
        """A push ends with success, whatever server is killed, and then the server has the same as the client."""
        cut = 0
        for _ in range(KILLS):
            self.change()
            push = self.start_push()
            pause(self.chance.uniform(0, LONGEST_SECONDS))
            cut += push.poll() is None
            self.kill_one()
            try:
                status = push.wait(WITHIN * 2)
            except subprocess.TimeoutExpired:
                push.kill()
                raise
            with open(f"{self.folder}.output", encoding="utf-8") as output:
                self.assertEqual(status, 0, output.read())
            self.done("cmp", "-r", self.folder, "nas:folder")  # its status: the copies are the same
        self.assertGreater(cut, KILLS // 3, "the control: most were under way")
        self.done("verify", "nas:")
