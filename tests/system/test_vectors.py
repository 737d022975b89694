"""The protocol page, held against a real server: its sessions, its client, and openssl by hand."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from homeftp.crypto.ca import server_name
from tests.support.processes import PASSWORD, ServerProcess, run_homeftp
from tests.support.rawclient import RawClient
from tests.support.vectors import PAGES, SENDS, Player, fits, lay_share, sent, sessions


class SessionTests(SynchronousTestCase):
    """Every example of the protocol page, run."""

    maxDiff = None

    def test_server(self) -> None:
        """A real server, over real TLS, answers each session as the page has it, its messages included."""
        server = ServerProcess("--https", "tcp:0:interface=127.0.0.1")
        self.addCleanup(server.end)
        allowed = run_homeftp("account", "change", "ann", "--links", "on", "--state", server.state)
        self.assertEqual(allowed.returncode, 0, allowed.stderr)
        player = Player(server)
        self.addCleanup(player.leave)
        members_first = sorted(sessions(), key=lambda session: session.phase)
        wrong = [outcome for outcome in map(player.outcome, members_first) if outcome]
        self.assertEqual("\n".join(wrong), "")


class ExampleTests(SynchronousTestCase):
    """The programs of the page, run."""

    def run_program(self, *command: object, input: str = "") -> str:
        """A program's output; it ends well."""
        done = subprocess.run([str(word) for word in command], input=input, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def test_programs(self) -> None:
        """The client of ssl and socket does all it says; openssl shows who the server is, and talks to it by hand."""
        loopback = "tcp:0:interface=127.0.0.1"
        server = ServerProcess(listen=("--listen", loopback, "--listen-tls", loopback))
        self.addCleanup(server.end)
        plain, tls = server.ports
        examples = PAGES / "examples"
        self.assertEqual(
            self.run_program(
                *(sys.executable, "-I", examples / "client.py", "127.0.0.1", plain, server.ca_file, "ann"),
                input=PASSWORD + "\n",
            ).splitlines(),
            [
                *("stored hello.txt", "hello.txt: the same", "Hello, home!", "1000 times the same"),
                *("con is refused: 41", "two.txt two", "three.txt 40", "one.txt one", "goodbye"),
            ],
        )

        fingerprint, name = self.run_program("sh", examples / "identity.sh", server.ca_file).splitlines()
        self.assertEqual(fingerprint, server.fingerprint)
        ca = x509.load_pem_x509_certificate(Path(server.ca_file).read_bytes())
        self.assertEqual(name, server_name(ca))

        lay_share(server)
        (session,) = (session for session in sessions() if session.name == "by-hand")
        typed = b"".join(sent(kind, text) for kind, text in session.steps if kind in SENDS)
        shown = self.run_program(
            *("sh", examples / "by-hand.sh", f"127.0.0.1:{tls}", server.ca_file, name), input=typed.decode()
        )
        expected = [text for kind, text in session.steps if kind in ("<-", "<<")]
        self.assertEqual(len(shown.splitlines()), len(expected), shown)
        for line, text in zip(shown.splitlines(), expected, strict=True):
            fitting = (
                fits(json.loads(line), json.loads(text)) if text.startswith("{") else line == text.removesuffix("\\n")
            )
            self.assertTrue(fitting, f"{line}\ninstead of\n{text}")


class FullTests(SynchronousTestCase):
    """A server with as many connections as it allows."""

    def test_full(self) -> None:
        """One connection too many gets a line that says so and is closed; with TLS first it is only closed."""
        loopback = "tcp:0:interface=127.0.0.1"
        listen = ("--listen", loopback, "--listen-tls", loopback)
        server = ServerProcess("--max-connections-per-address", "1", listen=listen)
        self.addCleanup(server.end)
        plain, tls = server.ports
        with RawClient(plain, server.ca_file) as member:
            member.start_tls().login("ann", PASSWORD)
            for port, status in ((plain, 51), (tls, None)):
                received = b""
                # The reset of a connection that is just closed can reach the client before it has connected.
                with (
                    contextlib.suppress(ConnectionResetError),
                    contextlib.closing(socket.create_connection(("127.0.0.1", port), 10)) as more,
                ):
                    while data := more.recv(4096):
                        received += data
                self.assertEqual(json.loads(received)["status"] if received else None, status)
