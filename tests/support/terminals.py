"""A command on a pseudo-terminal, as a person sees it; the terminal can be closed under it."""

from __future__ import annotations

import errno
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from typing import Sequence

from tests.support.forkserver import ForkedProcess
from tests.support.processes import environment, fork_server
from tests.support.waiting import WITHIN

_PIECE = 4096
"""Bytes that are read at once."""

HOMEFTP = (sys.executable, "-m", "homeftp")
"""How commands begin that are forked."""

_LOOK_SECONDS = 0.05
"""How often `wait` looks whether the process has ended."""


class TerminalProcess:
    """`command`, which leads a session of its own on a terminal of its own; `end` ends it."""

    def __init__(self, command: Sequence[str], *, cwd: str | None = None, **variables: str) -> None:
        self.terminal, inner = pty.openpty()
        self.displayed = ""
        self._is_open = True
        env = environment(**{"TERM": "dumb", "COLUMNS": "200", **variables})
        path = os.ttyname(inner)
        self.process: ForkedProcess | subprocess.Popen[bytes]
        if tuple(command[:3]) == HOMEFTP:
            self.process = fork_server().start(
                ["homeftp", *command[3:]], standard=[inner] * 3, env=env, cwd=cwd or os.getcwd(), terminal=path
            )
        else:
            # The first terminal that the leader of a session opens is the session's.
            launch = ("sh", "-c", 'exec "$@" <>"$0" >&0 2>&0', path)
            self.process = subprocess.Popen(
                [*launch, *command], stdin=inner, stdout=inner, stderr=inner, start_new_session=True, env=env, cwd=cwd
            )
        os.close(inner)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Read the terminal until its output has this pattern; returns the match."""
        deadline = time.monotonic() + WITHIN
        while (found := re.search(pattern, self.displayed)) is None:
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{pattern!r} was not shown: {self.displayed!r}"
            assert self._read(), f"it ended, and {pattern!r} was not shown: {self.displayed!r}"
        return found

    def _read(self) -> bool:
        """Read what it has printed; False if nothing more comes, because the process has ended."""
        try:
            printed = os.read(self.terminal, _PIECE)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        self.displayed += printed.decode(errors="replace").replace("\r\n", "\n")
        return bool(printed)

    def type(self, text: str) -> None:
        """Type some text."""
        os.write(self.terminal, text.encode())

    def hang_up(self) -> None:
        """Close the terminal: the kernel sends SIGHUP."""
        if self._is_open:
            self._is_open = False
            os.close(self.terminal)

    def wait(self) -> int:
        """Its exit code. What it still prints is read, so that it does not wait for that, and to the end."""
        deadline = time.monotonic() + WITHIN
        while self._is_open and self.process.poll() is None and time.monotonic() < deadline:
            if self._printed(_LOOK_SECONDS) and not self._read():
                break
        status = self.process.wait(WITHIN)
        while self._is_open and self._printed(0) and self._read():
            pass
        return status

    def _printed(self, seconds: float) -> bool:
        """Whether there is something to read within this time."""
        return bool(select.select([self.terminal], [], [], seconds)[0])

    def end(self) -> None:
        """Stop the process, if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.hang_up()
