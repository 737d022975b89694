"""A server that speaks SFTP in a process of its own, and the key with which real clients log in."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from tests.support.needs import program
from tests.support.processes import ServerProcess, run_homeftp

LISTEN = ("--listen", "tcp:0:interface=127.0.0.1", "--sftp", "tcp:0:interface=127.0.0.1")


class SftpServer:
    """One server with the account ann, and a key of a device of hers."""

    def __init__(self, *options: str, folder: str | None = None) -> None:
        self.folder = folder or tempfile.mkdtemp(dir=os.getcwd())
        self.key = os.path.join(self.folder, "id")
        self.known = os.path.join(self.folder, "known")
        self.process = ServerProcess(*options, folder=self.folder, listen=LISTEN)
        if not os.path.exists(self.key):
            generate = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", self.key]
            subprocess.run(generate, check=True, timeout=60)
            with open(f"{self.key}.pub", encoding="utf-8") as public:
                added = run_homeftp("device", "add-key", "key", "--state", self.process.state, input=public.read())
            assert added.returncode == 0, added.stderr

    @property
    def root(self) -> str:
        """The folder that is shared."""
        return self.process.root

    @property
    def port(self) -> int:
        """Its port for SFTP."""
        found = re.search(r"sftp -P (\d+) ", self.process.output())
        assert found is not None, self.process.output()
        return int(found[1])

    @property
    def options(self) -> list[str]:
        """How OpenSSH's programs connect to it."""
        options = [f"IdentityFile={self.key}", "IdentitiesOnly=yes", "StrictHostKeyChecking=no"]
        options += [f"UserKnownHostsFile={self.known}", "BatchMode=yes", "LogLevel=ERROR"]
        return [word for option in options for word in ("-o", option)]

    def sftp(self, *commands: str, more: tuple[str, ...] = (), ok: bool = True) -> str:
        """What OpenSSH's sftp prints for these commands; one that fails ends it."""
        done = subprocess.run(
            [program("sftp"), "-P", str(self.port), *self.options, *more, "-b", "-", "ann@127.0.0.1"],
            input="\n".join(commands) + "\n",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode == 0) == ok, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def read(self, name: str) -> bytes:
        """What is stored."""
        with open(os.path.join(self.root, name), "rb") as file:
            return file.read()

    def lay(self, name: str, content: bytes) -> None:
        """Store something."""
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def incoming(self) -> list[str]:
        """What is left of uploads."""
        return os.listdir(os.path.join(self.root, ".homeftp", "incoming"))


@functools.lru_cache(maxsize=1)
def shared() -> SftpServer:
    """One server for all tests of this process."""
    server = SftpServer(folder=tempfile.mkdtemp())
    atexit.register(shutil.rmtree, server.folder, ignore_errors=True)
    atexit.register(server.process.end)
    return server


class SftpCase(SynchronousTestCase):
    """Tests that share one server; each has a folder of its own, here and there."""

    def setUp(self) -> None:
        self.server = shared()
        self.here = os.path.abspath(self.mktemp())
        os.makedirs(self.here)
        self.there = os.path.basename(os.path.dirname(self.here)) or "there"
        os.makedirs(os.path.join(self.server.root, self.there), exist_ok=True)

    def local(self, name: str, content: bytes | None = None) -> str:
        """The path of a file here, with that content."""
        path = os.path.join(self.here, name)
        if content is not None:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        return path

    def stored(self, name: str) -> bytes:
        """What the server has in this test's folder."""
        return self.server.read(f"{self.there}/{name}")

    def names(self) -> list[str]:
        """The names there."""
        return sorted(os.listdir(os.path.join(self.server.root, self.there)))

    def run_program(self, *command: str, cwd: str | None = None, **environment: str) -> str:
        """What a program prints, which must succeed."""
        done = subprocess.run(
            [program(command[0]), *command[1:]],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=cwd or self.here,
            env={**os.environ, "HOME": self.here, **environment},
            check=False,
        )
        assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
        return done.stdout
