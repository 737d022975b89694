"""C2: the process is killed at every system call of every operation that changes something."""

from __future__ import annotations

from collections import Counter
from typing import Collection

from tests.support.needs import LONG
from tests.system.faults.case import FaultCase
from tests.system.faults.driving import Driver
from tests.system.faults.scenarios import NAMING, SCENARIOS
from tests.system.faults.verdict import after_restart, lost, tree, unlawful

Point = tuple[str, str, str]
"""A scenario, the system that it runs on, and the name of a system call."""


class KillTests(FaultCase):
    """SIGKILL, before each call that takes a path or a descriptor, in turn."""

    def setUp(self) -> None:
        """Count, for each scenario, how often it was killed, and how many calls it makes for what lies in the root."""
        super().setUp()
        self.killed: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def kill_at_each(self, driver: Driver, point: Point) -> list[str]:
        """Kill at the first call of this name, at the second, and so on until there is none any more."""
        name, system, call = point
        scenario = SCENARIOS[name]
        found = []
        for number in range(1, 10_000):
            root = driver.root()
            scenario.lay(root)
            outcome = driver.run(name, root, system=system, inject=f"{call}:signal=SIGKILL:when={number}")
            if not outcome.killed:
                driver.forget(root)
                break
            wrong = unlawful(scenario, outcome.answers, tree(root)) + lost(scenario, root) + after_restart(root)
            found += [f"{name}, {system}, {call} {number}: {one}" for one in wrong]
            self.killed[name] += 1
            if not wrong:
                driver.forget(root)
        return found

    def points(self, scenario: str, system: str) -> list[Point]:
        """A scenario with each name of a call that it makes."""
        calls = self.recorded(scenario, system).calls
        self.calls[scenario] += sum(call.in_root for call in calls)
        return [(scenario, system, name) for name in sorted({call.name for call in calls})]

    def check(self, system: str, scenarios: Collection[str]) -> None:
        """Scenarios on one system."""
        points = [point for scenario in scenarios for point in self.points(scenario, system)]
        self.assertEqual(self.each(self.kill_at_each, points), [])
        for name in scenarios:
            self.assertGreaterEqual(self.killed[name], self.calls[name], name)
            self.assertGreater(self.calls[name], 5, name)

    def test_kernel(self) -> None:
        """The old or the new content is complete, acknowledged writes exist, and the next start removes orphans."""
        self.check("kernel", SCENARIOS)

    def test_walking(self) -> None:
        """The same where the kernel has no openat2, no syncfs and no renameat2."""
        self.check("walking", SCENARIOS if LONG else NAMING)

    def test_in_place(self) -> None:
        """The control: a store that writes the new content over the old is caught half-way."""
        found = self.each(self.kill_at_each, self.points("large", "in place"))
        self.assertTrue(any("folder/file is " in wrong for wrong in found), found)

    def test_later(self) -> None:
        """The control: a store that answers before the rename is caught with an answer that is not true."""
        for scenario, name in (("large", "folder/file"), ("together new", "b/c")):
            found = self.each(self.kill_at_each, self.points(scenario, "later"))
            self.assertTrue(any(f" {name} is " in wrong and " or " not in wrong for wrong in found), found)

    def test_forgetful(self) -> None:
        """The control: a store that keeps no version of what it replaces is caught."""
        found = self.each(self.kill_at_each, self.points("large", "forgetful"))
        self.assertTrue(any("lost: the content of folder/file" in wrong for wrong in found), found)

    def test_littering(self) -> None:
        """The control: a store that leaves what it began under another name is caught, before the restart and after."""
        found = self.each(self.kill_at_each, self.points("large", "littering"))
        self.assertTrue(any("folder/file.tmp is " in wrong for wrong in found), found)
