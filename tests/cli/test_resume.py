"""What a person does when the network breaks, or a server is started anew: nothing."""

from __future__ import annotations

import filecmp
import os
import re
import signal
import subprocess
import sys

from twisted.trial.unittest import TestCase

from homeftp.config import MIB
from tests.cutting import Cutter
from tests.processes import ServerProcess, add_remote, environment, run_homeftp

SIZE = 60 * MIB


class ResumeTests(TestCase):
    """Real processes, real connections, and something between them."""

    def setUp(self) -> None:
        self.server = ServerProcess()
        self.addCleanup(lambda: self.server.end())
        self.home = os.path.abspath(self.mktemp())
        self.here = os.path.abspath(self.mktemp())
        os.mkdir(self.here)

    def between(self, allowances: list[int], *, downwards: bool = False) -> Cutter:
        """The client's way to the server leads through this."""
        cutter = Cutter(self.server.ports[0], allowances, downwards=downwards)
        self.addCleanup(cutter.close)
        self.add(cutter.port)
        cutter.sent = 0
        return cutter

    def add(self, port: int) -> None:
        """Make the server known at this port; the introduction itself uses up two connections."""
        add_remote(self.server, self.home, port=port)

    def lay(self, path: str) -> str:
        """A large file."""
        with open(path, "wb") as file:
            for _ in range(SIZE // MIB):
                file.write(os.urandom(MIB))
        os.utime(path, (1_700_000_000, 1_700_000_000))
        return path

    def homeftp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the client."""
        return run_homeftp(*arguments, HOMEFTP_HOME=self.home)

    def test_push(self) -> None:
        """A push that is cut five times ends right, sends hardly more than the file, and says what it does."""
        path = self.lay(f"{self.here}/big")
        cutter = self.between([10**9, 10**9, *[SIZE // 6] * 5])
        said = self.homeftp("push", path, "nas:big")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertTrue(filecmp.cmp(path, self.server.path("big"), shallow=False))
        self.assertLess(cutter.sent, SIZE * 1.05)
        self.assertEqual(len(re.findall(r"broke off: trying again in 1 s", said.stderr)), 5, said.stderr)
        self.assertEqual(len(re.findall(r"going on with big: [0-9.]+ MB of it are there already", said.stderr)), 5)
        self.assertEqual(os.listdir(self.server.path(".homeftp/partial")), [])

    def test_get(self) -> None:
        """The same the other way."""
        path = self.lay(self.server.path("big"))
        cutter = self.between([10**9, 10**9, *[SIZE // 6] * 5], downwards=True)
        said = self.homeftp("get", "nas:big", f"{self.here}/big")
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertTrue(filecmp.cmp(path, f"{self.here}/big", shallow=False))
        self.assertLess(cutter.sent, SIZE * 1.05)
        self.assertEqual(len(re.findall(r"going on with big", said.stderr)), 5)
        self.assertEqual(os.listdir(self.here), ["big"])

    def test_server_is_killed(self) -> None:
        """A server that is killed in the middle, and started anew, is found again, and the file is whole."""
        path = self.lay(f"{self.here}/big")
        port = self.server.ports[0]
        self.add(port)
        client = subprocess.Popen(
            [sys.executable, "-m", "homeftp", "push", path, "nas:big"],
            env=environment(HOMEFTP_HOME=self.home),
            stderr=subprocess.PIPE,
            text=True,
        )
        partial = self.server.path(".homeftp/partial")
        while client.poll() is None and not any(
            os.path.getsize(os.path.join(partial, name)) > SIZE // 3 for name in os.listdir(partial)
        ):
            pass
        self.assertIsNone(client.poll(), "the control: it is in its middle")
        self.server.end(signal.SIGKILL)
        listen = ("--listen", f"tcp:{port}:interface=127.0.0.1")
        self.server = ServerProcess(folder=self.server.folder, listen=listen)
        _, said = client.communicate(timeout=60)
        self.assertEqual(client.returncode, 0, said)
        self.assertTrue(filecmp.cmp(path, self.server.path("big"), shallow=False))
        self.assertIn("trying again", said)
        self.assertEqual(os.listdir(partial), [])

    def test_next_command(self) -> None:
        """A client that is killed in its middle: the next push, and the next get, go on where it was."""
        path = self.lay(f"{self.here}/big")
        self.add(self.server.ports[0])
        for command, places, watched in (
            ("push", (path, "nas:big"), self.server.path(".homeftp/partial")),
            ("get", ("nas:big", f"{self.here}/again/big"), f"{self.here}/again"),
        ):
            os.makedirs(watched, exist_ok=True)
            arguments = [sys.executable, "-m", "homeftp", command, *places]
            client = subprocess.Popen(arguments, env=environment(HOMEFTP_HOME=self.home), stderr=subprocess.DEVNULL)
            while client.poll() is None and not any(
                os.path.getsize(os.path.join(watched, name)) > SIZE // 3 for name in os.listdir(watched)
            ):
                pass
            client.kill()
            client.wait()
            said = self.homeftp(command, *places)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertIn("going on with", said.stderr)
        self.assertTrue(filecmp.cmp(path, f"{self.here}/again/big", shallow=False))
        self.assertEqual(os.listdir(f"{self.here}/again"), ["big"])
