"""Commands in processes of their own that start quickly: forked from a process that has imported homeftp already.

A new interpreter needs a second of work to import what a command uses, and the system tests run hundreds of commands.
The child is a real process with its own descriptors, environment, folder and exit code. It differs from a new
interpreter in what is read when Python starts (the PYTHON variables), so tests of those start an interpreter.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any, Mapping, Sequence

_MAX_REQUEST = 1 << 20
"""Bytes of a request: the arguments and the environment."""

_STANDARD = 3
"""Descriptors that come with a request: standard input, output and error."""


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
        """End the process; commands that still run go on."""
        self._ours.close()
        self._process.wait()
        atexit.unregister(self.close)

    def run(
        self, arguments: Sequence[str], *, input: str, env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run `homeftp ...` to its end, as subprocess.run does."""
        with tempfile.TemporaryFile() as typed, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            typed.write(input.encode())
            typed.seek(0)
            done, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with done:
                request = {"arguments": list(arguments), "env": dict(env), "cwd": os.getcwd()}
                descriptors = [typed.fileno(), out.fileno(), err.fileno(), theirs.fileno()]
                with theirs:
                    data = [json.dumps(request).encode("utf-8", "surrogatepass")]
                    self._ours.sendmsg(data, [_rights(descriptors)])
                done.settimeout(timeout)
                try:
                    returncode = int(done.recv(100) or b"-9")
                except TimeoutError:
                    raise subprocess.TimeoutExpired(["homeftp", *arguments], timeout) from None
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(
                ["homeftp", *arguments], returncode, out.read().decode(), err.read().decode()
            )


def _rights(descriptors: Sequence[int]) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes()


def _serve(control: socket.socket) -> None:
    """Fork for each request until the other end is closed. Only a child returns, to run its command."""
    import homeftp.cli.commands.get
    import homeftp.cli.commands.ls
    import homeftp.cli.commands.push
    import homeftp.cli.commands.versions
    import homeftp.client.known.pairing
    import homeftp.client.transfer.retry
    import homeftp.hashing.hashcache
    import homeftp.tap
    import homeftp.workers  # noqa: F401

    assert "twisted.internet.reactor" not in sys.modules, "children would share it"
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, ancillary, _, _ = control.recvmsg(_MAX_REQUEST, socket.CMSG_SPACE((_STANDARD + 1) * 4))
        if not data:
            os._exit(0)
        descriptors = array.array("i", ancillary[0][2])
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _start(json.loads(data), descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _start(request: Any, descriptors: Sequence[int]) -> None:
    """In a child: fork the command itself, which returns; this process reports how that ends."""
    *standard, done = descriptors
    command = os.fork()
    if command:
        _, status = os.waitpid(command, 0)
        os.write(done, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    os.close(done)
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.argv = ["homeftp", *request["arguments"]]


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))

    from homeftp.cli.main import main

    sys.exit(main())
