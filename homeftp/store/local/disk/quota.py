"""Counts the bytes that the root or one home holds, as a quota counts them.

A file counts with its size in whole blocks, and each name of a file, a version
or a directory with `NAME_COST` at least. In the metadata directory only the
versions count, and the directories that hold them beneath the folder of a day.

The server's own writes and removals are added and subtracted as they happen.
Changes by other programs show when everything is counted again: at the start,
once a day, and before the quota refuses a write.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from threading import Lock
from typing import Iterator

from homeftp.config import DAY, NAME_COST
from homeftp.endpoint import RESERVED_PREFIX
from homeftp.errors import Busy
from homeftp.interfaces.usage import SpaceReport
from homeftp.store.local.disk.metadir import FOLDER
from homeftp.store.local.disk.saferoot import SafeRoot

Names = tuple[bytes, ...]

VERSIONS = b"versions"
"""The folder of versions in the metadata directory. Nothing else there is counted: uploads are reserved already."""

_TEMP_PREFIX = RESERVED_PREFIX.encode()

_TRIES = 5

_PAUSE = 10
"""How many times the duration of a count must pass before another count is made for a refusal."""


class QuotaUsage:
    """The bytes used and reserved in `root` beneath `home`, and by its versions, limited to `quota`.

    Without a quota there is no limit, and nothing is counted.
    """

    def __init__(self, root: SafeRoot, quota: int | None, home: Names = ()) -> None:
        self.quota = quota
        self._home = home
        found = os.fstatvfs(root.fd)
        self._block = found.f_frsize or 1
        self._root = root
        self._lock = Lock()
        self._counting = Lock()
        self._counted = quota is None
        self._counted_at = self._again = 0.0
        self._used = 0
        self._since = 0
        self._counts = 0
        """How many counts have begun or ended."""
        self._directories_moved = False
        self._reserved = 0

    def cost(self, size: int = 0) -> int:
        """The bytes that a file of this size counts for; without a size, a directory."""
        return max(NAME_COST, -(-size // self._block) * self._block)

    def taken(self) -> int | None:
        """The bytes that count, of files on their way too; None without a quota, and while they are not counted."""
        with self._lock:
            return self._used + self._reserved if self.quota is not None and self._counted else None

    def left(self) -> int | None:
        """How many bytes the quota has left; negative if other programs used more. None without a quota.

        Raises `Busy` (51) while they have not been counted.
        """
        if self.quota is None:
            return None
        with self._lock:
            if not self._counted:
                raise Busy("the server is still counting the files for a quota: try again in a while")
            return self.quota - self._used - self._reserved

    def space(self) -> SpaceReport:
        """The space that the quota leaves, and the space in use; not known without one. Raises as `left`."""
        return SpaceReport(free=self.left(), used=self.taken())

    def change(self, *, reserved: int = 0, used: int = 0) -> None:
        """Change the reserved and the used bytes by these amounts, which may be negative."""
        with self._lock:
            self._reserved += reserved
            self._used += used
            self._since += used

    def mark(self) -> int:
        """A marker to take before something is removed or moved; it tells later whether a count ran meanwhile."""
        with self._lock:
            return self._counts

    def removed(self, size: int, mark: int) -> None:
        """Count bytes that were removed since `mark`; a count since then may have missed them already."""
        with self._lock:
            if mark == self._counts:
                self._used -= size

    def moved(self, size: int | None, mark: int) -> None:
        """Count bytes (None: unknown) that were moved since `mark`; a count since then may have missed them."""
        with self._lock:
            self._since += size or 0
            self._directories_moved = self._directories_moved or size is None
            if mark != self._counts:
                self._used += size or 0

    def count(self) -> None:
        """Count everything. Files added or moved during the count may count twice until the next one, never too little.

        Gives up after a few attempts while directories keep being moved.
        """
        if self.quota is None:
            return
        with self._counting:
            self._count()

    def count_first(self) -> None:
        """Count everything if that has not been done. Raises `Busy` (51) where another thread is at it."""
        if self._counted:
            return
        if not self._counting.acquire(blocking=False):
            raise Busy("the server is still counting the files for a quota: try again in a while")
        try:
            if not self._counted:
                self._count()
        finally:
            self._counting.release()

    def recount(self) -> None:
        """Count again before the next reservation: something of unknown size came or went."""
        with self._lock:
            self._counted = self.quota is None

    def _count(self) -> None:
        began = time.monotonic()
        for _ in range(_TRIES):
            with self._lock:
                self._since = 0
                self._counts += 1
                self._directories_moved = False
            found = self.scan()
            with self._lock:
                self._used = found + self._since
                self._counted = True
                self._counts += 1
                if not self._directories_moved:
                    break
        ended = time.monotonic()
        self._again = ended + _PAUSE * (ended - began)
        self._counted_at = ended

    def count_if_stale(self) -> None:
        """Count again if the last count is old enough, unless another thread is counting."""
        if self.quota is None or time.monotonic() < self._again or not self._counting.acquire(blocking=False):
            return
        try:
            self._count()
        finally:
            self._counting.release()

    def refresh(self) -> None:
        """Count again if the last count is a day old."""
        if not self._counted or time.monotonic() >= self._counted_at + DAY:
            self.count()

    def scan(self) -> int:
        """The cost of all names, of a file with several ones once; without temp files and partial uploads."""
        total = 0
        seen: set[tuple[int, int]] = set()
        todo = [self._home, *self._version_folders()]
        while todo:
            folder = todo.pop()
            for name, found in self._read(folder):
                if stat.S_ISDIR(found.st_mode):
                    todo.append((*folder, name))
                    total += 0 if FOLDER in (name, *folder[-2:]) else self.cost()  # the server's own, down to a day's
                elif not stat.S_ISREG(found.st_mode):
                    total += self.cost()
                elif (found.st_dev, found.st_ino) not in seen:
                    total += self.cost(found.st_size)
                    if found.st_nlink > 1:
                        seen.add((found.st_dev, found.st_ino))
        return total

    def _version_folders(self) -> Iterator[Names]:
        """The folders of a home's versions: each file system on the way to it may have some, in a folder for each day.

        Those beneath the home are found with its files.
        """
        for depth in range(len(self._home)):
            versions = (*self._home[:depth], FOLDER, VERSIONS)
            for day, found in self._read(versions):
                if stat.S_ISDIR(found.st_mode):
                    yield (*versions, day, *self._home[depth:])

    def _read(self, folder: Names) -> Iterator[tuple[bytes, os.stat_result]]:
        """The names in one folder with their stat; not temp files and partial uploads, which are reserved already."""
        opened = self._root.open_below(self._root.fd, folder)
        with contextlib.suppress(OSError), opened as directory, os.scandir(directory) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if folder[-1:] == (FOLDER,) and name != VERSIONS:
                    continue
                if FOLDER not in folder and name.startswith(_TEMP_PREFIX):
                    continue
                with contextlib.suppress(OSError):
                    yield name, entry.stat(follow_symlinks=False)
