"""The server as its owner runs it: real processes, every launcher, every kind of endpoint, signals and faults."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from twisted.trial.unittest import TestCase

from tests.support import needs
from tests.support.ports import reserved_port
from tests.support.processes import (
    INTERPRETED,
    PASSWORD,
    SERVE,
    WITHIN,
    ServerProcess,
    environment,
    fork_server,
    run_homeftp,
)
from tests.support.processes import TWISTD as FORKED_TWISTD
from tests.support.rawclient import RawClient
from tests.support.socketpaths import socket_path
from tests.support.waiting import wait_until

TWISTD = os.path.join(os.path.dirname(sys.executable), "twistd")
TWIST = os.path.join(os.path.dirname(sys.executable), "twist")
LAUNCHERS = (FORKED_TWISTD, SERVE)


class LaunchTests(TestCase):
    """Every way to start it."""

    def check(self, server: ServerProcess, port: int | None = None, host: str = "127.0.0.1") -> None:
        with RawClient(port or server.ports[0], server.ca_file, host=host) as client:
            client.start_tls().login("ann", PASSWORD)
            answer, _ = client.ask("PUSH", {"rel_endpoint": "a.txt"}, b"hello")
            self.assertEqual(answer["status"], 0, answer)
        with open(server.path("a.txt"), "rb") as file:
            self.assertEqual(file.read(), b"hello")

    def test_twistd(self) -> None:
        """twistd -n homeftp serves, and ends by SIGTERM within 10 s."""
        server = ServerProcess(command=INTERPRETED)
        self.addCleanup(server.end)
        self.check(server)
        before = time.monotonic()
        server.end()
        self.assertLess(time.monotonic() - before, 10)

    def test_serve(self) -> None:
        """homeftp serve DIR serves, prints what a person needs, and no more."""
        server = ServerProcess(command=(sys.executable, "-m", "homeftp", "serve"))
        self.addCleanup(server.end)
        self.check(server)
        for line in ("sharing ", "listening ", "identity   SHA256:", "accounts   ann", "homeftp remote add "):
            self.assertIn(line, server.output())
        self.assertNotIn("[-]", server.output())

    def test_twist(self) -> None:
        """It runs under twist too."""
        server = ServerProcess(command=(TWIST, "homeftp"))
        self.addCleanup(server.end)
        self.check(server)

    def test_daemon(self) -> None:
        """A daemon detaches from the terminal, serves, and ends by its pid file; files have the usual modes."""
        folder = tempfile.mkdtemp(dir=os.getcwd())
        root, state = os.path.join(folder, "root"), os.path.join(folder, "state")
        pid_file, log_file = os.path.join(folder, "pid"), os.path.join(folder, "log")
        os.mkdir(root)
        added = run_homeftp("account", "add", "ann", "--state", state, "--password-stdin", input=PASSWORD + "\n")
        self.assertEqual(added.returncode, 0, added.stderr)
        port = reserved_port()
        command = [
            TWISTD,
            f"--pidfile={pid_file}",
            f"--logfile={log_file}",
            "homeftp",
            "--root",
            root,
            "--state",
            state,
        ]
        started = subprocess.run(
            [*command, "--listen", f"tcp:{port}:interface=127.0.0.1"],
            env=environment(),
            timeout=WITHIN,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        self.assertEqual(started.returncode, 0)
        with open(pid_file) as file:
            pid = int(file.read())
        try:
            with RawClient(port, os.path.join(state, "identity", "ca.crt")) as client:
                client.start_tls().login("ann", PASSWORD)
                answer, _ = client.ask("PUSH", {"rel_endpoint": "d/a.txt"}, b"hello")
                self.assertEqual(answer["status"], 0, answer)
            self.assertEqual(os.stat(os.path.join(root, "d", "a.txt")).st_mode & 0o777, 0o644)
            self.assertEqual(os.stat(os.path.join(root, "d")).st_mode & 0o777, 0o755)
        finally:
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not os.path.exists(pid_file))

    def test_ipv6_and_unix(self) -> None:
        """It listens on tcp6 and on a local socket, together."""
        path = socket_path(self)
        server = ServerProcess(listen=("--listen", r"tcp6:0:interface=\:\:1", "--listen", f"unix:{path}"))
        self.addCleanup(server.end)
        self.check(server, host="::1")
        with socket.socket(socket.AF_UNIX) as local:
            local.settimeout(WITHIN)
            local.connect(path)
            local.sendall(b'{"request_type": "STARTTLS"}\n')
            self.assertIn(b'"status":0', local.recv(1000))

    def test_systemd_socket(self) -> None:
        """It takes over a listening socket as systemd hands it on (sd_listen_fds(3))."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            port = listening.getsockname()[1]
            # systemd's number for the first socket is 3, and LISTEN_PID the server's own: a shell makes both so.
            launch = f'exec 3<&{listening.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=x; exec "$@"'
            server = ServerProcess(
                command=("bash", "-c", launch, "bash", TWISTD, "-n", "--pidfile=", "homeftp"),
                listen=("--listen", "systemd:domain=INET:index=0"),
                pass_fds=[listening.fileno()],
            )
            self.addCleanup(server.end)
        self.check(server, port=port)

    def test_tls_from_the_first_byte(self) -> None:
        """--listen-tls speaks the same protocol inside TLS, and refuses STARTTLS there."""
        server = ServerProcess("--listen-tls", "tcp:0:interface=127.0.0.1")
        self.addCleanup(server.end)
        plain, tls = server.ports
        self.check(server, plain)
        with RawClient(tls, server.ca_file) as client:
            client.wrap().login("ann", PASSWORD)
            self.assertEqual(client.ask("HELLO")[0]["body"]["account"], "ann")
            self.assertEqual(client.ask("STARTTLS")[0]["status"], 20)


class FaultTests(TestCase):
    """What cannot start says so in one line, with a non-zero status, and never with a traceback."""

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(dir=os.getcwd())
        self.root = os.path.join(self.folder, "root")
        os.mkdir(self.root)
        self.state = os.path.join(self.folder, "state")

    def fault(self, *options: str, program: tuple[str, ...] = LAUNCHERS[0]) -> str:
        ended = fork_server().run(options, input="", env=environment(), timeout=WITHIN, program=program)
        self.assertNotEqual(ended.returncode, 0, ended.stdout)
        self.assertNotIn("Traceback", ended.stdout + ended.stderr)
        lines = [line for line in ended.stderr.splitlines() if line.strip()]
        self.assertEqual(len(lines), 1, ended.stderr)
        self.assertTrue(lines[0].startswith("homeftp: "), lines)
        return lines[0]

    def usual(self) -> tuple[str, ...]:
        return ("--root", self.root, "--state", self.state)

    def test_faults(self) -> None:
        """Bad options, a missing root, an endpoint that is none, a broken plugin: both launchers say the same."""
        with open(os.path.join(self.folder, "broken.py"), "w") as file:
            file.write("import nothing_of_that_name\n")
        cases = (
            (("--frobnicate",), "frobnicate"),
            (("--root", "/nowhere", "--state", self.state), "/nowhere"),
            ((*self.usual(), "--listen", "carrier-pigeon:5"), "carrier-pigeon"),
            ((*self.usual(), "--dispatcher", "BROKEN", "--plugin-dir", self.folder), "broken.py"),
            (("--root", self.root, "--state", "/proc/nothing"), "/proc/nothing"),
        )
        for options, named in cases:
            for program in LAUNCHERS:
                self.assertIn(named, self.fault(*options, program=program))

    def test_taken_port(self) -> None:
        """A port that another program has is named."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            endpoint = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            self.assertIn(endpoint, self.fault(*self.usual(), "--listen", endpoint))

    def test_state_inside_root(self) -> None:
        """The keys are never shared: a state folder inside the shared one is refused, by its real path too."""
        link = os.path.join(self.folder, "link")
        os.symlink(self.root, link)
        for state in (self.root, os.path.join(self.root, "a", "state"), os.path.join(link, "state")):
            self.assertIn("--state", self.fault("--root", self.root, "--state", state))

    def test_launchers_end(self) -> None:
        """A taken port ends a daemon's launcher and twist as well, and leaves no pid file."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            endpoint = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            pid_file = os.path.join(self.folder, "pid")
            daemon = [TWISTD, f"--pidfile={pid_file}", f"--logfile={self.folder}/log", "homeftp"]
            for command in (daemon, [TWIST, "homeftp"]):
                ended = subprocess.run(
                    [*command, *self.usual(), "--listen", endpoint],
                    capture_output=True,
                    env=environment(),
                    timeout=WITHIN,
                    check=False,
                    stdin=subprocess.DEVNULL,
                )
                self.assertNotEqual(ended.returncode, 0, command)
                self.assertNotIn(b"Traceback", ended.stdout + ended.stderr)
            self.assertFalse(os.path.exists(pid_file))

    def test_read_only(self) -> None:
        """A shared folder on a disk that is mounted read-only can be read; the server says so, and what to do."""
        mounting = 'mount -t tmpfs -o "$1" none "$2" && shift 2 && exec "$@"'
        namespace = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounting, "sh")
        needs.program("unshare")
        probe = subprocess.run([*namespace, "ro", self.root, "true"], check=False, capture_output=True)
        needs.require("mounts in user namespaces", lambda: probe.returncode == 0)
        for how in ("ro", "rw"):
            command = (*namespace, how, self.root, sys.executable, "-m", "homeftp", "serve")
            server = ServerProcess(folder=self.folder, command=command)
            self.addCleanup(server.end)
            said = re.search(r"read-only +the shared folder.s disk is mounted read-only: mount it", server.output())
            self.assertEqual(said is not None, how == "ro", server.output())
            with RawClient(server.ports[0], server.ca_file) as client:
                client.start_tls().login("ann", PASSWORD)
                self.assertEqual(client.ask("HELLO")[0]["body"]["read_only"], how == "ro")
                self.assertEqual(client.ask("GET", {"rel_endpoint": ""})[0]["status"], 0)
                status = client.ask("PUSH", {"rel_endpoint": "a"}, b"x")[0]["status"]
                self.assertEqual(status, 33 if how == "ro" else 0)
            server.end()

    def test_loose_state(self) -> None:
        """A state folder that others may read is refused, with the command that mends it."""
        os.mkdir(self.state)
        os.chmod(self.state, 0o755)
        self.assertIn(f"chmod 700 {self.state}", self.fault(*self.usual()))

    def test_two_servers_on_one_root(self) -> None:
        """A second server on the same folder does not start."""
        server = ServerProcess(folder=self.folder)
        self.addCleanup(server.end)
        other = os.path.join(self.folder, "other")
        fault = self.fault("--root", self.root, "--state", other, "--listen", "tcp:0:interface=127.0.0.1")
        self.assertIn(self.root, fault)


class SignalTests(TestCase):
    """SIGHUP, SIGTERM and SIGKILL while it works."""

    def setUp(self) -> None:
        self.server = ServerProcess("--stall-timeout", "3600")  # no request is over because nothing more comes
        self.addCleanup(self.server.end)

    def client(self) -> RawClient:
        client = RawClient(self.server.ports[0], self.server.ca_file)
        self.addCleanup(lambda: client.socket.close())
        return client.start_tls().login("ann", PASSWORD)

    def test_hangup(self) -> None:
        """SIGHUP takes new certificates into use and closes no connection."""
        client = self.client()
        before = client.socket.getpeercert(True)  # type: ignore[attr-defined]
        os.remove(os.path.join(self.server.state, "identity", "server.crt"))
        os.remove(os.path.join(self.server.state, "identity", "server.key"))
        self.server.send(signal.SIGHUP)
        wait_until(lambda: "certificates read again" in self.server.output(), self.server.output)
        self.assertEqual(client.ask("HELLO")[0]["status"], 0)
        after = self.client().socket.getpeercert(True)  # type: ignore[attr-defined]
        self.assertNotEqual(before, after)

    def account(self, verb: str, name: str, input: str = "") -> None:
        options = ("--password-stdin",) if input else ()
        done = run_homeftp("account", verb, name, "--state", self.server.state, *options, input=input)
        self.assertEqual(done.returncode, 0, done.stderr)

    def status(self, name: str, password: str) -> int:
        """How a login is answered."""
        with RawClient(self.server.ports[0], self.server.ca_file) as client:
            answer, _ = client.start_tls().ask("LOGIN", {"username": name, "password": password})
            return int(answer["status"])

    def test_accounts(self) -> None:
        """Accounts need no signal: a new one, a new password and a removal count at the next login."""
        self.assertEqual(self.status("bob", PASSWORD), 32, "the control")
        self.account("add", "bob", PASSWORD + "\n")
        self.assertEqual(self.status("bob", PASSWORD), 0)
        self.account("password", "bob", "another one entirely\n")
        self.assertEqual(self.status("bob", PASSWORD), 32)
        self.assertEqual(self.status("bob", "another one entirely"), 0)
        self.account("remove", "bob")
        self.assertEqual(self.status("bob", "another one entirely"), 32)

    def begin_push(self) -> RawClient:
        """A PUSH over old content, half of which has arrived."""
        with open(self.server.path("a"), "wb") as file:
            file.write(b"old")
        client = self.client()
        client.socket.sendall(b'{"request_type":"PUSH","content_length":8000000,"body":{"rel_endpoint":"a"}}\n')
        client.socket.sendall(bytes(4_000_000))
        wait_until(self.is_noted, self.under_way)
        self.assertEqual(len(self.under_way()), 2, "the content, and a note of how much has arrived")
        return client

    def under_way(self) -> list[str]:
        """What the server has of large files on their way in."""
        return os.listdir(os.path.join(self.server.root, ".homeftp", "partial"))

    def is_noted(self) -> bool:
        """Whether the server has written down how much of a large file has arrived: an empty note is worth nothing."""
        notes = [name for name in self.under_way() if name.endswith(".note")]
        return any(os.path.getsize(os.path.join(self.server.root, ".homeftp", "partial", name)) for name in notes)

    def read(self) -> bytes:
        with open(self.server.path("a"), "rb") as file:
            return file.read()

    def test_terminate_finishes(self) -> None:
        """A request in flight at SIGTERM is finished if it arrives in time; then the process ends."""
        client = self.begin_push()
        self.server.send(signal.SIGTERM)
        client.socket.sendall(bytes(4_000_000))
        self.assertEqual(client.response()[0]["status"], 0)
        self.assertEqual(client.socket.recv(1), b"", "it hangs up by itself")
        client.socket.close()
        self.server.end()
        self.assertEqual(self.read(), bytes(8_000_000))

    def test_terminate_aborts(self) -> None:
        """A request that does not arrive in time is aborted within 10 s; old content and partial upload stay."""
        self.begin_push()
        before = time.monotonic()
        self.server.end()
        self.assertLess(time.monotonic() - before, 10)
        self.assertEqual(self.read(), b"old")
        self.assertEqual(len(self.under_way()), 2)

    def test_kill(self) -> None:
        """kill -9 in the middle of a PUSH leaves the old content, and the next start takes up what had arrived."""
        self.begin_push()
        self.server.end(signal.SIGKILL)
        self.assertEqual(self.read(), b"old")
        kept = self.under_way()
        with open(os.path.join(self.server.root, ".homeftp", "partial", "orphan"), "wb"):
            pass
        again = ServerProcess(folder=self.server.folder)
        self.addCleanup(again.end)
        self.assertEqual(sorted(self.under_way()), sorted(kept))

    def test_acknowledged(self) -> None:
        """A file that was acknowledged before kill -9 exists, whole."""
        client = self.client()
        content = os.urandom(3_000_000)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.assertEqual(client.ask("PUSH", {"rel_endpoint": "a", "hash": digest}, content)[0]["status"], 0)
        self.server.end(signal.SIGKILL)
        self.assertEqual(self.read(), content)


class SecretTests(TestCase):
    """No secret where others can look."""

    def test_command_line_and_environment(self) -> None:
        """Neither the password nor a key stands in cmdline, environ or the log while a client logs in."""
        server = ServerProcess(command=INTERPRETED)
        self.addCleanup(server.end)
        seen = b""
        with RawClient(server.ports[0], server.ca_file) as client:
            client.start_tls().login("ann", PASSWORD)
            for name in ("cmdline", "environ"):
                with open(f"/proc/{server.process.pid}/{name}", "rb") as file:
                    seen += file.read()
        self.assertIn(server.root.encode(), seen, "the control: what stands there is seen")
        self.assertNotIn(PASSWORD.encode(), seen)
        self.assertNotIn(PASSWORD, server.output())
        self.assertNotIn("PRIVATE KEY", server.output())
