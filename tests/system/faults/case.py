"""What the tests of faults share: a driver, and the points to be tried."""

from __future__ import annotations

import atexit
import functools
import itertools
import os
from typing import Callable, Iterable, TypeVar

from twisted.trial.unittest import SynchronousTestCase

from tests.support.mounts import quick_folder
from tests.system.faults.driving import Driver, Outcome, can_trace
from tests.system.faults.scenarios import ALL
from tests.system.faults.systems import RIGHT
from tests.system.faults.verdict import after_failure, after_restart

T = TypeVar("T")


class KeptDriver:
    """The driver of this process, for all tests: to start one takes as long as ten runs. It ends with the process."""

    def __init__(self, folder: str) -> None:
        """It is started when it is first needed; each gets a folder of its own in `folder`."""
        self._folder = folder
        self._count = itertools.count(1)
        self._driver: Driver | None = None
        self.recorded: dict[tuple[str, str], Outcome] = {}
        """What happens where nothing fails, by scenario and system."""

    def driver(self) -> Driver:
        """The driver."""
        if self._driver is None:
            self._driver = Driver(os.path.join(self._folder, f"{next(self._count)}"))
            atexit.register(self._driver.close)
        return self._driver

    def end(self) -> None:
        """End it; the next test gets another one."""
        if self._driver is not None:
            atexit.unregister(self._driver.close)
            self._driver.close()
            self._driver = None


@functools.lru_cache(maxsize=1)
def kept_driver() -> KeptDriver:
    """That of this process. Its disk is a quick one: no fault is the disk's own, and no kill."""
    return KeptDriver(quick_folder())


class FaultCase(SynchronousTestCase):
    """Runs of a driver."""

    def setUp(self) -> None:
        self._kept = kept_driver()

    def driver(self) -> Driver:
        """The driver."""
        return self._kept.driver()

    def each(self, job: Callable[[Driver, T], list[str]], points: Iterable[T]) -> list[str]:
        """All that `job` finds wrong; the driver is ended where anything goes wrong with it."""
        try:
            return [wrong for point in points for wrong in job(self.driver(), point)]
        except BaseException:
            self._kept.end()
            raise

    def recorded(self, scenario: str, system: str) -> Outcome:
        """What happens where nothing fails: on a right system all that is promised. Needs strace."""
        if (scenario, system) in self._kept.recorded:
            return self._kept.recorded[scenario, system]
        can_trace()
        driver = self.driver()
        root = driver.root()
        ALL[scenario].lay(root)
        outcome = driver.run(scenario, root, system=system, inject="")
        wrong = after_failure(ALL[scenario], outcome, root) + after_restart(root)
        driver.forget(root)
        if system in RIGHT:
            self.assertEqual((wrong, outcome.refusals), ([], set()), f"{scenario}, {system}")
        self._kept.recorded[scenario, system] = outcome
        return outcome
