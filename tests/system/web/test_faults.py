"""Uploads by WebDAV that go wrong: whatever ends them, nothing is seen of them and nothing is left over."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import time

from twisted.trial.unittest import SynchronousTestCase

from homeftp.config import MIB
from tests.support import needs, replay
from tests.support.mounts import held, memory
from tests.support.processes import run_homeftp
from tests.support.waiting import wait_until
from tests.support.webserver import WebServer, received, request, statuses

OLD = b"old content"
REVOKED_WITHIN = 5.0


class UploadCase(SynchronousTestCase):
    """A server with one file."""

    def setUp(self) -> None:
        self.server = self.make("--stall-timeout", "3600")  # no upload is over because nothing more comes

    def make(self, *options: str) -> WebServer:
        server = WebServer(*options)
        self.addCleanup(server.end)
        with open(server.path("a"), "wb") as file:
            file.write(OLD)
        return server

    def begin(self, size: int, sent: int) -> ssl.SSLSocket:
        """An upload of so many bytes, of which some have been sent and have arrived on the disk."""
        connection = self.server.connect()
        self.addCleanup(connection.close)
        head = request("PUT", "/dav/a", f"Content-Length: {size}")
        connection.sendall(head + os.urandom(sent))
        wait_until(lambda: self.left_over() or sent < MIB)
        return connection

    def left_over(self) -> list[str]:
        """The files in the shared folder that are not the one that was there, nor the server's own."""
        found = [os.path.join(folder, name) for folder, _, names in os.walk(self.server.root) for name in names]
        return [path for path in found if os.path.basename(path) not in ("a", "clock", "lock")]

    def content(self) -> bytes:
        """The file."""
        with open(self.server.path("a"), "rb") as file:
            return file.read()


class FaultTests(UploadCase):
    """The ways in which an upload can end early."""

    def test_cut(self) -> None:
        """A line that is cut leaves the old content, and nothing else."""
        for size, sent in ((8 * MIB, 3 * MIB), (60_000, 30_000)):
            connection = self.begin(size, sent)
            connection.close()
            wait_until(lambda: not self.left_over(), self.left_over)
            self.assertEqual(self.content(), OLD)
        changes = [line for line in replay.lines(self.server.state) if line["event"] == "change"]
        self.assertEqual(changes, [])

    def test_killed(self) -> None:
        """A server that is killed during an upload has the old content, and its next start removes the rest."""
        connection = self.begin(8 * MIB, 3 * MIB)
        self.server.end(signal.SIGKILL)
        connection.close()
        self.assertEqual(self.content(), OLD)
        self.server = WebServer(folder=self.server.folder)
        self.addCleanup(self.server.end)
        wait_until(lambda: not self.left_over(), self.left_over)
        self.assertEqual(self.content(), OLD)

    def test_killed_at_every_step(self) -> None:
        """Wherever a kill falls in the last steps of an upload, the file is whole: the old one or the new one."""
        content = os.urandom(2 * MIB)
        seen = set()
        calls = ("fsync", "linkat", "renameat,renameat2", "pwrite64,write")
        for number, call in enumerate(calls * (4 if needs.LONG else 1)):
            self.setUp()
            inject = f"inject={call}:signal=SIGKILL:when={1 + number // len(calls)}"
            options = ("-f", "-qq", "-e", f"trace={call}", "-e", inject, "-o", os.devnull)
            command = (needs.program("strace"), *options, "-p", str(self.server.process.pid))
            tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            wait_until(self.traced)
            try:
                with self.server.connect() as connection:
                    connection.sendall(request("PUT", "/dav/a", body=content))
                    answered = statuses(received(connection))
            except OSError:
                answered = []  # it may also have been killed before, at a step of something else
            if not answered:
                wait_until(lambda: self.server.process.poll() is not None)
            tracer.terminate()
            tracer.wait()
            found = self.content()
            self.assertIn(found, (OLD, content), call)
            if answered:
                self.assertEqual((list(answered), found), ([204], content))
            seen.add(found == content)
        self.assertIn(False, seen, "the control: some kill came before the commit")

    def traced(self) -> bool:
        """Whether the server is being traced, or was killed already."""
        if self.server.process.poll() is not None:
            return True
        with open(f"/proc/{self.server.process.pid}/status") as file:
            return "TracerPid:\t0\n" not in file.read()

    def test_revoked(self) -> None:
        """The owner's revocation ends an upload within five seconds, and nothing is kept of it."""
        connection = self.begin(8 * MIB, 3 * MIB)
        other = self.server.connect()
        self.addCleanup(other.close)
        removed = run_homeftp("account", "remove", "ann", "--state", self.server.state)
        began = time.monotonic()
        self.assertEqual(removed.returncode, 0, removed.stderr)
        self.assertEqual(received(connection), b"")
        self.assertLess(time.monotonic() - began, REVOKED_WITHIN)
        wait_until(lambda: not self.left_over(), self.left_over)
        self.assertEqual(self.content(), OLD)
        other.sendall(request("GET", "/dav/a"))
        self.assertEqual(statuses(received(other)), [401])

    def test_stopped(self) -> None:
        """A server that is stopped does not wait for an upload for ever."""
        connection = self.begin(8 * MIB, 3 * MIB)
        began = time.monotonic()
        self.server.end()
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(received(connection), b"")
        self.assertEqual(self.content(), OLD)


class FullDiskTests(SynchronousTestCase):
    """A disk that is almost full."""

    def test_full(self) -> None:
        """What does not fit is 507, before it is sent where its length is known; then the next one fits."""
        needs.root()
        folder = os.path.abspath(self.mktemp())
        os.makedirs(folder)
        held(self, memory(os.path.join(folder, "root"), "size=8m"))
        server = WebServer(folder=folder)
        self.addCleanup(server.end)
        large = os.urandom(12 * MIB)
        with server.connect() as connection:
            connection.sendall(request("PUT", "/dav/a", f"Content-Length: {len(large)}", "Expect: 100-continue"))
            self.assertEqual(statuses(received(connection)), [507])
        head = request("PUT", "/dav/a", "Transfer-Encoding: chunked")
        with server.connect() as connection:
            connection.sendall(head)
            try:
                for start in range(0, len(large), MIB):
                    connection.sendall(b"%x\r\n%b\r\n" % (MIB, large[start : start + MIB]))
                connection.sendall(b"0\r\n\r\n")
            except OSError:
                pass  # it has answered, and closed the connection
            else:
                self.assertEqual(statuses(received(connection)), [507])
        self.assertFalse(os.path.exists(server.path("a")))
        self.assertEqual(statuses(server.ask(request("PUT", "/dav/a", body=large[:MIB]))), [201])
        with open(server.path("a"), "rb") as file:
            self.assertEqual(file.read(), large[:MIB])
