"""A server at a terminal, in the background and into a file: who sees a pairing code, and what a hangup does."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.database import AccountDatabase
from tests.support import needs
from tests.support.processes import INTERPRETED, SERVE, WITHIN, ServerProcess, environment, run_homeftp
from tests.support.terminals import TerminalProcess
from tests.support.waiting import wait_until

CODE = r"\b[0-9]{4}-[a-z]+-[a-z]+\b"
SERVE_COMMAND = (sys.executable, "-m", "homeftp", "serve")
TWISTD = INTERPRETED[0]


class TerminalCase(SynchronousTestCase):
    """A folder for a server that was never started."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(dir=os.getcwd())
        self.root, self.state = os.path.join(self.folder, "root"), os.path.join(self.folder, "state")
        self.log = os.path.join(self.folder, "log")
        os.mkdir(self.root)
        self.options = (
            *("--root", self.root, "--state", self.state, "--listen", "tcp:0:interface=127.0.0.1"),
            "--no-announce",
        )

    def at_terminal(self, *command: str) -> TerminalProcess:
        process = TerminalProcess([*command, *self.options], cwd=self.folder)
        self.addCleanup(process.end)
        return process

    def logged(self) -> str:
        if not os.path.exists(self.log):
            return ""
        with open(self.log) as file:
            return file.read()

    def codes(self) -> int:
        """How many codes the state folder has."""
        with AccountDatabase(self.state).connection() as connection:
            return len(connection.execute("SELECT 1 FROM invitations").fetchall())


class CodeTests(TerminalCase):
    """A pairing code is shown at a terminal, and is nowhere else."""

    def test_terminal(self) -> None:
        """`homeftp serve` at a terminal shows a code with which a device pairs."""
        server = self.at_terminal(*SERVE_COMMAND)
        command = server.wait_for(r"homeftp (pair \S+)\n")[1]
        code = server.wait_for(CODE)[0]
        home = os.path.join(self.folder, "client")
        paired = run_homeftp(*command.split(), "--name", "nas", input=code + "\n", HOMEFTP_HOME=home)
        self.assertEqual(paired.returncode, 0, paired.stderr)
        self.assertRegex(paired.stdout, r"\APaired with nas \(SHA256:[0-9a-f]{8}\.\.\.\) as \S+\. Next, try: ")

    def test_log_of_terminal(self) -> None:
        """At a terminal with a log file the code is at the terminal, and not in the log."""
        server = self.at_terminal(TWISTD, "-n", "--pidfile=", f"--logfile={self.log}", "homeftp")
        server.wait_for(CODE)
        wait_until(lambda: "listening " in self.logged())
        self.assertNotRegex(self.logged(), CODE)

    def test_daemon(self) -> None:
        """One that a person starts as a daemon at a terminal makes no code: others may read its log."""
        pid_file = os.path.join(self.folder, "pid")
        launcher = self.at_terminal(TWISTD, f"--pidfile={pid_file}", f"--logfile={self.log}", "homeftp")
        self.assertEqual(launcher.wait(), 0, launcher.displayed)
        with open(pid_file) as file:
            pid = int(file.read())
        try:
            wait_until(lambda: "homeftp invite --state" in self.logged(), self.logged)
            self.assertNotRegex(self.logged() + launcher.displayed, CODE)
            self.assertEqual(self.codes(), 0)
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not os.path.exists(f"/proc/{pid}"))

    def test_file(self) -> None:
        """`homeftp serve > file` makes no code, and says what makes one."""
        server = ServerProcess("--no-announce", account=False, folder=self.folder, program=SERVE)
        self.addCleanup(server.end)
        wait_until(lambda: "homeftp invite --state" in server.output(), server.output)
        self.assertNotRegex(server.output(), CODE)
        self.assertEqual(self.codes(), 0)


class HangupTests(TerminalCase):
    """SIGHUP."""

    def test_closed_terminal(self) -> None:
        """A server in the foreground ends with its terminal, and gives up its folder."""
        server = self.at_terminal(*SERVE_COMMAND)
        server.wait_for("identity ")
        server.hang_up()
        self.assertEqual(server.process.wait(WITHIN), 0)

    def test_closed_terminal_of_a_pipe(self) -> None:
        """A closed terminal ends a server whose output goes to a program, such as tee(1)."""
        launch = """sh -c 'echo "pid $$"; exec "$@"' sh "$@" | cat"""
        server = self.at_terminal("sh", "-c", launch, "sh", *SERVE_COMMAND)
        pid = int(server.wait_for(r"pid ([0-9]+)\n")[1])
        server.wait_for("identity ")
        server.hang_up()
        wait_until(lambda: not os.path.exists(f"/proc/{pid}"))

    def test_open_terminal(self) -> None:
        """SIGHUP while the terminal is there makes it read its certificates again."""
        server = self.at_terminal(*SERVE_COMMAND)
        server.wait_for("identity ")
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("certificates read again")
        self.assertIsNone(server.process.poll())

    def test_nohup(self) -> None:
        """With nohup(1) it outlives its terminal, and its certificates can be renewed."""
        server = self.at_terminal("nohup", *SERVE_COMMAND)
        path = os.path.join(self.folder, "nohup.out")

        def said() -> str:
            with open(path) as file:
                return file.read()

        wait_until(lambda: os.path.exists(path) and "identity " in said())
        server.hang_up()
        wait_until(lambda: "certificates read again" in said(), said)
        self.assertIsNone(server.process.poll())
        self.assertNotRegex(said(), CODE)


class NobodyTests(TerminalCase):
    """A user that the system does not know."""

    def test_no_home(self) -> None:
        """Without a passwd entry and without HOME explicit options suffice, for the server and for its owner."""
        needs.root()
        self.assertTrue(needs.program("setpriv"))
        unknown = 54321
        os.chown(self.folder, unknown, unknown)
        os.chown(self.root, unknown, unknown)
        # the interpreter may be where only root may read
        become = ["setpriv", f"--reuid={unknown}", f"--regid={unknown}", "--clear-groups"]
        become += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        variables = {name: value for name, value in environment().items() if name not in ("HOME", "USER", "LOGNAME")}

        def run(*command: str) -> subprocess.Popen[str]:
            return subprocess.Popen(
                [*become, *command],
                env=variables,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )

        server = run(*SERVE_COMMAND, *self.options)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        assert server.stdout is not None
        self.addCleanup(server.stdout.close)
        lines = iter(server.stdout.readline, "")
        self.assertTrue(any("identity " in line for line in lines), "it did not start")
        invited = run(sys.executable, "-m", "homeftp", "invite", "--account", "ann", "--state", self.state)
        said, _ = invited.communicate(timeout=WITHIN)
        self.assertEqual(invited.returncode, 0, said)
        self.assertRegex(said, CODE)


class TakenTests(TerminalCase):
    """What another homeftp has."""

    def fault(self, *options: str) -> str:
        done = run_homeftp("serve", "--no-announce", *options)
        self.assertEqual(done.returncode, 2, done.stdout)
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("homeftp: ")]
        return re.sub(r" \(--help lists the options\)\Z", "", line)

    def test_root(self) -> None:
        """A folder that another server shares: its pid is named."""
        server = ServerProcess("--no-announce", folder=self.folder)
        self.addCleanup(server.end)
        line = self.fault(self.root, "--state", f"{self.state}-2", "--listen", "tcp:0:interface=127.0.0.1")
        self.assertIn(f"pid {server.process.pid}", line)

    def test_port(self) -> None:
        """A port that another server listens on: its pid is named; for another program's port no pid is."""
        server = ServerProcess("--no-announce", folder=self.folder)
        self.addCleanup(server.end)
        other = os.path.join(self.folder, "other")
        os.mkdir(other)
        taken = f"tcp:{server.ports[0]}:interface=127.0.0.1"
        line = self.fault(other, "--state", f"{self.state}-2", "--listen", taken)
        self.assertIn(f"pid {server.process.pid}", line)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            line = self.fault(other, "--state", f"{self.state}-2", "--listen", f"tcp:{port}:interface=127.0.0.1")
        self.assertNotIn("homeftp (pid", line)
