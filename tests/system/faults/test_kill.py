"""C2: the process is killed before every system call that changes something, of every operation that changes something.

Between two such calls the process only reads, so a kill anywhere there leaves what a kill before the second leaves.
HOMEFTP_TESTS_LONG kills before the reading calls too.
"""

from __future__ import annotations

from collections import Counter
from typing import Collection, Iterator

from tests.support.needs import LONG
from tests.system.faults.case import FaultCase
from tests.system.faults.driving import Call, Driver
from tests.system.faults.scenarios import NAMING, SCENARIOS
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


class KillTests(FaultCase):
    """SIGKILL, before each call that takes a path or a descriptor and may change something, in turn."""

    def kill_at(self, driver: Driver, point: Point) -> list[str]:
        """Kill there, and say what is wrong afterwards."""
        name, system, call, number = point
        scenario = SCENARIOS[name]
        root = driver.root()
        scenario.lay(root)
        outcome = driver.run(name, root, system=system, inject=f"{call}:signal=SIGKILL:when={number}")
        wrong = [] if outcome.killed else ["there was no such call"]
        wrong += unlawful(scenario, outcome.answers, tree(root)) + lost(scenario, root) + after_restart(root)
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
            self.assertGreater(len(points), 5, name)
            self.assertEqual(self.each(self.kill_at, points), [])

    def test_kernel(self) -> None:
        """The old or the new content is complete, acknowledged writes exist, and the next start removes orphans."""
        self.check("kernel", SCENARIOS)

    def test_walking(self) -> None:
        """The same where the kernel has no openat2, no syncfs and no renameat2."""
        self.check("walking", SCENARIOS if LONG else NAMING)

    def test_in_place(self) -> None:
        """The control: a store that writes the new content over the old is caught half-way."""
        found = self.each(self.kill_at, self.points("large", "in place"))
        self.assertTrue(any("folder/file is " in wrong for wrong in found), found)

    def test_later(self) -> None:
        """The control: a store that answers before the rename is caught with an answer that is not true."""
        for scenario, name in (("large", "folder/file"), ("together new", "b/c")):
            found = self.each(self.kill_at, self.points(scenario, "later"))
            self.assertTrue(any(f" {name} is " in wrong and " or " not in wrong for wrong in found), found)

    def test_forgetful(self) -> None:
        """The control: a store that keeps no version of what it replaces is caught."""
        found = self.each(self.kill_at, self.points("large", "forgetful"))
        self.assertTrue(any("lost: the content of folder/file" in wrong for wrong in found), found)

    def test_littering(self) -> None:
        """The control: a store that leaves what it began under another name is caught, before the restart and after."""
        found = self.each(self.kill_at, self.points("large", "littering"))
        self.assertTrue(any("folder/file.tmp is " in wrong for wrong in found), found)
