"""The trusted time: it passes while the server runs, and no clock that jumps can change that."""

from __future__ import annotations

import os
import time

from homeftp.config import DAY, HOUR
from homeftp.store.local.versions.storeclock import EXPIRED_AT_LEAST, StoreClock
from tests.support.stores import SetClock, StoreCase

YEARS = 5 * 365 * DAY


class StoreClockCase(StoreCase):
    """A clock that can be set, and the metadata directory of a store."""

    def setUp(self) -> None:
        super().setUp()
        _, self.metadata_dir = self.opened_root()
        self.system = SetClock()
        self.newest: float | None = None
        self.start()

    def start(self) -> None:
        """Start the server again."""
        newest = self.newest
        self.clock = StoreClock(self.system, self.metadata_dir, lambda: None if newest is None else int(newest * 1e6))

    def restart(self, off: float = 0.0) -> None:
        """Stop the server, and start it so many seconds later."""
        self.clock.save()
        self.system.wall += off
        self.start()

    def passed(self) -> float:
        """The days for which the trusted time is ahead of the real one."""
        return round((self.clock.now_seconds() - time.time()) / DAY, 2)


class TrustTests(StoreClockCase):
    """Which time counts."""

    def test_running(self) -> None:
        """While the server runs its time passes, and the clock may be corrected a little."""
        self.system.running += 3 * DAY
        self.system.wall += HOUR / 2
        self.assertEqual(self.passed(), 3.02)
        self.assertIsNone(self.clock.problem())

    def test_off(self) -> None:
        """A computer that was off for a weekend is believed; one that was off for longer after a day."""
        self.restart(off=2 * DAY - 60)
        self.assertEqual((self.passed(), self.clock.problem()), (2, None))
        self.restart(off=30 * DAY)
        self.assertEqual(self.passed(), 2)
        self.assertIn("set it if that is wrong", self.clock.problem() or "")
        self.system.running += DAY - HOUR
        self.assertEqual(self.passed(), 2.96)
        self.system.running += HOUR
        self.assertEqual((self.passed(), self.clock.problem()), (33, None))

    def test_short_runs(self) -> None:
        """The day may consist of many runs."""
        self.restart(off=30 * DAY)
        for _ in range(11):
            self.system.running += 2 * HOUR
            self.restart(off=DAY)
            self.assertIsNotNone(self.clock.problem())
        self.system.running += 2 * HOUR
        self.assertEqual(self.passed(), 30 + 11 + 1)

    def test_ahead(self) -> None:
        """A clock that is set years ahead counts for nothing, however often the server starts, and is reported."""
        for _ in range(3):
            self.restart(off=YEARS)
            self.assertLess(self.passed(), 0.1)
            self.assertIsNotNone(self.clock.problem())
        self.system.wall = 0
        self.assertEqual((self.passed(), self.clock.problem()), (0, None), "the clock is right again")

    def test_ahead_while_running(self) -> None:
        """The same in a running server; its own time goes on."""
        self.system.wall += YEARS
        self.system.running += 2 * HOUR
        self.assertEqual(self.passed(), 0.08)
        self.assertIsNotNone(self.clock.problem())

    def test_behind(self) -> None:
        """With a clock that is set back it is never later than that; and then again what it was."""
        self.restart(off=-YEARS)
        self.assertEqual(self.passed(), -5 * 365)
        self.assertIsNotNone(self.clock.problem())
        self.system.wall = 0
        self.system.running += 2 * HOUR
        self.assertEqual((self.passed(), self.clock.problem()), (0.08, None))

    def test_ahead_for_long(self) -> None:
        """A wrong clock that was believed in the end has no effect from the moment at which it is right."""
        self.restart(off=YEARS)
        self.system.running += 2 * DAY
        self.assertEqual(self.passed(), 5 * 365 + 2, "the control")
        self.restart(off=-YEARS)
        self.assertEqual(self.passed(), 2)

    def test_one_line(self) -> None:
        """The problem is one line, and the same as long as nothing changes."""
        self.restart(off=YEARS)
        problem = self.clock.problem()
        self.system.running += 60
        self.assertEqual(self.clock.problem(), problem)
        self.assertNotIn("\n", problem or "\n")


class FileTests(StoreClockCase):
    """What is known of earlier runs."""

    def test_unknown(self) -> None:
        """Without a file the newest version says when the store was last used; a store without any has no past."""
        self.system.wall = YEARS
        self.newest = time.time()
        self.start()
        self.assertEqual((self.passed(), self.clock.problem()), (0, None))
        self.newest = None
        self.start()
        self.assertEqual(self.passed(), 5 * 365)

    def test_damaged(self) -> None:
        """A damaged file counts as none, and is replaced."""
        path = self.path(".homeftp/clock")
        for content in (b"", b"{", b"[]", b"\xff" * 500, b'{"trusted_us": "x"}'):
            with open(path, "wb") as file:
                file.write(content)
            self.start()
            self.clock.save()
            self.assertEqual((os.path.getsize(path), self.passed()), (512, 0))


class AllowanceTests(StoreClockCase):
    """How many versions may be removed in a day because of their age."""

    def test_a_day(self) -> None:
        """A tenth of those that are too old, over restarts, and no fewer than a hundred."""
        for count, allowed in ((10_000, 1000), (20, EXPIRED_AT_LEAST)):
            self.assertEqual(self.clock.allowed(lambda count=count: count), allowed)  # type: ignore[misc]
            self.clock.removed(allowed - 1)
            self.restart()
            self.assertEqual(self.clock.allowed(lambda: 10**9), 1)
            self.system.running += DAY
