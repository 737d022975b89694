"""What a person does when the network breaks, or a server is started anew: nothing."""

from __future__ import annotations

import filecmp
import functools
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from twisted.trial.unittest import TestCase

from homeftp.config import MIB
from tests.support.cutproxy import Cutter
from tests.support.ports import reserved_listen
from tests.support.processes import ServerProcess, add_remote, environment, run_homeftp
from tests.support.waiting import WITHIN, wait_until

SIZE = 60 * MIB


def lay(path: str) -> str:
    """A large file."""
    with open(path, "wb") as file:
        for _ in range(SIZE // MIB):
            file.write(os.urandom(MIB))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


class Cut(NamedTuple):
    """The result of a command that was interrupted five times."""

    said: subprocess.CompletedProcess[str]
    sent: int
    same: bool
    """Whether both files are."""
    left: list[str]
    """The content at the target of a partial transfer."""


@functools.lru_cache(maxsize=1)
def cuts() -> tuple[Cut, Cut]:
    """A push and a get, at the same time: each waits for a second after each cut."""
    server = ServerProcess()

    def cut(command: str, downwards: bool) -> Cut:
        here = os.path.join(server.folder, command)
        os.mkdir(here)
        cutter = Cutter(server.ports[0], [10**9, 10**9, *[SIZE // 6] * 5], downwards=downwards)
        try:
            add_remote(server, f"{here}.home", port=cutter.port)  # which uses up two connections
            cutter.sent = 0
            mine, theirs, name = f"{here}/big", server.path(f"{command}/big"), f"nas:{command}/big"
            os.mkdir(os.path.dirname(theirs))
            lay(theirs if downwards else mine)
            places = (name, mine) if downwards else (mine, name)
            said = run_homeftp(command, *places, HOMEFTP_HOME=f"{here}.home")
        finally:
            cutter.close()
        same = said.returncode == 0 and filecmp.cmp(mine, theirs, shallow=False)
        return Cut(said, cutter.sent, same, os.listdir(here if downwards else server.path(".homeftp/partial")))

    try:
        with ThreadPoolExecutor(2) as pool:
            push, get = pool.map(cut, ("push", "get"), (False, True))
            return push, get
    finally:
        server.end()


class CutTests(TestCase):
    """A network that breaks again and again."""

    def check(self, cut: Cut) -> None:
        """It ended right, and hardly more than the file was sent."""
        self.assertEqual(cut.said.returncode, 0, cut.said.stderr)
        self.assertTrue(cut.same)
        self.assertLess(cut.sent, SIZE * 1.05)

    def test_push(self) -> None:
        """A push that is cut five times ends right, sends hardly more than the file, and says what it does."""
        push, _ = cuts()
        self.check(push)
        said = push.said.stderr
        self.assertEqual(len(re.findall(r"was lost: trying again in 1 s", said)), 5, said)
        self.assertEqual(len(re.findall(r"Resuming big: [0-9.]+ MB had already been transferred\.", said)), 5, said)
        self.assertEqual(push.left, [])

    def test_get(self) -> None:
        """The same the other way."""
        _, get = cuts()
        self.check(get)
        self.assertEqual(len(re.findall(r"Resuming big", get.said.stderr)), 5, get.said.stderr)
        self.assertEqual(get.left, ["big"])


class ResumeTests(TestCase):
    """Real processes, real connections, and one of the two ends that goes away."""

    def setUp(self) -> None:
        self.server = ServerProcess(listen=reserved_listen())
        self.addCleanup(lambda: self.server.end())
        self.home = os.path.abspath(self.mktemp())
        self.here = os.path.abspath(self.mktemp())
        os.mkdir(self.here)

    def hold(self, remote: str, *, downwards: bool = False) -> threading.Event:
        """Make the server known by this name, over a network that stops in the middle of the first transfer.

        Until the event is set, when that connection breaks; later ones last.
        """
        held = threading.Event()
        self.addCleanup(held.set)
        allowances = [10**9, 10**9, SIZE * 2 // 3]  # to add the server takes two connections
        cutter = Cutter(self.server.ports[0], allowances, downwards=downwards, cut=lambda number: held.wait())
        self.addCleanup(cutter.close)
        add_remote(self.server, self.home, remote, port=cutter.port)
        return held

    def start(self, *arguments: str, partial: str) -> subprocess.Popen[str]:
        """A command of the client, which is in its middle: `partial` is the folder of the content that has arrived."""
        client = subprocess.Popen(
            [sys.executable, "-m", "homeftp", *arguments],
            env=environment(HOMEFTP_HOME=self.home),
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)

        def arrived() -> bool:
            with os.scandir(partial) as found:
                return any(each.stat().st_size > SIZE // 3 for each in found)

        wait_until(arrived)
        return client

    def test_server_is_killed(self) -> None:
        """A server that is killed in the middle, and started anew, is found again, and the file is whole."""
        path = lay(f"{self.here}/big")
        self.hold("nas")
        partial = self.server.path(".homeftp/partial")
        client = self.start("push", path, "nas:big", partial=partial)
        self.assertIsNone(client.poll(), "the control: it is in its middle")
        self.server.end(signal.SIGKILL)
        self.server = ServerProcess(folder=self.server.folder, listen=self.server.listen)
        _, said = client.communicate(timeout=WITHIN * 2)
        self.assertEqual(client.returncode, 0, said)
        self.assertTrue(filecmp.cmp(path, self.server.path("big"), shallow=False))
        self.assertIn("trying again", said)
        self.assertEqual(os.listdir(partial), [])

    def test_next_command(self) -> None:
        """A client that is killed in its middle: the next push, and the next get, go on where it was."""
        path = lay(f"{self.here}/big")
        for command, places, partial in (
            ("push", (path, "push:big"), self.server.path(".homeftp/partial")),
            ("get", ("get:big", f"{self.here}/again/big"), f"{self.here}/again"),
        ):
            os.makedirs(partial, exist_ok=True)
            held = self.hold(command, downwards=command == "get")
            client = self.start(command, *places, partial=partial)
            self.assertIsNone(client.poll(), "the control: it is in its middle")
            client.kill()
            held.set()
            said = run_homeftp(command, *places, HOMEFTP_HOME=self.home)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertIn("Resuming", said.stderr)
        self.assertTrue(filecmp.cmp(path, f"{self.here}/again/big", shallow=False))
        self.assertEqual(os.listdir(f"{self.here}/again"), ["big"])
