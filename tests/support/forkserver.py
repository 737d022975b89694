"""Commands and servers in processes of their own that start quickly: forked from one that has imported homeftp already.

A new interpreter needs a second of work to import what they use, and the system tests start hundreds.
The child is a real process with its own descriptors, environment, folder and exit code. It differs from a new
interpreter in what is read when Python starts (the PYTHON variables), so tests of those start an interpreter.
And passwords are cheap to check in it, so tests of their cost start an interpreter, too. Its servers look ten times as
often for new addresses of the machine.
"""

from __future__ import annotations

import array
import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, Mapping, NoReturn, Sequence

_MAX_REQUEST = 1 << 20
"""Bytes of a request: the arguments and the environment."""

_STANDARD = 3
"""Descriptors that come with a request: standard input, output and error."""

_IMPORTED = (
    "cryptography.hazmat.backends.openssl",
    "encodings.idna",
    "homeftp.cli.commands.get",
    "homeftp.cli.commands.files.ls",
    "homeftp.cli.commands.push",
    "homeftp.cli.commands.past.versions",
    "homeftp.cli.main",
    "homeftp.cli.owner.account",
    "homeftp.cli.owner.invite",
    "homeftp.cli.transfer.output",
    "homeftp.client.known.pairing",
    "homeftp.client.plan.cmp",
    "homeftp.client.plan.get",
    "homeftp.client.plan.push",
    "homeftp.client.reconnector",
    "homeftp.client.transfer.retry",
    "homeftp.crypto.ed25519group",
    "homeftp.hashing.hashcache",
    "homeftp.server.control",
    "homeftp.server.service",
    "homeftp.server.sftp.frontend",
    "homeftp.standalone",
    "homeftp.tap",
    "homeftp.workers",
    "spake2",
    "twisted.internet.epollreactor",
    "twisted.scripts.twistd",
    "twisted.trial.itrial",
    "twisted.words.iwords",
    "zeroconf.asyncio",
)
"""What commands and servers use, and takes a while to import; the public names of `homeftp.client` besides."""

_START_SECONDS = 60.0
"""Within which the fork server has imported everything, and forked."""


class ForkedProcess:
    """A process that a fork server has started: what subprocess.Popen has, as far as tests need it.

    It is killed when nobody waits for it any more: a test run that is killed leaves no server behind.
    """

    def __init__(self, arguments: Sequence[str], reports: socket.socket) -> None:
        self.args = list(arguments)
        self.returncode: int | None = None
        self._reports = reports
        reports.settimeout(_START_SECONDS)
        self.pid = int(reports.recv(100))

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, as soon as it has ended; raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._reports.settimeout(timeout)
            try:
                self.returncode = int(self._reports.recv(100) or b"-9")
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
            self._reports.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it if it still runs."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """Runs commands of homeftp; `prefix` is a program that starts the process elsewhere, such as in a network."""

    def __init__(self, env: Mapping[str, str], prefix: Sequence[str] = ()) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.support.forkserver", str(theirs.fileno())],
            env=dict(env),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        atexit.register(self.close)

    def close(self) -> None:
        """End the process, and what it has started."""
        self._ours.close()
        self._process.wait()
        atexit.unregister(self.close)

    def run(
        self,
        arguments: Sequence[str],
        *,
        input: str,
        env: Mapping[str, str],
        timeout: float,
        program: Sequence[str] = ("homeftp",),
    ) -> subprocess.CompletedProcess[str]:
        """Run `homeftp ...`, or another program that is known here, to its end, as subprocess.run does."""
        command = [*program, *arguments]
        with tempfile.TemporaryFile() as typed, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            typed.write(input.encode())
            typed.seek(0)
            standard = (typed.fileno(), out.fileno(), err.fileno())
            process = self.start(command, standard=standard, env=env, cwd=os.getcwd())
            try:
                returncode = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(command, returncode, out.read().decode(), err.read().decode())

    def start(
        self, arguments: Sequence[str], *, standard: Sequence[int], env: Mapping[str, str], cwd: str, terminal: str = ""
    ) -> ForkedProcess:
        """Start `homeftp ...` or `twistd ...` with these descriptors as standard input, output and error.

        With the path of a terminal it leads a session of its own there.
        """
        reports, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            request = {"arguments": list(arguments), "env": dict(env), "cwd": cwd, "terminal": terminal}
            data = [json.dumps(request).encode("utf-8", "surrogatepass")]
            self._ours.sendmsg(data, [_rights([*standard, theirs.fileno()])])
        return ForkedProcess(arguments, reports)


def _rights(descriptors: Sequence[int]) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes()


def _serve(control: socket.socket) -> None:
    """Fork for each request until the other end is closed. Only a child returns, to run its command."""
    for module in _IMPORTED:
        importlib.import_module(module)
    client = importlib.import_module("homeftp.client")
    for name in client.__all__:
        getattr(client, name)  # imports the module that defines it
    _lower_password_cost()
    _look_at_addresses_often()
    assert "twisted.internet.reactor" not in sys.modules, "children would share it"
    gc.freeze()
    running = _Running()
    looked = select.poll()
    looked.register(control, select.POLLIN)
    while True:
        if any(descriptor == control.fileno() for descriptor, _ in looked.poll()):
            data, ancillary, _, _ = control.recvmsg(_MAX_REQUEST, socket.CMSG_SPACE((_STANDARD + 1) * 4))
            if not data:
                running.kill()
                os._exit(0)
            *standard, reports = array.array("i", ancillary[0][2])
            command = os.fork()
            if not command:
                control.close()
                running.forget()
                _start(json.loads(data), standard, reports)
                return
            for descriptor in standard:
                os.close(descriptor)
            running.add(command, reports, looked)
        running.look(looked)


class _Running:
    """The commands that have not ended; each is known by a descriptor that is readable when it has."""

    def __init__(self) -> None:
        self._commands: dict[int, tuple[int, int]] = {}
        """By that descriptor: the process, and the socket on which its number and its end are reported."""

    def add(self, command: int, reports: int, looked: select.poll) -> None:
        """Report that it has started."""
        ended = os.pidfd_open(command)
        self._commands[ended] = command, reports
        looked.register(ended, select.POLLIN)
        looked.register(reports, 0)  # that the other end is closed is always told
        with contextlib.suppress(BrokenPipeError):
            os.write(reports, str(command).encode())

    def look(self, looked: select.poll) -> None:
        """Report those that have ended, and kill those that nobody waits for any more."""
        told = {descriptor for descriptor, _ in looked.poll(0)}
        for ended, (command, reports) in list(self._commands.items()):
            if ended in told:
                _, status = os.waitpid(command, 0)  # its CPU time is part of this process's own from then on
                with contextlib.suppress(BrokenPipeError):  # nobody waits any more
                    os.write(reports, str(os.waitstatus_to_exitcode(status)).encode())
                for descriptor in (ended, reports):
                    looked.unregister(descriptor)
                    os.close(descriptor)
                del self._commands[ended]
            elif reports in told:
                os.kill(command, signal.SIGKILL)

    def forget(self) -> None:
        """In a child: close what belongs to the others."""
        for ended, (_, reports) in self._commands.items():
            os.close(ended)
            os.close(reports)

    def kill(self) -> None:
        """End all."""
        for command, _ in self._commands.values():
            os.kill(command, signal.SIGKILL)
            os.waitpid(command, 0)


def _lower_password_cost() -> None:
    """Let a password cost next to nothing: each login with one takes a server a quarter of a second otherwise."""
    from homeftp.accounts import passwords
    from homeftp.server import wiring

    cost = passwords.Cost(n=2, r=1, p=1)
    vars(passwords)["COST"] = cost
    vars(wiring)["PasswordChecker"] = functools.partial(passwords.PasswordChecker, cost=cost)


def _look_at_addresses_often() -> None:
    """Let a server that announces itself notice in a second that the machine has other addresses, and not in ten."""
    from homeftp.server import mdns

    vars(mdns)["CHECK_SECONDS"] = 1.0


def _start(request: Any, standard: Sequence[int], reports: int) -> None:
    """In a child: be the command, which runs when this returns."""
    os.close(reports)
    if request["terminal"]:
        os.setsid()
        os.close(os.open(request["terminal"], os.O_RDWR))  # the first that the leader opens is the session's
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.argv = request["arguments"]


def _exit(status: object) -> NoReturn:
    """Exit as `sys.exit` does, but free nothing: all that was shared with the fork server would be copied for that."""
    if not isinstance(status, int | None):
        sys.stderr.write(f"{status}\n")
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))

    try:
        if sys.argv[0] == "twistd":
            from twisted.scripts.twistd import run as main
        else:
            from homeftp.cli.main import main

        ended: object = main()
    except SystemExit as exit:
        ended = exit.code
    _exit(ended)
