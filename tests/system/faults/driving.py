"""Runs of the driver under strace: what to inject, and what came of it. What is right of that, verdict.py says."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from typing import Any, ContextManager, Iterator, Mapping

import attrs

from tests.support import needs
from tests.support.processes import WITHIN, environment

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (.*)$")
_DESCRIPTOR = re.compile(r"^(\d+)<")
_OF_OPEN = re.compile(r'^\d+<[^>]*>(?:\(deleted\))?, "",')

TRACED = "%file,%desc"
"""All calls that take a path or a descriptor."""

NAMING = frozenset("rename renameat renameat2 linkat unlink unlinkat mkdirat rmdir".split())
"""Calls after which a disk's failure can leave it in doubt what exists."""

SYNCING = frozenset("fsync fdatasync syncfs".split())

JUDGED = NAMING | SYNCING | {"close"}
"""The calls that are judged beside the one that fails: to read the arguments of all others takes strace longer than all
else that it does."""

NOT_THE_DISK = frozenset("sendto recvfrom mmap poll execve ioctl fcntl".split())
"""Those of them that no disk can fail: the driver's own talk, memory, terminals, locks."""


@attrs.frozen
class Call:
    """A system call that the driver made."""

    name: str
    arguments: str
    result: str
    in_root: bool
    """Whether it was made for what lies in the root; not for the hash cache beside it, or for what all programs do."""

    @property
    def injected(self) -> bool:
        """Whether the kernel never saw it."""
        return "(INJECTED)" in self.result

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.result.startswith("-1 ")

    @property
    def descriptor(self) -> str:
        """The descriptor that it was called on; "" for none."""
        found = _DESCRIPTOR.match(self.arguments)
        return found[1] if found else ""

    @property
    def of_open(self) -> bool:
        """Whether it is the stat of something that is open."""
        return self.name == "fstat" or (self.name == "newfstatat" and _OF_OPEN.match(self.arguments) is not None)

    def __str__(self) -> str:
        return f"{self.name}({self.arguments}) = {self.result}"


@attrs.frozen
class Answer:
    """What the driver told of an answer."""

    refusal: str
    """The name of the exception's class; "" for an answer that promises."""
    message: str


@attrs.define
class Outcome:
    """What came of a run."""

    answers: dict[int, Answer] = attrs.field(factory=dict)
    """By number; those that were given."""
    afterwards: Answer | None = None
    """That to the file that is put when the fault is over."""
    kept: list[str] = attrs.field(factory=list)
    """What was open at the end and had not been at the beginning."""
    status: int = 0
    """The exit status; -9 for one that was killed."""
    calls: list[Call] = attrs.field(factory=list)
    """All calls where nothing is injected; otherwise the injected one and those that are judged."""

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.status == -9

    @property
    def hit(self) -> Call | None:
        """The call that was injected; None when it was never made."""
        return next((call for call in self.calls if call.injected), None)

    @property
    def refusals(self) -> set[str]:
        """What refused."""
        return {answer.refusal for answer in self.answers.values() if answer.refusal}


def can_trace() -> None:
    """Skip the test where strace is not there, or may not trace."""
    strace = needs.program("strace")

    def traces() -> bool:
        tried = subprocess.run([strace, "-o", os.devnull, "true"], check=False, stderr=subprocess.DEVNULL)
        return tried.returncode == 0

    needs.require("strace to be allowed to trace", traces)


class Driver:
    """A process that carries out runs. `folder` is for what they leave; not for two threads at once.

    It shares one of the processors with strace: at each call one of
    them waits for the other, and to wake a processor for that takes longer than
    the call. Several processes of tests have different ones.
    """

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)
        processors = sorted(os.sched_getaffinity(0))
        self._processor = processors[os.getpid() % len(processors)]
        os.makedirs(self.folder)
        self._runs = 0
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(WITHIN * 2)
        self._output = open(os.path.join(self.folder, "output"), "wb")  # noqa: SIM115 - as long as the process
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.system.faults.driver"],
                stdin=theirs.fileno(),
                stdout=self._output,
                stderr=self._output,
                env=environment(),
                cwd=self.folder,
            )
        os.sched_setaffinity(self._process.pid, {self._processor})

    def close(self) -> None:
        """End it."""
        self._control.close()
        self._output.close()
        self._process.wait(WITHIN)

    def root(self) -> str:
        """A path for a new root, whose folder is removed by `forget`."""
        self._runs += 1
        base = os.path.join(self.folder, str(self._runs))
        os.mkdir(base)
        return os.path.join(base, "root")

    def forget(self, root: str) -> None:
        """Remove a root, and what was beside it."""
        shutil.rmtree(os.path.dirname(root))

    def run(
        self,
        scenario: str,
        root: str,
        *,
        system: str = "kernel",
        inject: str | None = None,
        condition: ContextManager[object] | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> Outcome:
        """Carry out a scenario on a root that was laid; everything is over, and every descriptor closed, afterwards.

        `inject` is what strace is told; None: it is not traced. `condition`
        holds, and so do the `limits` (RLIMIT_NOFILE, ...), from when the
        store is open until the last answer.
        """
        outcome = Outcome()
        self._control.send(
            json.dumps({"scenario": scenario, "root": root, "system": system, "limits": limits or {}}).encode()
        )
        ready = self._await("ready", outcome)
        if ready is None:
            raise AssertionError(f"the driver did not start: see {self._output.name}")
        with condition or contextlib.nullcontext(), self._traced(ready["ready"], root, inject, outcome):
            self._control.send(b"go")
            done = self._await("done", outcome)
        if done is not None:
            self._control.send(b"next")
            self._await("ended", outcome)
        return outcome

    def _await(self, kind: str, outcome: Outcome) -> dict[str, Any] | None:
        """Note what the driver tells until it tells this; None when the child has ended without."""
        while True:
            message: dict[str, Any] = json.loads(self._control.recv(2**16))
            if "answer" in message:
                outcome.answers[message["answer"]] = Answer(message["refusal"], message["message"])
            elif "afterwards" in message:
                outcome.afterwards = Answer(**message["afterwards"])
                outcome.kept = message["kept"]
            elif "ended" in message:
                outcome.status = message["ended"]
            if kind in message:
                return message
            if "ended" in message:
                return None

    @contextlib.contextmanager
    def _traced(self, pid: int, root: str, inject: str | None, outcome: Outcome) -> Iterator[None]:
        """strace is attached on entering, and is detached on leaving."""
        if inject is None:
            yield
            return
        log = os.path.join(os.path.dirname(root), "strace")
        command = [needs.program("strace"), "-f", "-y", "-o", log, "-p", str(pid)]
        if inject:
            names = {inject.partition(":")[0], *(f"?{name}" for name in JUDGED)}  # not every machine has all of them
            command += ["-e", f"trace={','.join(names)}", "-e", f"inject={inject}"]
        else:
            command += ["-e", f"trace={TRACED}"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        os.sched_setaffinity(process.pid, {self._processor})
        assert process.stderr is not None
        try:
            said = process.stderr.readline()
            if b"attached" not in said:
                raise AssertionError(f"strace: {said!r}")
            yield
        finally:
            process.terminate()
            process.stderr.close()
            process.wait()
        with open(log, encoding="utf-8", errors="replace") as lines:
            found = [call for call in map(_CALL.match, lines) if call]
        outcome.calls = [Call(call[1], call[2], call[3], in_root=root in call[2]) for call in found]
