"""What the tests of faults share: drivers that run at the same time, and the points to be tried."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from queue import LifoQueue
from typing import Callable, Iterable, Iterator, TypeVar

from twisted.trial.unittest import SynchronousTestCase

from tests.support.mounts import quick_folder
from tests.system.faults.driving import Driver, Outcome, can_trace
from tests.system.faults.scenarios import ALL
from tests.system.faults.systems import RIGHT
from tests.system.faults.verdict import after_failure, after_restart

T = TypeVar("T")

_DRIVERS = ("one", "two", "three")


class FaultCase(SynchronousTestCase):
    """Some drivers, which run at the same time: each has strace and us to wait for."""

    def setUp(self) -> None:
        """None is started before it is needed. Their disk is a quick one: no fault is the disk's own, and no kill."""
        self._folder = quick_folder(self)
        self._free: LifoQueue[Driver | str] = LifoQueue()
        for name in _DRIVERS:
            self._free.put(name)

    @contextlib.contextmanager
    def _taken(self) -> Iterator[Driver]:
        """One of them, for this thread alone."""
        free = self._free.get()
        try:
            if isinstance(free, str):
                free = Driver(os.path.join(self._folder, free))
                self.addCleanup(free.close)
            yield free
        finally:
            self._free.put(free)

    def driver(self) -> Driver:
        """One of them, for a test that needs no more."""
        with self._taken() as driver:
            return driver

    def each(self, job: Callable[[Driver, T], list[str]], points: Iterable[T]) -> list[str]:
        """All that `job` finds wrong, each with a driver of its own."""

        def run(point: T) -> list[str]:
            with self._taken() as driver:
                return job(driver, point)

        with ThreadPoolExecutor(len(_DRIVERS)) as pool:
            return [wrong for found in pool.map(run, points) for wrong in found]

    def recorded(self, scenario: str, system: str) -> Outcome:
        """What happens where nothing fails: on a right system all that is promised. Needs strace."""
        can_trace()
        driver = self.driver()
        root = driver.root()
        ALL[scenario].lay(root)
        outcome = driver.run(scenario, root, system=system, inject="")
        wrong = after_failure(ALL[scenario], outcome, root) + after_restart(root)
        driver.forget(root)
        if system in RIGHT:
            self.assertEqual((wrong, outcome.refusals), ([], set()), f"{scenario}, {system}")
        return outcome
