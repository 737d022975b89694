"""Killing the process at each system call of a scenario that changes something, and judging what is left."""

from __future__ import annotations

from collections import Counter
from typing import Callable, Collection, Iterator

from tests.support.needs import LONG
from tests.system.faults.case import FaultCase
from tests.system.faults.driving import Call, Driver
from tests.system.faults.scenarios import ALL
from tests.system.faults.verdict import after_restart, lost, tree, unlawful

Point = tuple[str, str, str, int]
"""A scenario, the system that it runs on, the name of a system call, and which of the calls of this name, from 1."""

_READING = frozenset(
    "close fcntl flock fstat fstatfs getdents64 ioctl lseek mmap newfstatat poll pread64 read readlink readlinkat"
    " recvfrom stat statfs statx fdatasync fsync sync_file_range syncfs".split()
)
"""Calls that change nothing that a kill leaves. The syncs are among them: they matter when the power goes."""


def changes(call: Call) -> bool:
    """Whether the call may change something; what is not known to read may."""
    if call.name.startswith("open"):
        return any(flag in call.arguments for flag in ("O_CREAT", "O_TMPFILE", "O_TRUNC"))
    return call.name not in _READING


class KillCase(FaultCase):
    """SIGKILL, before each call that takes a path or a descriptor and may change something, in turn."""

    afterwards: Callable[[str], list[str]] = staticmethod(after_restart)
    """What is wrong with a root when a store is opened there again."""

    more_than = 5
    """A scenario has more points than that."""

    def kill_at(self, driver: Driver, point: Point) -> list[str]:
        """Kill there, and say what is wrong afterwards."""
        name, system, call, number = point
        scenario = ALL[name]
        root = driver.root()
        scenario.lay(root)
        outcome = driver.run(name, root, system=system, inject=f"{call}:signal=SIGKILL:when={number}")
        wrong = [] if outcome.killed else ["there was no such call"]
        wrong += unlawful(scenario, outcome.answers, tree(root)) + lost(scenario, root) + self.afterwards(root)
        if not wrong:
            driver.forget(root)
        return [f"{name}, {system}, {call} {number}: {one}" for one in wrong]

    def points(self, scenario: str, system: str) -> Iterator[Point]:
        """A scenario with each of its calls at which it is killed; the last one of all is behind the last answer."""
        calls = self.recorded(scenario, system).calls
        seen: Counter[str] = Counter()
        for number, call in enumerate(calls, 1):
            seen[call.name] += 1
            if LONG or changes(call) or number == len(calls):
                yield scenario, system, call.name, seen[call.name]

    def check(self, system: str, scenarios: Collection[str]) -> None:
        """Scenarios on one system."""
        for name in scenarios:
            points = list(self.points(name, system))
            self.assertGreater(len(points), self.more_than, name)
            self.assertEqual(self.each(self.kill_at, points), [])
