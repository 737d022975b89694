"""Commands in processes of their own, against a server in another process."""

from __future__ import annotations

import atexit
import functools
import json
import os
import pty
import select
import subprocess
import time
from typing import Any

from tests.support.folders import QuickCase, quick_temp_dir
from tests.support.processes import REPOSITORY, ServerProcess, environment, fork_server, pair, run_homeftp

WITHIN = 60.0


@functools.lru_cache(maxsize=1)
def shared() -> tuple[ServerProcess, str]:
    """One server for all tests of this process, and the folder of a client that is paired with it under the name nas.

    A client with a password would make the server hash it for each command.
    """
    server = ServerProcess(folder=quick_temp_dir())
    atexit.register(server.end)
    home = os.path.join(server.folder, "client")
    pair(server, home)
    return server, home


class ServedCase(QuickCase):
    """Tests that share one server; each has its own folder, locally and on the server. No disk is waited for."""

    def setUp(self) -> None:
        self.server, self.home = shared()
        self.here = os.path.abspath(self.mktemp())
        os.makedirs(self.here)
        self.there = os.path.basename(os.path.dirname(self.here))

    def homeftp(self, *arguments: str, input: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command without a terminal."""
        return run_homeftp(*arguments, input=input, HOMEFTP_HOME=self.home)

    def items(self, *arguments: str) -> list[dict[str, Any]]:
        """The objects that a command prints with --json."""
        said = self.homeftp(*arguments, "--json")
        return [json.loads(line) for line in said.stdout.splitlines()]

    def at_terminal(self, *arguments: str, says: list[tuple[str, str]]) -> tuple[int, str]:
        """Run a command at a terminal, typing each second text when the first appears; returns code and output."""
        person, terminal = pty.openpty()
        process = fork_server().start(
            ["homeftp", *arguments],
            standard=(terminal, terminal, terminal),
            env=environment(HOMEFTP_HOME=self.home, TERM="dumb"),
            cwd=REPOSITORY,
        )
        os.close(terminal)
        shown = ""
        seen = 0
        deadline = time.monotonic() + WITHIN
        while time.monotonic() < deadline:
            if not select.select([person], [], [], 1.0)[0]:
                continue
            try:
                data = os.read(person, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data.decode(errors="replace")
            if says and says[0][0] in shown[seen:]:
                seen = len(shown)
                os.write(person, says.pop(0)[1].encode())
        os.close(person)
        return process.wait(WITHIN), shown.replace("\r\n", "\n")

    def lay(self, name: str, content: bytes = b"content", *, mtime: int = 1_700_000_000) -> str:
        """Create a local file; returns its path."""
        path = os.path.join(self.here, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (mtime, mtime))
        return path

    def lay_there(self, name: str, content: bytes = b"content", *, mtime: int = 1_700_000_000) -> str:
        """Create a file in the shared folder directly; returns its operand for the command line."""
        path = self.server.path(f"{self.there}/{name}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, (mtime, mtime))
        return f"nas:{self.there}/{name}"

    def read_there(self, name: str) -> bytes:
        """The content of a file in the shared folder."""
        with open(self.server.path(f"{self.there}/{name}"), "rb") as file:
            return file.read()
