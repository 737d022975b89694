"""Systems whose disks keep less than they are told: coarse times, no modes, a first and a last time."""

from __future__ import annotations

import errno
import os

from homeftp.model import SECOND_US
from homeftp.syscalls import System

US_NS = 1000


class CoarseDisk(System):
    """Times are rounded down to `step_us`, and wrap beyond `first_us` and `last_us`; modes are refused, or ignored."""

    def __init__(
        self,
        step_us: int = 2 * SECOND_US,
        first_us: int = 315_532_800 * SECOND_US,
        last_us: int = 4_354_819_198 * SECOND_US,
        *,
        refuses_modes: bool = True,
        wraps: bool = True,
    ) -> None:
        super().__init__()
        self.step_us, self.first_us, self.last_us = step_us, first_us, last_us
        self.refuses_modes = refuses_modes
        self.wraps = wraps
        """Whether a time that is not kept becomes any other one; otherwise it becomes the nearest."""
        self.modes_set = 0
        self.times_set: list[int] = []

    def set_times(self, fd: int, time_ns: int) -> None:
        """Round the time."""
        time_us = time_ns // US_NS
        self.times_set.append(time_us)
        if not self.first_us <= time_us <= self.last_us and self.wraps:
            time_us = self.first_us + time_us % (self.last_us - self.first_us)
        near = min(max(time_us, self.first_us), self.last_us)
        super().set_times(fd, (near - near % self.step_us) * US_NS)

    def set_mode(self, fd: int, mode: int) -> None:
        """Set no mode."""
        self.modes_set += 1
        if self.refuses_modes:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))


class AnothersFiles(System):
    """A disk on which all files belong to another user: neither their times nor their modes can be set."""

    def set_times(self, fd: int, time_ns: int) -> None:
        """Refuse."""
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def set_mode(self, fd: int, mode: int) -> None:
        """Refuse."""
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))
