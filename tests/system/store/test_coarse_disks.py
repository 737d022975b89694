"""Disks that keep no modes and only coarse times: what was sent once is the same from then on, on either side."""

from __future__ import annotations

import contextlib
import os
from typing import Callable, Iterator

from twisted.trial.unittest import SynchronousTestCase

from tests.support import mounts
from tests.support.ports import reserved_listen
from tests.support.processes import WITHIN, ServerProcess, add_remote, run_homeftp
from tests.support.waiting import wait_until

Disk = Callable[[str], contextlib.AbstractContextManager[str]]

FILES = {"a.txt": (b"one", 0o644), "sub/b.bin": (bytes(range(256)) * 5000, 0o600), "sub/deep/c.sh": (b"", 0o755)}

BEGIN_NS = 1_714_560_001_123_456_000
"""The time of the first file: no disk but the exact ones keeps it."""


class CoarseDiskTests(SynchronousTestCase):
    """Commands and a server in processes of their own, each with a folder on some disk."""

    def setUp(self) -> None:
        self.base = os.path.abspath(self.mktemp())
        os.makedirs(self.base)

    def disk(self, name: str, kind: Disk) -> str:
        """A disk that is mounted until the test is over."""
        return mounts.held(self, kind(os.path.join(self.base, name)))

    def serve(self, kind: Disk, *options: str) -> None:
        """A server whose shared folder is on such a disk."""
        folder = os.path.join(self.base, "server")
        os.mkdir(folder)
        self.disk("server/root", kind)
        self.server = ServerProcess(*options, folder=folder, listen=reserved_listen())
        self.addCleanup(lambda: self.server.end())
        self.home = os.path.join(self.base, "client")
        add_remote(self.server, self.home)

    def restart(self, *options: str) -> None:
        """The same server, started again."""
        self.server.end()
        self.server = ServerProcess(*options, folder=self.server.folder, listen=self.server.listen)

    def lay(self, folder: str) -> str:
        """Put files with times and modes of all kinds into a folder on an exact disk."""
        for number, (name, (content, mode)) in enumerate(FILES.items()):
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
            os.chmod(path, mode)
            mtime = BEGIN_NS + number * 1_000_000_000
            os.utime(path, ns=(mtime, mtime))
        return folder

    def homeftp(self, *arguments: str) -> str:
        """Run a command that must end with 0; what it says."""
        said = run_homeftp(*arguments, HOMEFTP_HOME=self.home)
        self.assertEqual(said.returncode, 0, (arguments, said.stdout, said.stderr))
        return said.stdout + said.stderr

    def assert_same(self, local: str) -> None:
        """Every command finds both sides the same, and sends nothing."""
        for arguments in (("push", "-r", local, "nas:x"), ("get", "-r", "nas:x", local)):
            self.assertEqual(self.homeftp(*arguments), "3 files same\n", arguments)
        self.assertEqual(self.homeftp("cmp", local, "nas:x"), "3 files same\n")

    def check(self, served: Disk, local: Disk) -> None:
        """A tree goes from an exact disk to the server and from there to another disk, and is the same everywhere."""
        self.serve(served)
        source, target = self.lay(os.path.join(self.base, "source")), self.disk("target", local)
        self.homeftp("push", "-r", source, "nas:x")
        self.assert_same(source)
        self.homeftp("get", "-r", "nas:x", f"{target}/copy")
        self.assert_same(f"{target}/copy")
        self.restart()
        self.assert_same(source)
        self.assert_same(f"{target}/copy")

    def test_server(self) -> None:
        """The shared folder is on an NTFS disk, the local one on an exFAT disk."""
        self.check(mounts.ntfs, mounts.exfat)

    def test_other_server(self) -> None:
        """The shared folder is on an exFAT disk, the local one on an NTFS disk."""
        self.check(mounts.exfat, mounts.ntfs)

    def test_versions(self) -> None:
        """A disk that can keep no versions says so at once, and replaces files when it need not keep them."""
        self.serve(mounts.exfat)
        wait_until(lambda: "--keep-versions 0" in self.server.output(), within=WITHIN)
        source = self.lay(os.path.join(self.base, "source"))
        self.homeftp("push", "-r", source, "nas:x")
        self.restart("--keep-versions", "0")
        with open(f"{source}/a.txt", "w") as file:
            file.write("changed")
        self.assertIn("1 file replaced", self.homeftp("push", "-r", source, "nas:x"))
        self.assert_same(source)

    def test_local(self) -> None:
        """Only the local folder is on an exFAT disk."""
        self.check(_folder, mounts.exfat)

    def test_name_that_a_disk_does_not_allow(self) -> None:
        """A name that the local disk does not allow is reported as such, and got as it is on the server if wanted."""
        self.serve(_folder)
        source, target = self.lay(os.path.join(self.base, "source")), self.disk("target", mounts.exfat)
        for name in ("2019: Rome", "2019: Rome.txt"):
            os.rename(f"{source}/a.txt", f"{source}/{name}") if "." in name else os.mkdir(f"{source}/{name}")
        self.homeftp("push", "-r", source, "nas:x")
        done = run_homeftp("get", "-r", "nas:x", f"{target}/copy", HOMEFTP_HOME=self.home)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("this disk may not allow such a name"), 2, done.stderr)
        self.homeftp("get", "-r", "--strict-names", "nas:x", f"{target}/strict")
        self.assertEqual(len(os.listdir(f"{target}/strict")), len(os.listdir(source)))


@contextlib.contextmanager
def _folder(path: str) -> Iterator[str]:
    os.makedirs(path, exist_ok=True)
    yield path
