"""What the tests of faults share: drivers that run at the same time, and the points to be tried."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
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

_MOST = 2
"""Drivers at the same time: each has strace and us to wait for, and each process of tests starts its own."""


class Drivers:
    """The drivers of this process, for all tests: to start one takes as long as ten runs. They end with the process."""

    def __init__(self, folder: str) -> None:
        """Each gets a folder of its own in `folder`. None is started before it is needed."""
        self._folder = folder
        self._count = itertools.count(1)
        self._free: LifoQueue[Driver | None] = LifoQueue()
        for _ in range(_MOST):
            self._free.put(None)
        self.recorded: dict[tuple[str, str], Outcome] = {}
        """What happens where nothing fails, by scenario and system."""

    @contextlib.contextmanager
    def taken(self) -> Iterator[Driver]:
        """One of them, for this thread alone; it is ended where anything goes wrong with it."""
        driver = self._free.get()
        try:
            if driver is None:
                number = next(self._count)
                driver = Driver(os.path.join(self._folder, f"{number}"), number)
                atexit.register(driver.close)
            yield driver
        except BaseException:
            if driver is not None:
                atexit.unregister(driver.close)
                driver.close()
                driver = None
            raise
        finally:
            self._free.put(driver)


@functools.lru_cache(maxsize=1)
def drivers() -> Drivers:
    """Those of this process. Their disk is a quick one: no fault is the disk's own, and no kill."""
    return Drivers(quick_folder())


class FaultCase(SynchronousTestCase):
    """Runs of drivers."""

    def setUp(self) -> None:
        self._drivers = drivers()

    def driver(self) -> Driver:
        """One of them, for a test that needs no more."""
        with self._drivers.taken() as driver:
            return driver

    def each(self, job: Callable[[Driver, T], list[str]], points: Iterable[T]) -> list[str]:
        """All that `job` finds wrong, each with a driver of its own."""

        def run(point: T) -> list[str]:
            with self._drivers.taken() as driver:
                return job(driver, point)

        with ThreadPoolExecutor(_MOST) as pool:
            return [wrong for found in pool.map(run, points) for wrong in found]

    def recorded(self, scenario: str, system: str) -> Outcome:
        """What happens where nothing fails: on a right system all that is promised. Needs strace."""
        if (scenario, system) in self._drivers.recorded:
            return self._drivers.recorded[scenario, system]
        can_trace()
        driver = self.driver()
        root = driver.root()
        ALL[scenario].lay(root)
        outcome = driver.run(scenario, root, system=system, inject="")
        wrong = after_failure(ALL[scenario], outcome, root) + after_restart(root)
        driver.forget(root)
        if system in RIGHT:
            self.assertEqual((wrong, outcome.refusals), ([], set()), f"{scenario}, {system}")
        self._drivers.recorded[scenario, system] = outcome
        return outcome
