"""Real server processes for tests, on loopback, and commands that talk to them. Every process is ended."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Mapping, Sequence

from tests.support.forkserver import ForkedProcess, ForkServer
from tests.support.waiting import WITHIN as WITHIN
from tests.support.waiting import wait_until

PASSWORD = "correct horse battery"

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@functools.lru_cache(maxsize=1)
def _compiled() -> Mapping[str, str]:
    """Variables for children to share compiled code, where Python is told not to write it beside the source."""
    if not sys.dont_write_bytecode:
        return {}
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}


@functools.lru_cache(maxsize=1)
def _runtime() -> str:
    """The folder of the control sockets of this process's servers: commands find no others that run here."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def environment(**more: str) -> dict[str, str]:
    """The environment of a child: the test's own, with the checkout on the path, and a runtime folder of its own."""
    return {
        "HOMEFTP_RUNTIME": _runtime(),
        **os.environ,
        "PYTHONPATH": REPOSITORY,
        "PYTHONUNBUFFERED": "1",
        **_compiled(),
        **more,
    }


@functools.lru_cache(maxsize=1)
def fork_server() -> ForkServer:
    """What starts the commands and the servers of this process's tests."""
    return ForkServer(environment())


def run_homeftp(*arguments: str, input: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """`homeftp ...`, run to its end; in an interpreter of its own if `more` has variables of Python."""
    if any(name.startswith("PYTHON") for name in more):
        return run_interpreter(*arguments, input=input, **more)
    return fork_server().run(arguments, input=input, env=environment(**more), timeout=WITHIN * 4)


def run_interpreter(*arguments: str, input: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """The same in a new interpreter, whose arguments and environment the list of processes has."""
    return subprocess.run(
        [sys.executable, "-m", "homeftp", *arguments],
        input=input,
        capture_output=True,
        text=True,
        timeout=WITHIN * 4,
        env=environment(**more),
        check=False,
    )


TWISTD = ("twistd", "-n", "--pidfile=", "homeftp")
SERVE = ("homeftp", "serve")
"""The programs that start a server."""

INTERPRETED = (os.path.join(os.path.dirname(sys.executable), "twistd"), *TWISTD[1:])
"""The command for twistd in an interpreter of its own, as a user starts it."""


@functools.lru_cache(maxsize=1)
def _state_with_account() -> str:
    """A state folder with nothing but the account ann; to be copied, because hashing a password takes a while."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    state = os.path.join(folder, "state")
    added = run_homeftp("account", "add", "ann", "--state", state, "--password-stdin", input=PASSWORD + "\n")
    assert added.returncode == 0, added.stderr
    return state


ANYWHERE = ("--listen", "tcp:0:interface=127.0.0.1")
"""The options of a server that is never started again: its port may be another program's as soon as it has ended."""


class ServerProcess:
    """A server in a process of its own, serving a new folder to the account ann.

    It is forked as `program` by the fork server `forks`, or is the `command`
    in a new interpreter; the options come behind. It is up when the
    constructor returns; `end` ends it and gives its exit status. `root` is
    the URL of a store to be served instead, and `env` has more variables. One
    that will be started again gets `reserved_listen()`, both times.
    """

    def __init__(
        self,
        *options: str,
        folder: str | None = None,
        listen: Sequence[str] = ANYWHERE,
        program: Sequence[str] = TWISTD,
        forks: ForkServer | None = None,
        command: Sequence[str] | None = None,
        account: bool = True,
        pass_fds: Sequence[int] = (),
        root: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder or tempfile.mkdtemp(dir=os.getcwd())
        self.listen = listen
        self.root = root or os.path.join(self.folder, "root")
        self.state = os.path.join(self.folder, "state")
        if root is None:
            os.makedirs(self.root, exist_ok=True)
        if account and not os.path.exists(os.path.join(self.state, "state.sqlite")):
            shutil.copytree(_state_with_account(), self.state, dirs_exist_ok=True)
        self.output_path = os.path.join(self.folder, f"output-{time.monotonic_ns()}")
        arguments = ("--root", self.root, "--state", self.state, *listen, *options)
        self.process: ForkedProcess | subprocess.Popen[bytes]
        with open(self.output_path, "wb") as output, open(os.devnull, "rb") as nothing:
            if command is None and not pass_fds:
                self.process = (forks or fork_server()).start(
                    [*program, *arguments],
                    standard=(nothing.fileno(), output.fileno(), output.fileno()),
                    env=environment(**(env or {})),
                    cwd=self.folder,
                )
            else:
                self.process = subprocess.Popen(
                    [*(command or INTERPRETED), *arguments],
                    stdin=nothing,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=environment(**(env or {})),
                    pass_fds=pass_fds,
                    cwd=self.folder,
                )
        self._await_start()

    def _await_start(self) -> None:
        with contextlib.suppress(AssertionError):
            wait_until(lambda: "identity " in self.output() or self.process.poll() is not None, within=WITHIN)
        if "identity " not in self.output():
            self.end()
            raise AssertionError(f"the server did not start: {self.output()}")

    def output(self) -> str:
        """The output of the server so far."""
        with open(self.output_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    @property
    def ports(self) -> list[int]:
        """The TCP ports that it listens on, in the order of the options."""
        return [int(port) for port in re.findall(r"listening  .* \([^)]*:(\d+)\)", self.output())]

    @property
    def fingerprint(self) -> str:
        """The home's fingerprint."""
        match = re.search(r"SHA256:[0-9a-f]{64}", self.output())
        assert match is not None, self.output()
        return match[0]

    @property
    def ca_file(self) -> str:
        """The path of the home's CA certificate."""
        return os.path.join(self.state, "identity", "ca.crt")

    def send(self, number: int) -> None:
        """Send a signal to the server."""
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Stop the server if it still runs; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def path(self, endpoint: str) -> str:
        """The path of an endpoint on the disk."""
        return os.path.join(self.root, *endpoint.split("/"))


def add_remote(server: ServerProcess, home: str, name: str = "nas", *, port: int | None = None) -> None:
    """Make `server` known to the client whose folder is `home`, at its own port or at another one that leads there."""
    added = run_homeftp(
        *("remote", "add", name, f"127.0.0.1:{port or server.ports[0]}", "--user", "ann"),
        *("--fingerprint", server.fingerprint, "--password-stdin"),
        input=PASSWORD + "\n",
        HOMEFTP_HOME=home,
    )
    assert added.returncode == 0, added.stderr


def pair(server: ServerProcess, home: str, name: str = "nas") -> None:
    """Make the client whose folder is `home` a device of ann's, which knows the server by its certificate."""
    invited = run_homeftp("invite", "--json", "--account", "ann", "--state", server.state)
    assert invited.returncode == 0, invited.stderr
    code = json.loads(invited.stdout)["code"]
    paired = run_homeftp("pair", f"127.0.0.1:{server.ports[0]}", code, "--name", name, HOMEFTP_HOME=home)
    assert paired.returncode == 0, paired.stderr
