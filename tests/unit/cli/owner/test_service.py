"""`homeftp service` with a systemctl that only writes down what it is asked."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time

from homeftp.accounts.database import AccountDatabase
from homeftp.cli.owner import service
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.control import ask
from homeftp.control.ask import RunningServer
from tests.support import needs
from tests.support.commandline import CommandCase


class ServiceTests(CommandCase):
    """The command line."""

    OTHER = 54321

    def setUp(self) -> None:
        super().setUp()
        self.home = os.path.abspath(self.mktemp())
        self.root, self.state = os.path.join(self.home, "Shared"), os.path.join(self.home, "state")
        os.makedirs(self.root)
        bin = os.path.join(self.home, "bin")
        os.mkdir(bin)
        self.calls = os.path.join(self.home, "calls")
        self.systemctl = os.path.join(bin, "systemctl")
        self.write_systemctl("exit 0")
        given = {"HOME": self.home, "PATH": f"{bin}:{os.environ['PATH']}"}
        self.patch(os, "environ", given)
        self.patch(ask, "running_servers", lambda environ, tell=None: self.running)
        self.patch(service, "SYSTEM_FOLDER", os.path.join(self.home, "system"))
        self.running: list[RunningServer] = []
        self.unit = os.path.join(self.home, ".config", "systemd", "user", "homeftp.service")

    def write_systemctl(self, end: str) -> None:
        with open(self.systemctl, "w") as file:
            file.write(f'#!/bin/sh\necho "$@" >> {self.calls}\n{end}\n')
        os.chmod(self.systemctl, 0o755)

    def asked(self) -> list[str]:
        with open(self.calls) as file:
            return file.read().splitlines()

    def read(self, path: str) -> str:
        with open(path) as file:
            return file.read()

    def run_server(self) -> None:
        AccountDatabase(self.state).open()
        found = RunningServer(path="/x", uid=os.geteuid(), pid=4242, state=self.state, root=self.root)
        self.running.append(found)
        arguments = [f"--root={self.root}", f"--state={self.state}", "--no-announce"]
        self.patch(RunningServer, "ask", lambda server, command: {"arguments": arguments})
        ends = iter((None, None, ProcessLookupError()))
        self.killed: list[tuple[int, int]] = []

        def kill(pid: int, number: int) -> None:
            self.killed.append((pid, number))
            end = next(ends)
            if end is not None:
                raise end

        self.patch(os, "kill", kill)
        self.patch(time, "sleep", lambda seconds: None)

    def test_user(self) -> None:
        """For the user: the server that runs now is stopped, and started by systemd with the same state."""
        self.run_server()
        self.assertEqual(self.homeftp("service", "install", "--user"), Exit.DONE, self.err.getvalue())
        self.assertRegex(
            self.read(self.unit),
            rf"\nExecStart=/\S+ (-m homeftp )?serve --root={self.root} --state={self.state} --no-announce\n",
        )
        self.assertEqual(self.asked(), ["--user daemon-reload", "--user enable --now homeftp.service"])
        self.assertEqual(self.killed[0], (4242, signal.SIGTERM))
        self.assertIn(self.state, self.out.getvalue())
        self.assertEqual(self.homeftp("service", "uninstall", "--user"), Exit.DONE)
        self.assertEqual(self.asked()[2:], ["--user disable --now homeftp.service", "--user daemon-reload"])
        self.assertFalse(os.path.exists(self.unit))
        self.assertEqual(self.homeftp("service", "uninstall", "--user"), Exit.USAGE)

    def test_system(self) -> None:
        """For the machine: as the user that is named, with the options that are given."""
        if os.geteuid() != 0:
            self.patch(os, "geteuid", lambda: 0)
        arguments = (
            "--system",
            "--run-as",
            "daemon",
            "--json",
            "--",
            self.root,
            "--state",
            self.state,
            "--listen=tcp:1",
        )
        self.assertEqual(self.homeftp("service", "install", *arguments), Exit.DONE, self.err.getvalue())
        path = json.loads(self.out.getvalue())["installed"]
        text = self.read(path)
        self.assertIn("\nUser=daemon\n", text)
        self.assertIn(f"--root={self.root} --state={self.state} --listen=tcp:1\n", text)
        self.assertEqual(self.asked(), ["daemon-reload", "enable --now homeftp.service"])

    def test_print(self) -> None:
        """--print writes nothing, and needs no systemd."""
        os.environ["PATH"] = "/nowhere"
        arguments = ("--user", "--print", "--", self.root, "--state", self.state)
        self.assertEqual(self.homeftp("service", "install", *arguments), Exit.DONE, self.err.getvalue())
        self.assertIn("[Service]", self.out.getvalue())
        self.assertFalse(os.path.exists(self.unit))
        self.assertEqual(self.homeftp("service", "install", *arguments[:1], *arguments[2:]), Exit.USAGE)
        self.assertIn("no systemd", self.err.getvalue())

    def test_refused(self) -> None:
        """Nothing to run, a wrong option, an unknown user, and a systemctl that fails: one line each."""
        cases: tuple[tuple[tuple[str, ...], str], ...] = (
            (("--user",), "No server runs here"),
            (("--user", "--", "--frobnicate"), "frobnicate"),
            (("--system", "--run-as", "no-such-user", "--", self.root, "--state", self.state), "--run-as USER"),
        )
        self.patch(os, "geteuid", lambda: 0)
        for arguments, words in cases:
            self.assertEqual(self.homeftp("service", "install", *arguments), Exit.USAGE, arguments)
            self.assertIn(words, self.err.getvalue())
        self.write_systemctl("echo no bus >&2; exit 1")
        self.assertEqual(
            self.homeftp("service", "install", "--user", "--", self.root, "--state", self.state), Exit.USAGE
        )
        self.assertIn("no bus", self.err.getvalue())

    def test_does_not_stop(self) -> None:
        """A server that does not stop is named, with the command that starts the unit once it has stopped."""
        self.run_server()
        self.patch(os, "kill", lambda pid, number: None)
        for kind, command in (("--user", "systemctl --user enable --now"), ("--system", "systemctl enable --now")):
            times = iter((0.0, 60.0))
            self.patch(time, "monotonic", lambda times=times: next(times))
            self.patch(os, "geteuid", lambda: 0)
            self.assertEqual(self.homeftp("service", "install", kind, "--run-as=daemon"), Exit.USAGE)
            self.assertIn("(pid 4242) does not stop", self.err.getvalue())
            self.assertIn(f"{command} homeftp.service", self.err.getvalue())

    def test_another_users_server(self) -> None:
        """A server that may not be stopped is named, and the unit is not started beside it."""
        self.run_server()

        def kill(pid: int, number: int) -> None:
            raise PermissionError

        self.patch(os, "kill", kill)
        self.assertEqual(self.homeftp("service", "install", "--user"), Exit.USAGE)
        self.assertIn("pid 4242", self.err.getvalue())
        self.assertEqual(self.asked(), ["--user daemon-reload"])

    def test_pid_of_another_user(self) -> None:
        """Root stops only a process of the server's user, whatever pid the server gives. The control: that is stopped.

        The unit is not started beside a server that goes on.
        """
        needs.root()
        AccountDatabase(self.state).open()
        os.chown(self.state, self.OTHER, self.OTHER)
        self.patch(RunningServer, "ask", lambda server, command: {"arguments": [self.root, f"--state={self.state}"]})
        for owner, code in ((0, Exit.USAGE), (self.OTHER, Exit.DONE)):
            with subprocess.Popen(["sleep", "60"], user=owner) as child:
                self.addCleanup(child.kill)
                reaper = threading.Thread(target=child.wait, daemon=True)
                reaper.start()
                self.running[:] = [
                    RunningServer(path="/x", uid=self.OTHER, pid=child.pid, state=self.state, root=self.root)
                ]
                done = self.homeftp("service", "install", "--system", "--run-as", "daemon")
                self.assertEqual(done, code, self.err.getvalue())
                self.assertEqual(os.getresuid(), (0, 0, 0))
                self.assertEqual(reaper.is_alive(), owner == 0)
                child.kill()
                reaper.join()
