"""Making what was written durable: one by one where there is little, all at once where there is much.

An fsync that failed is never tried again: the kernel may have dropped what it
could not write, and would call the second one a success (fsync(2), Linux;
PostgreSQL's "fsyncgate" of 2018).
"""

from __future__ import annotations

from typing import Callable, Sequence

import attrs

from homeftp.store.local.disk.saferoot import DirHandle
from homeftp.syscalls import System

FEW = 3
"""Up to so many files or directories are made durable one by one; more of them by one syncfs.

That writes what others left in memory too, and still measured faster from four on.
"""


@attrs.frozen
class Fsync:
    """How one share's file system is told to keep what it has. Safe in several threads."""

    system: System
    whole: bool
    """Whether syncfs may stand for many fsyncs on the root's file system."""

    def files(self, files: Sequence[tuple[int, DirHandle]]) -> list[OSError | None]:
        """Make the content of open files durable; one result for each. Their places were opened before they were."""
        return self._sync(files, self.system.fsync)

    def directories(self, places: Sequence[DirHandle]) -> list[OSError | None]:
        """Make new names durable; one result for each of the directories that they are in."""
        return self._sync([(place.fd, place) for place in places], self.system.fsync_directory)

    def _sync(self, opened: Sequence[tuple[int, DirHandle]], fsync: Callable[[int], None]) -> list[OSError | None]:
        local = [place.fd for _, place in opened if place.local]
        together = self.whole and len(local) > FEW
        failure = _failure(self.system.syncfs, local[0]) if together else None
        return [failure if together and place.local else _failure(fsync, fd) for fd, place in opened]


def _failure(sync: Callable[[int], None], fd: int) -> OSError | None:
    try:
        sync(fd)
    except OSError as error:
        return error
    return None
