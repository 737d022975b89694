"""How many bytes the root holds, counted as its quota has them: each file's size, rounded up to whole blocks.

What homeftp itself writes and removes is added and taken away as it happens.
What is done behind its back shows when it counts anew: at the start, once a
day, and before a quota refuses anything.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from threading import Lock
from typing import Iterator

from homeftp.endpoint import RESERVED_PREFIX
from homeftp.errors import Busy
from homeftp.store.local.disk.metadir import FOLDER
from homeftp.store.local.disk.saferoot import SafeRoot

_ON_THEIR_WAY = (b"incoming", b"partial")
_DRAFT = RESERVED_PREFIX.encode()

_DAY = 24 * 60 * 60

_TRIES = 5

_PAUSE = 10
"""Times as long as a count took, before another one is made for a refusal."""


class QuotaUsage:
    """The bytes in the root of `jail`, of which there may be `quota`; None: any number, and nothing is counted."""

    def __init__(self, jail: SafeRoot, quota: int | None) -> None:
        self.quota = quota
        found = os.fstatvfs(jail.root)
        self._block = found.f_frsize or 1
        self._jail = jail
        self._lock = Lock()
        self._counting = Lock()
        self._counted = quota is None
        self._counted_at = self._again = 0.0
        self._settled = 0
        self._since = 0
        self._counts = 0
        """Of beginnings and ends."""
        self._rearranged = False
        self._claimed = 0

    def cost(self, size: int) -> int:
        """The bytes that a file of this size counts for."""
        return -(-size // self._block) * self._block

    def left(self) -> int | None:
        """How many bytes the quota has left; below 0 where others have used more. None without a quota."""
        with self._lock:
            return self._left()

    def _left(self) -> int | None:
        if self.quota is None:
            return None
        if not self._counted:
            raise Busy("the server still counts what the share holds, for its quota: try again in a while")
        return self.quota - self._settled - self._claimed

    def claim(self, size: int) -> bool:
        """Set `size` bytes aside for a file that comes, unless there are fewer left; whether it was done."""
        with self._lock:
            left = self._left()
            if left is not None and size > left:
                return False
            self._claimed += size
            return True

    def add(self, *, claimed: int = 0, settled: int = 0) -> None:
        """So many bytes more are set aside, or are there for good; fewer are set aside where below 0."""
        with self._lock:
            self._claimed += claimed
            self._settled += settled
            self._since += settled

    def mark(self) -> int:
        """To be asked for before something is removed or moved: whether a count was under way, or is since."""
        with self._lock:
            return self._counts

    def removed(self, size: int, mark: int) -> None:
        """So many bytes were removed since the `mark`; a count may have left them out already."""
        with self._lock:
            if mark == self._counts:
                self._settled -= size

    def moved(self, size: int | None, mark: int) -> None:
        """So many bytes have another place since the `mark`, None: any number; a count may have missed them."""
        with self._lock:
            self._since += size or 0
            self._rearranged = self._rearranged or size is None
            if mark != self._counts:
                self._settled += size or 0

    def count(self) -> None:
        """Count anew. What comes or moves while it counts may count twice, until it is counted again: never too little.

        Where whole directories are moved all the time it gives up after a few attempts.
        """
        if self.quota is None:
            return
        with self._counting:
            begun = time.monotonic()
            for _ in range(_TRIES):
                with self._lock:
                    self._since = 0
                    self._counts += 1
                    self._rearranged = False
                found = self._count()
                with self._lock:
                    self._settled = found + self._since
                    self._counted = True
                    self._counts += 1
                    if not self._rearranged:
                        break
            ended = time.monotonic()
            self._again = ended + _PAUSE * (ended - begun)
            self._counted_at = ended

    def stale(self) -> bool:
        """Whether counting anew is worth its while."""
        return self.quota is not None and time.monotonic() >= self._again

    def refresh(self) -> None:
        """Count, if that has not been done for a day."""
        if not self._counted or time.monotonic() >= self._counted_at + _DAY:
            self.count()

    def _count(self) -> int:
        """All regular files, one with several names once; not what is still on its way in."""
        total = 0
        seen: set[tuple[int, int]] = set()
        todo: list[tuple[bytes, ...]] = [()]
        while todo:
            folder = todo.pop()
            for name, found in self._read(folder):
                if stat.S_ISDIR(found.st_mode):
                    todo.append((*folder, name))
                elif stat.S_ISREG(found.st_mode) and (found.st_dev, found.st_ino) not in seen:
                    total += self.cost(found.st_size)
                    if found.st_nlink > 1:
                        seen.add((found.st_dev, found.st_ino))
        return total

    def _read(self, folder: tuple[bytes, ...]) -> Iterator[tuple[bytes, os.stat_result]]:
        """What is in one folder, but for what is on its way in: that is set aside already."""
        ours = FOLDER in folder
        opened = self._jail.opened(self._jail.root, folder)
        with contextlib.suppress(OSError), opened as directory, os.scandir(directory) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                if (ours and name in _ON_THEIR_WAY) or (not ours and name.startswith(_DRAFT)):
                    continue
                with contextlib.suppress(OSError):
                    yield name, entry.stat(follow_symlinks=False)
