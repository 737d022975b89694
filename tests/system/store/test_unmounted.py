"""The disk of a share is not mounted, at the start or while the server runs."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support import loops
from tests.support.mounts import MIB, held, image, memory, mounted, run
from tests.support.processes import ServerProcess, pair, run_homeftp
from tests.support.waiting import wait_until

_LISTEN = "tcp:0:interface=127.0.0.1"


class UnmountedTests(SynchronousTestCase):
    """A server whose root is the top of an ext4 of its own."""

    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())
        self.home = os.path.join(self.folder, "home")
        self.root = os.path.join(self.folder, "root")
        os.makedirs(self.home)
        images = held(self, memory(os.path.join(self.folder, "images"), "size=64m"))
        self.disk = image(os.path.join(images, "disk"), 16 * MIB)
        run("mkfs.ext4", "-q", self.disk)

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        with mounted(self.root, "-o", "loop", self.disk):
            yield

    def serve(self) -> ServerProcess:
        server = ServerProcess(folder=self.folder)
        self.addCleanup(server.end)
        return server

    def homeftp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_homeftp(*arguments, HOMEFTP_HOME=self.home)

    def test_start(self) -> None:
        """The server does not start on the empty mount point, and starts there once it was confirmed."""
        with self.mounted():
            self.serve().end()
        refused = run_homeftp("serve", self.root, "--state", os.path.join(self.folder, "state"), "--listen", _LISTEN)
        self.assertEqual(refused.returncode, 2, refused)
        (line,) = refused.stderr.splitlines()
        self.assertIn("probably not mounted", line)
        self.assertEqual(os.listdir(self.root), [])
        os.mkdir(os.path.join(self.root, ".homeftp"))
        self.serve()

    def test_running(self) -> None:
        """What a client pushes while the disk is away reaches the disk when it is back, and never the mount point."""
        with self.mounted():
            server = self.serve()
            pair(server, self.home)
            path = os.path.join(self.folder, "a.txt")
            with open(path, "wb") as file:
                file.write(b"content")
            self.assertEqual(self.homeftp("push", path, "nas:a.txt").returncode, 0)
            loops.unmount(self.root, lazily=True)
            wait_until(lambda: "is not usable" in server.output(), server.output)
            listed = self.homeftp("ls", "nas:")
            self.assertNotEqual(listed.returncode, 0)
            self.assertIn("the server's shared folder is not there", listed.stderr)
            self.assertEqual(os.listdir(self.root), [])
            run("mount", "-o", "loop", self.disk, self.root)
            wait_until(lambda: "resolved: the shared folder" in server.output(), server.output)
            self.assertEqual(self.homeftp("push", path, "nas:b.txt").returncode, 0)
            self.assertEqual(sorted(os.listdir(self.root)), [".homeftp", "a.txt", "b.txt", "lost+found"])
            server.end()
