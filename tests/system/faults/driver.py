"""The process that faults are put into: opens a store, carries out one scenario, and tells of each answer at once.

By hand, with strace before it or not, on a root that is made if it is not there; the hash cache lies beside it:

    python -m tests.system.faults.driver SCENARIO ROOT

Without arguments it is told on a socket, its standard input, what to do. A
child does that, run by run, and the next child goes on where one was killed: to
fork for a run costs more than the run. The child says when its store is open,
and waits to be traced. Only sendto and recvfrom are used for that, so that no
fault that is meant for the disk meets it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import shutil
import socket
import sqlite3
import sys
import traceback
from typing import Any, Callable, Mapping

from homeftp.endpoint import parse
from homeftp.errors import OperatorError, Refusal
from homeftp.hashing.hashcache import HashCache
from homeftp.store.local.store import LocalStore
from tests.support.stores import put_of
from tests.system.faults.scenarios import ALL, Scenario
from tests.system.faults.systems import SYSTEMS

AFTERWARDS = "afterwards"
"""The file that is put when the fault is over, in the same process."""

AFTERWARDS_CONTENT = b"all is well again"

_PR_SET_PTRACER = 0x59616D61
_ANYONE = ctypes.c_ulong(-1)

Say = Callable[..., None]


def describe(answer: object) -> dict[str, str]:
    """An answer as it is told: "" for one that promises, and the name of what refuses."""
    if not isinstance(answer, Exception):
        return {"refusal": "", "message": ""}
    name = type(answer).__name__ if isinstance(answer, Refusal | OperatorError) else f"not a refusal: {answer!r}"
    return {"refusal": name, "message": "".join(traceback.format_exception(answer))}


class Server:
    """A store, as long as a run lasts."""

    def __init__(self, root: str, system: str) -> None:
        self._root = root
        self._system = system
        self._store: LocalStore | None = None
        self._opened = contextlib.ExitStack()

    def start(self) -> LocalStore:
        """The store; it is opened when it is not open."""
        if self._store is None:
            cache = HashCache(os.path.join(os.path.dirname(self._root), "index.sqlite"))
            self._opened.enter_context(contextlib.closing(cache))
            store = LocalStore(self._root, cache, system=SYSTEMS[self._system]())
            self._store = self._opened.enter_context(contextlib.closing(store))
        return self._store

    def close(self) -> None:
        """Close what is open; that changes nothing on the disk."""
        self._opened.close()

    def carry_out(self, scenario: Scenario, say: Say) -> None:
        """Ask for everything, and tell of each answer as soon as there is one."""
        number = 0
        for asked in scenario.asked:
            answers = self._ask(asked.call)
            if isinstance(answers, Exception):
                answers = [answers] * len(asked.promises)
            for answer in answers:
                say(answer=number, **describe(answer))
                number += 1
        # One system call more, so that there is one to be killed at behind the last answer.
        self._ask(lambda store: [store.stat(parse(AFTERWARDS))])

    def afterwards(self) -> dict[str, str]:
        """Put one more file, and say how that went."""
        answers = self._ask(lambda store: store.write_many([put_of(AFTERWARDS, AFTERWARDS_CONTENT)]))
        return describe(answers if isinstance(answers, Exception) else answers[0])

    def _ask(self, call: Callable[[LocalStore], Any]) -> Any:
        try:
            return call(self.start())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            return error


def opened() -> list[str]:
    """What this process has open: where each descriptor leads."""
    own = "/proc/self/fd"
    numbers = os.listdir(own)
    # One of them is that of the list itself, which is no more.
    return [os.readlink(f"{own}/{number}") for number in numbers if os.path.lexists(f"{own}/{number}")]


def _limit(limits: Mapping[str, int]) -> Callable[[], None]:
    """Set these limits; gives what takes them away again. That of descriptors is counted from those in use."""
    before = {}
    for name, value in limits.items():
        number = getattr(resource, name)
        soft, hard = before[number] = resource.getrlimit(number)
        if number == resource.RLIMIT_NOFILE:
            value += max(int(fd) for fd in os.listdir("/proc/self/fd"))
        resource.setrlimit(number, (min(soft, value) if soft >= 0 else value, hard))

    def lift() -> None:
        for number, both in before.items():
            resource.setrlimit(number, both)

    return lift


def _run(control: socket.socket, order: Mapping[str, Any]) -> None:
    """One run: ready, go, the answers, done, next, what is put afterwards, ended."""

    def say(**message: Any) -> None:
        control.send(json.dumps(message).encode())

    scenario = ALL[order["scenario"]]
    server = Server(order["root"], order["system"])
    if not scenario.starts:
        server.start()
    before = opened()
    lift = _limit(order["limits"])
    say(ready=os.getpid())
    control.recv(100)
    server.carry_out(scenario, say)
    say(done=True)
    control.recv(100)
    lift()
    kept = opened()
    for known in before:
        kept.remove(known)
    say(afterwards=server.afterwards(), kept=[] if scenario.starts else kept)
    server.close()
    say(ended=0)


def _warm_up() -> None:
    """Carry out everything once: what is loaded or remembered at the first use makes system calls then only."""
    for number, scenario in enumerate(ALL.values()):
        folder = os.path.join(os.getcwd(), f"warm-{number}")
        root = os.path.join(folder, "root")
        scenario.lay(root)
        server = Server(root, "kernel")
        server.carry_out(scenario, lambda **message: None)
        server.close()
        shutil.rmtree(folder)


def _seed() -> None:
    """Have SQLite read /dev/urandom now: it does in each process, when it first needs a random number."""
    with contextlib.closing(sqlite3.connect(os.path.join(os.getcwd(), "seed.sqlite"))) as database:
        database.execute("SELECT random()").fetchone()


def _orders(control: socket.socket) -> None:
    """Carry out what is ordered, in a child, until there is nothing more."""
    try:
        _seed()
        # Where only ancestors may trace (Yama), anyone may trace this one.
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _ANYONE, 0, 0, 0)
        while order := control.recv(2**16):
            _run(control, json.loads(order))
    except BaseException:  # noqa: BLE001 - the child must not become a second server
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _serve(control: socket.socket) -> None:
    """Fork a child for the orders, and when one has ended, tell how, and fork another."""
    _warm_up()
    gc.freeze()  # a collection in a child would look at all of it, and copy it
    while True:
        child = os.fork()
        if not child:
            _orders(control)
        _, status = os.waitpid(child, 0)
        if not status:
            return
        control.send(json.dumps({"ended": os.waitstatus_to_exitcode(status)}).encode())


def _print(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main(arguments: list[str]) -> None:
    """Carry out one scenario, or serve."""
    if not arguments:
        _serve(socket.socket(fileno=0))
        return
    name, root = arguments
    root = os.path.abspath(root)
    if not os.path.exists(root):
        ALL[name].lay(root)
    server = Server(root, "kernel")
    if not ALL[name].starts:
        server.start()
    server.carry_out(ALL[name], lambda **message: _print(json.dumps(message)))


if __name__ == "__main__":
    main(sys.argv[1:])
