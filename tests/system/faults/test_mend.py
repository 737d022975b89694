"""The process is killed before every system call that changes something, while damage is found, marked and mended."""

from __future__ import annotations

import os
from collections import Counter
from typing import Iterator

from homeftp.endpoint import ROOT, parse
from homeftp.hashing.hashcache import HashCache
from homeftp.store.local.store import LocalStore
from tests.support.needs import LONG
from tests.system.faults.case import FaultCase
from tests.system.faults.driving import Driver
from tests.system.faults.scenarios import MENDING, OLD, file
from tests.system.faults.test_kill import Point, changes
from tests.system.faults.verdict import litter, lost, tree, unlawful


def after_verifying(root: str) -> list[str]:
    """What is wrong when the store is opened again and verified: the damage, or something that was begun, is left."""
    cache = HashCache(os.path.join(os.path.dirname(root), "index.sqlite"))
    try:
        store = LocalStore(root, cache)
        try:
            found = litter(root)
            list(store.verify(ROOT))
            found += [f"still damaged: {damage}" for damage in store.damaged()]
            entry = store.stat(parse("damaged"))
            if entry is None or entry.hash != file(OLD[::-1]) or tree(root)["damaged"] != entry.hash:
                found.append(f"not mended: {entry}")
            return found
        finally:
            store.close()
    finally:
        cache.close()


class MendTests(FaultCase):
    """SIGKILL, at each place in turn."""

    def kill_at(self, driver: Driver, point: Point) -> list[str]:
        """Kill there, and say what is wrong afterwards, and after the next verification."""
        name, system, call, number = point
        scenario = MENDING[name]
        root = driver.root()
        scenario.lay(root)
        outcome = driver.run(name, root, system=system, inject=f"{call}:signal=SIGKILL:when={number}")
        wrong = [] if outcome.killed else ["there was no such call"]
        wrong += unlawful(scenario, outcome.answers, tree(root)) + lost(scenario, root) + after_verifying(root)
        if not wrong:
            driver.forget(root)
        return [f"{name}, {call} {number}: {one}" for one in wrong]

    def points(self, scenario: str) -> Iterator[Point]:
        """A scenario with each of its calls at which it is killed; the last one of all is behind the last answer."""
        calls = self.recorded(scenario, "kernel").calls
        seen: Counter[str] = Counter()
        for number, call in enumerate(calls, 1):
            seen[call.name] += 1
            if LONG or changes(call) or number == len(calls):
                yield scenario, "kernel", call.name, seen[call.name]

    def test_killed(self) -> None:
        """The damaged or the right content is complete, no content is lost, and the next reading ends the damage."""
        for name in MENDING:
            points = list(self.points(name))
            self.assertGreater(len(points), 10, name)
            self.assertEqual(self.each(self.kill_at, points), [])
