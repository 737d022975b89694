"""Times and modes as a file system keeps them, and which times count as the same: rules without disk or wire.

The model is rsync's `--modify-window` and rclone's precision of a file system. `homeftp.syscalls.disks` learns what a
file system keeps.
"""

from __future__ import annotations

import enum

import msgspec

from homeftp.model import MAX_MTIME_US, TimeSpan


class ChangeTime(enum.Enum):
    """Which time of a file tells on a file system that no program has written to the file."""

    CTIME = "ctime"
    """The ctime moves with every change, and no program can set it back."""
    LATE_CTIME = "late ctime"
    """As `CTIME`, but that of a renamed file moves once more when the file is closed: NTFS by FUSE."""
    MTIME = "mtime"
    """The ctime is made up, and so is the inode: FAT and exFAT. A program can set the mtime back."""


class KeptMetadata(msgspec.Struct, frozen=True):
    """The times and modes of files that a file system keeps. Times are in microseconds since 1970 UTC."""

    modes: bool = True
    """Whether it keeps all permission bits that are set."""
    step_us: int = 1
    """The distance of the times that it keeps."""
    first_us: int = -MAX_MTIME_US
    """The earliest time that it keeps."""
    last_us: int = MAX_MTIME_US
    """The latest time that it keeps."""
    change_time: ChangeTime = ChangeTime.CTIME
    """Which time tells that a file was changed."""

    def nearest(self, mtime_us: int) -> int:
        """The time to be set for a wanted one, which the file system then rounds."""
        return min(max(mtime_us, self.first_us), self.last_us)

    def span(self, mtime_us: int) -> TimeSpan | None:
        """The wanted times for which it may show `mtime_us`; None: only that one."""
        if self.step_us == 1 and self.first_us < mtime_us < self.last_us:
            return None
        near = self.step_us - 1
        first = -MAX_MTIME_US if mtime_us - self.step_us < self.first_us else mtime_us - near
        last = MAX_MTIME_US if mtime_us + self.step_us > self.last_us else mtime_us + near
        return None if first == last else (first, last)


EXACT = KeptMetadata()
"""Counts for a file system of which nothing is known: it keeps every time and mode."""


def in_range(mtime_us: int) -> int:
    """A time, or the nearest one that can be told to a server."""
    return mtime_us if -MAX_MTIME_US <= mtime_us <= MAX_MTIME_US else EXACT.nearest(mtime_us)


def same_mtime(one: int, one_span: TimeSpan | None, other: int, other_span: TimeSpan | None = None) -> bool:
    """Whether two copies have the same time, each as far as its disk keeps it."""
    return one == other or _is_in(one_span, other) or _is_in(other_span, one)


def _is_in(span: TimeSpan | None, mtime_us: int) -> bool:
    return span is not None and span[0] <= mtime_us <= span[1]
