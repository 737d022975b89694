"""`homeftp service` with a systemctl that only writes down what it is asked."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import threading
import time

from homeftp.accounts.database import AccountDatabase
from homeftp.cli.service import systemd
from homeftp.cli.terminal.exitcodes import Exit
from homeftp.control import ask
from homeftp.control.ask import RunningServer
from homeftp.control.statelock import FILE, server_of
from tests.support import needs
from tests.support.commandline import CommandCase
from tests.support.waiting import wait_until

STARTED = [
    "daemon-reload",
    "enable homeftp.service",
    "reset-failed homeftp.service",
    "restart homeftp.service",
]
"""What systemctl is asked to install the unit."""


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
        self.patch(ask, "running_servers", lambda environ, tell=None: [*self.running, *self.started()])
        self.patch(systemd, "SYSTEM_FOLDER", os.path.join(self.home, "system"))
        self.running: list[RunningServer] = []
        self.starts = True
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

    def started(self) -> list[RunningServer]:
        """The server that systemd was asked to start, unless it does not start."""
        asked = self.asked() if os.path.exists(self.calls) else []
        is_started = self.starts and any("restart" in call.split() for call in asked)
        return [RunningServer(path="/y", uid=0, pid=4243, state=self.state, root=self.root)] if is_started else []

    def run_server(self, uid: int | None = None, *, stops: bool = True) -> subprocess.Popen[bytes]:
        """A process that holds the lock of the state folder, as a running server does, and ends at SIGTERM."""
        AccountDatabase(self.state).open()
        if uid is not None:
            os.chown(self.state, uid, uid)
        command = ["sleep", "60"] if stops else ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"]
        with open(os.path.join(self.state, FILE), "w") as file:
            child = subprocess.Popen(command, stdin=file, user=uid, preexec_fn=lambda: fcntl.flock(0, fcntl.LOCK_EX))
        reaper = threading.Thread(target=child.wait, daemon=True)  # so that a process that ended has no pid any more
        reaper.start()
        self.addCleanup(reaper.join)
        self.addCleanup(child.kill)
        wait_until(lambda: server_of(self.state) == child.pid)
        found = RunningServer(path="/x", uid=os.geteuid(), pid=child.pid, state=self.state, root=self.root)
        self.running.append(found)
        arguments = [f"--root={self.root}", f"--state={self.state}", "--no-announce"]
        self.patch(RunningServer, "ask", lambda server, command: {"arguments": arguments})
        return child

    def test_user(self) -> None:
        """For the user: the server that runs now is stopped, and started by systemd with the same state."""
        child = self.run_server()
        self.assertEqual(self.homeftp("service", "install", "--user"), Exit.DONE, self.err.getvalue())
        self.assertRegex(
            self.read(self.unit),
            rf"\nExecStart=/\S+ (-m homeftp )?serve --root={self.root} --state={self.state} --no-announce\n",
        )
        self.assertEqual(self.asked(), [f"--user {call}" for call in STARTED])
        self.assertEqual(child.wait(), -signal.SIGTERM)
        self.assertIn(self.state, self.out.getvalue())
        self.assertEqual(self.homeftp("service", "uninstall", "--user"), Exit.DONE)
        self.assertEqual(self.asked()[4:], ["--user disable --now homeftp.service", "--user daemon-reload"])
        self.assertFalse(os.path.exists(self.unit))
        self.assertEqual(self.homeftp("service", "uninstall", "--user"), Exit.USAGE)

    def test_system(self) -> None:
        """For the machine: as the user that is named, with the options that are given.

        The server that uses the state folder is stopped, though its control socket is not where commands look.
        """
        child = self.run_server()
        self.running.clear()
        if os.geteuid() != 0:
            self.patch(os, "geteuid", lambda: 0)
        options = ("--system", "--run-as", "daemon", "--json")
        arguments = (*options, "--", self.root, "--state", self.state, "--listen=tcp:1")
        self.assertEqual(self.homeftp("service", "install", *arguments), Exit.DONE, self.err.getvalue())
        path = json.loads(self.out.getvalue())["installed"]
        text = self.read(path)
        self.assertIn("\nUser=daemon\n", text)
        self.assertIn(f"--root={self.root} --state={self.state} --listen=tcp:1\n", text)
        self.assertEqual(self.asked(), STARTED)
        self.assertEqual(child.wait(), -signal.SIGTERM)

    def test_does_not_start(self) -> None:
        """A unit whose server ends, or does not answer in time, is not called started: its log is named."""
        self.starts = False
        for end, minutes in (("echo NRestarts=1", 0.0), ("echo ActiveState=failed", 0.0), ("echo NRestarts=0", 9.0)):
            self.write_systemctl(end)
            times = iter((0.0, 60 * minutes))
            self.patch(time, "monotonic", lambda times=times: next(times))
            arguments = ("--user", "--", self.root, "--state", self.state)
            self.assertEqual(self.homeftp("service", "install", *arguments), Exit.USAGE)
            self.assertIn("does not start", self.err.getvalue())
            self.assertIn("journalctl --user-unit homeftp.service", self.err.getvalue())

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
            (("--user",), "no server runs here"),
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
        pid = self.run_server(stops=False).pid
        for kind, command in (("--user", "systemctl --user enable --now"), ("--system", "systemctl enable --now")):
            times = iter((0.0, 60.0))
            self.patch(time, "monotonic", lambda times=times: next(times))
            self.patch(os, "geteuid", lambda: 0)
            self.assertEqual(self.homeftp("service", "install", kind, "--run-as=daemon"), Exit.USAGE)
            self.assertIn(f"(pid {pid}) does not stop", self.err.getvalue())
            self.assertIn(f"{command} homeftp.service", self.err.getvalue())

    def test_another_users_server(self) -> None:
        """A server that may not be stopped is named, and the unit is not started beside it."""
        pid = self.run_server().pid

        def kill(pid: int, number: int) -> None:
            raise PermissionError

        self.patch(os, "kill", kill)
        self.assertEqual(self.homeftp("service", "install", "--user"), Exit.USAGE)
        self.assertIn(f"pid {pid}", self.err.getvalue())
        self.assertEqual(self.asked(), ["--user daemon-reload"])

    def test_process_of_another_user(self) -> None:
        """Root stops only a process of the state's owner, whoever holds the lock. The control: that is stopped.

        The unit is not started beside a server that goes on.
        """
        needs.root()
        for uid, code in ((self.OTHER + 1, Exit.USAGE), (self.OTHER, Exit.DONE)):
            child = self.run_server(uid)
            os.chown(self.state, self.OTHER, self.OTHER)
            done = self.homeftp("service", "install", "--system", "--run-as", "daemon")
            self.assertEqual(done, code, self.err.getvalue())
            self.assertEqual(os.getresuid(), (0, 0, 0))
            self.assertEqual(child.poll(), None if code else -signal.SIGTERM)
            child.kill()
            child.wait()
