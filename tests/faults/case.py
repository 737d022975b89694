"""What the tests of faults share: drivers, one for each processor that may be used, and the points to be tried."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Callable, Iterable, TypeVar

from twisted.trial.unittest import SynchronousTestCase

from tests.faults.driving import Driver, Outcome, can_trace
from tests.faults.scenarios import SCENARIOS
from tests.faults.systems import RIGHT
from tests.faults.verdict import after_failure, after_restart

T = TypeVar("T")


class FaultCase(SynchronousTestCase):
    """Two drivers, which run at the same time."""

    def setUp(self) -> None:
        """Start them."""
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        self._free: SimpleQueue[Driver] = SimpleQueue()
        for name in ("one", "two"):
            driver = Driver(os.path.join(folder, name))
            self.addCleanup(driver.close)
            self._free.put(driver)

    def driver(self) -> Driver:
        """One of them, for a test that needs no more."""
        driver = self._free.get()
        self._free.put(driver)
        return driver

    def each(self, job: Callable[[Driver, T], list[str]], points: Iterable[T]) -> list[str]:
        """All that `job` finds wrong, each with a driver of its own."""

        def run(point: T) -> list[str]:
            driver = self._free.get()
            try:
                return job(driver, point)
            finally:
                self._free.put(driver)

        with ThreadPoolExecutor(2) as pool:
            return [wrong for found in pool.map(run, points) for wrong in found]

    def recorded(self, scenario: str, system: str) -> Outcome:
        """What happens where nothing fails: on a right system all that is promised. Needs strace."""
        can_trace()
        driver = self.driver()
        root = driver.root()
        SCENARIOS[scenario].lay(root)
        outcome = driver.run(scenario, root, system=system, inject="")
        wrong = after_failure(SCENARIOS[scenario], outcome, root) + after_restart(root)
        driver.forget(root)
        if system in RIGHT:
            self.assertEqual((wrong, outcome.refusals), ([], set()), f"{scenario}, {system}")
        return outcome
