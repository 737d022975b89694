"""Faults in the middle of an upload: the old content stays, and nothing is left over."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MIB
from tests.support import replay
from tests.support.needs import program
from tests.support.processes import run_homeftp
from tests.support.sftpserver import SftpServer
from tests.support.waiting import WITHIN, wait_until

OLD = b"old content"


class UploadFaultTests(SynchronousTestCase):
    """A server of its own, to which a client has sent some of a file."""

    def start(self, *options: str) -> SftpServer:
        """The server, with an old content."""
        server = SftpServer(*options)
        self.addCleanup(server.process.end, signal.SIGKILL)
        server.lay("a", OLD)
        return server

    def upload(self, server: SftpServer) -> subprocess.Popen[bytes]:
        """A client that sends a file that does not end: more than a MiB of it has arrived."""
        big = os.path.join(server.folder, "big")
        with open(big, "wb") as file:
            file.truncate(200 * MIB)
        sftp = [program("sftp"), "-l", "16000", "-P", str(server.port), *server.options, "-b", "-", "ann@127.0.0.1"]
        client = subprocess.Popen(sftp, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(client.wait, WITHIN)
        self.addCleanup(client.kill)
        assert client.stdin is not None
        client.stdin.write(f"put {big} a\n".encode())
        client.stdin.close()
        wait_until(lambda: self.arrived(server) > MIB)
        return client

    def arrived(self, server: SftpServer) -> int:
        """Bytes of the temp file, which has no name."""
        folder = f"/proc/{server.process.process.pid}/fd"
        found = [0]
        for descriptor in os.listdir(folder):
            with contextlib.suppress(OSError):
                path = os.readlink(f"{folder}/{descriptor}")
                if path.startswith((f"{server.root}/#", f"{server.root}/.homeftp/incoming/")):
                    found.append(os.stat(f"{folder}/{descriptor}").st_size)
        return max(found)

    def test_killed(self) -> None:
        """kill -9: the next start has the old content, and no temp file."""
        server = self.start()
        self.upload(server)
        server.process.end(signal.SIGKILL)
        again = SftpServer(folder=server.folder)
        self.addCleanup(again.process.end)
        self.assertEqual((again.read("a"), again.incoming()), (OLD, []))
        again.sftp("get a " + os.path.join(server.folder, "back"))

    def test_client_gone(self) -> None:
        """A client that is killed leaves the old content, and its space is free."""
        server = self.start()
        client = self.upload(server)
        client.kill()
        wait_until(lambda: self.arrived(server) == 0)
        self.assertEqual((server.read("a"), server.incoming()), (OLD, []))

    def test_revoked(self) -> None:
        """Access that is revoked ends the upload within seconds; the audit log names the front end."""
        server = self.start()
        client = self.upload(server)
        revoked = run_homeftp("device", "revoke", "key", "--state", server.process.state)
        self.assertEqual(revoked.returncode, 0, revoked.stderr)
        client.wait(WITHIN)
        wait_until(lambda: self.arrived(server) == 0)
        self.assertEqual((server.read("a"), server.incoming()), (OLD, []))
        server.sftp("ls", ok=False)
        found = [line for line in replay.lines(server.process.state) if line["event"] in ("login", "disconnect")]
        self.assertEqual({line.get("front_end") for line in found}, {"sftp"})

    def test_full(self) -> None:
        """A quota that is full refuses the rest: the client is told, and the old content stays."""
        server = self.start("--quota", "8M")
        big = os.path.join(server.folder, "big")
        with open(big, "wb") as file:
            file.write(bytes(20 * MIB))
        said = server.sftp(f"put {big} a", ok=False)
        self.assertIn("Failure", said)
        self.assertEqual((server.read("a"), server.incoming()), (OLD, []))
        server.sftp(f"put {server.key}.pub b")
        self.assertTrue(server.read("b"))

    def test_stopped(self) -> None:
        """A server that is stopped while a client writes ends in time, with the old content."""
        server = self.start()
        self.upload(server)
        server.process.end()
        self.assertEqual(server.read("a"), OLD)

    def test_unauthenticated(self) -> None:
        """Clients that send what is no SSH are closed at once, and the next client is served."""
        server = self.start()
        for number in range(60):
            client = socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN)
            self.addCleanup(client.close)
            with contextlib.suppress(ConnectionError):
                client.send(bytes([number]) * 2000)
                while client.recv(4096):
                    pass
        server.sftp(f"put {server.key}.pub b")
        self.assertTrue(server.read("b"))
