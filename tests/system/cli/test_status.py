"""An owner looks at a real server, and a person at the servers that a machine knows."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from homeftp.accounts.database import AccountDatabase
from tests.support import needs
from tests.support.processes import PASSWORD, ServerProcess, environment, pair, run_homeftp
from tests.support.rawclient import RawClient
from tests.support.terminals import TerminalProcess
from tests.support.waiting import wait_until


class StatusCase(SynchronousTestCase):
    """A server that commands find by its control socket, and a client that is paired with it."""

    def setUp(self) -> None:
        self.runtime = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.runtime)
        os.environ["HOMEFTP_RUNTIME"] = self.runtime
        self.addCleanup(os.environ.pop, "HOMEFTP_RUNTIME")
        self.server = ServerProcess("--no-announce", "--audit-reads")
        self.addCleanup(self.server.end)
        self.home = os.path.join(self.server.folder, "client")
        wait_until(lambda: os.listdir(self.runtime))

    def homeftp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_homeftp(*arguments, HOMEFTP_HOME=self.home)

    def done(self, *arguments: str) -> str:
        done = self.homeftp(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class OwnerTests(StatusCase):
    """On the server's machine, without --state."""

    def test_found(self) -> None:
        """A code that is made without --state works, because it is made in the running server's state."""
        done = self.homeftp("invite", "--account", "ann")
        self.assertIn(f"using the state folder {self.server.state} (the server with pid", done.stderr)
        code = re.findall(r"\S+-\S+-\S+", done.stdout)[-1]
        paired = self.homeftp("pair", f"127.0.0.1:{self.server.ports[0]}", code, "--name", "nas")
        self.assertEqual(paired.returncode, 0, paired.stderr)
        for command in ("device list", "account list", "invite --list", "log"):
            self.assertIn("ann", self.done(*command.split()))

    def test_killed(self) -> None:
        """After a server was killed its state is still found by name, and its socket leads nowhere."""
        self.server.process.kill()
        self.server.process.wait()
        refused = run_homeftp("invite", HOME=self.server.folder, XDG_STATE_HOME="")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("no server runs here", refused.stderr)
        self.assertIn("ann", self.done("account", "list", "--state", self.server.state))

    def test_status(self) -> None:
        """What runs, who is connected, and what they do; the exit code tells a stopped server."""
        pair(self.server, self.home)
        file = os.path.join(self.server.folder, "file")
        with open(file, "wb") as made:
            made.write(b"x" * 10_000)
        self.done("push", file, "nas:")
        wait_until(lambda: "homeftp" in self.done("device", "list", "--state", self.server.state))  # its program
        with RawClient(self.server.ports[0], self.server.ca_file) as client:
            client.start_tls().login("ann", PASSWORD)
            found = json.loads(self.done("status", "--json"))
            server = found["server"]
            self.assertEqual(server["server"]["pid"], self.server.process.pid)
            (login,) = [each for each in server["clients"] if each["device"] is None]
            self.assertEqual((login["account"], login["address"], login["doing"]), ("ann", "127.0.0.1", []))
            self.assertRegex(
                self.done("status"), r"Logged in with a password\n  ann +connected from 127\.0\.0\.1, idle"
            )
        (device,) = server["devices"]
        self.assertRegex(device["client"], r"\Ahomeftp \d")
        self.assertIsNotNone(device["seen_us"])
        self.assertIsNotNone(device["expires_us"])
        (remote,) = found["remotes"]
        self.assertEqual((remote["name"], remote["reachable"], remote["account"]), ("nas", True, "ann"))
        self.assertEqual(remote["rights"], ["read", "add", "replace", "delete"])
        self.server.end()
        stopped = self.homeftp("status", "nas")
        self.assertEqual(stopped.returncode, 4)
        self.assertIn("not reachable", stopped.stdout)

    def test_silent(self) -> None:
        """A server that was stopped with SIGSTOP is said to run, and not to answer; then it goes on."""
        os.kill(self.server.process.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.server.process.pid, signal.SIGCONT)
        silent = self.homeftp("status", "--state", self.server.state)
        os.kill(self.server.process.pid, signal.SIGCONT)
        self.assertEqual(silent.returncode, 4)
        self.assertIn(f"The server (pid {self.server.process.pid}) runs, and does not answer", silent.stdout)
        self.assertIn("has run for", self.done("status", "--state", self.server.state))

    def test_second_server(self) -> None:
        """A second server, of another folder, with the same state is refused in one line."""
        other = os.path.join(self.server.folder, "other")
        os.mkdir(other)
        listen = ("--listen", "tcp:0:interface=127.0.0.1")
        refused = self.homeftp("serve", other, "--state", self.server.state, *listen)
        self.assertEqual(refused.returncode, 2, refused.stderr)
        (line,) = refused.stderr.splitlines()
        self.assertIn(f"is used by another homeftp server (pid {self.server.process.pid})", line)
        self.assertEqual(os.listdir(other), [])

    def test_same_machine(self) -> None:
        """A machine that pairs again, under another name, is the same device; both names go on working."""
        pair(self.server, self.home)
        pair(self.server, self.home, "other")
        self.assertEqual(len(self.done("device", "list").splitlines()), 1)
        for name in ("nas", "other"):
            self.done("ls", f"{name}:")

    def test_log(self) -> None:
        """Changes and reads are shown, filtered, and as they happen."""
        pair(self.server, self.home)
        file = os.path.join(self.server.folder, "lake.jpg")
        with open(file, "wb") as made:
            made.write(b"x")
        self.done("push", file, "nas:photos/lake.jpg")
        self.done("get", "nas:photos/lake.jpg", os.path.join(self.server.folder, "again"))
        lines = self.done("log", "--path", "photos/lake.jpg").splitlines()
        self.assertIn("added photos/lake.jpg (1 B)", lines[0])
        self.assertIn("read photos/lake.jpg", lines[-1])
        self.assertEqual(self.done("log", "--device", "nobody"), "")
        command = [sys.executable, "-m", "homeftp", "log", "--follow", "--state", self.server.state]
        follow = TerminalProcess(command)
        self.addCleanup(follow.end)
        follow.wait_for("read photos/lake.jpg")
        self.done("push", file, "nas:photos/new.jpg")
        follow.wait_for("added photos/new.jpg")
        follow.type("\x03")
        self.assertEqual(follow.wait(), 130)

    def test_invite_ctrl_c(self) -> None:
        """Ctrl-C while `invite` waits cancels the code; so does closing the terminal."""
        for end in ("ctrl-c", "hang up"):
            waiting = TerminalProcess([sys.executable, "-m", "homeftp", "invite", "--account", "ann"])
            self.addCleanup(waiting.end)
            code = waiting.wait_for(r"[0-9]{4}-[a-z]+-[a-z]+")[0]
            waiting.wait_for("\u2588")
            if end == "ctrl-c":
                waiting.type("\x03")
                self.assertEqual(waiting.wait(), 130)
                self.assertIn("The code was cancelled", waiting.displayed)
            else:
                waiting.hang_up()
                waiting.process.wait(30)
            listed = self.done("invite", "--list")
            self.assertRegex(listed, rf"(?m)^{code.split('-')[0]} +ann +cancelled$")
            tried = self.homeftp("pair", f"127.0.0.1:{self.server.ports[0]}", code, "--name", "nas")
            self.assertEqual(tried.returncode, 3)

    def test_other_user(self) -> None:
        """Another user than the server's gets no answer from its socket."""
        wait_until(lambda: self.homeftp("status").returncode == 0)  # it has set the mode of its socket
        (name,) = os.listdir(self.runtime)
        path = os.path.join(self.runtime, name)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        if os.geteuid() == 0:
            os.chmod(self.runtime, 0o755)
            os.chmod(path, 0o666)
            script = (
                "import os, socket, sys; os.setuid(54321); s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);\n"
                'try:\n s.sendall(b\'{"command": "hello"}\\n\'); print(s.recv(100))\n'
                "except OSError: print(b'')"
            )
            done = subprocess.run(
                [sys.executable, "-c", script, path], capture_output=True, text=True, env=environment(), check=True
            )
            self.assertEqual(done.stdout, "b''\n")


class RootTests(SynchronousTestCase):
    """Root, who becomes the user of a server to read its state."""

    OTHER = 54321

    def test_stopped_server_of_another_user(self) -> None:
        """Root is shown a stopped server of another user, though what root itself knows is private."""
        needs.root()
        home = tempfile.mkdtemp(dir="/tmp")  # the other user may not be able to open the checkout's parents
        self.addCleanup(shutil.rmtree, home)
        os.chmod(home, 0o755)
        os.makedirs(os.path.join(home, "client"), 0o700)
        state = os.path.join(home, "homeftp")
        AccountDatabase(state).add_account("ann", None)
        for path in (state, *(os.path.join(state, name) for name in os.listdir(state))):
            os.chown(path, self.OTHER, self.OTHER)
        here = {"HOMEFTP_HOME": os.path.join(home, "client"), "XDG_STATE_HOME": home}
        done = run_homeftp("status", **here, HOMEFTP_RUNTIME=os.path.join(home, "runtime"))
        self.assertEqual((done.stderr, done.returncode), ("", 4))
        self.assertIn("The server does not run", done.stdout)
        self.assertIn("ann", done.stdout)
