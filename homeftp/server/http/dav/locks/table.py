"""The locks of a server that shares its files with no other: in memory.

When the server stops they end, which section 6.1 of RFC 4918 allows at any time.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Callable, Iterable

from zope.interface import implementer

from homeftp.endpoint import Endpoint
from homeftp.server.http.dav.locks.interface import ILocks
from homeftp.server.http.dav.locks.lockset import MOST_LOCKS, MOST_OF_ACCOUNT, Lock, LockSet, bounded, too_many


@implementer(ILocks)
class LockTable:
    """All locks. `clock` gives seconds by a monotonic clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._set = LockSet()
        self._ends: dict[Lock, float] = {}
        self._of_account: Counter[str] = Counter()
        self._next_end = math.inf

    def _expire(self) -> None:
        """End the locks whose time is over."""
        now = self._clock()
        if now < self._next_end:
            return
        for lock in [lock for lock, end in self._ends.items() if end <= now]:
            self._remove(lock)
        self._next_end = min(self._ends.values(), default=math.inf)

    def of(self, account: str) -> LockTable:
        """This table itself, whose locks are all in memory."""
        return self

    async def near(self, endpoint: Endpoint, *, deep: bool = False) -> LockSet:
        """All locks, because they are in memory."""
        self._expire()
        return self._set

    async def add(self, lock: Lock) -> None:
        """Keep a new lock. Raises `LockConflict`, and `Busy` (51) where there are too many."""
        self._expire()
        self._set.admit(lock)
        if len(self._ends) >= MOST_LOCKS or self._of_account[lock.account] >= MOST_OF_ACCOUNT:
            raise too_many()
        self._set.add(lock)
        self._of_account[lock.account] += 1
        self._begin(lock)

    def _begin(self, lock: Lock) -> None:
        end = self._ends[lock] = self._clock() + lock.seconds
        self._next_end = min(self._next_end, end)

    async def refresh(self, lock: Lock, seconds: int | None) -> bool:
        """Let a lock last for so long from now on; False where it is not there any more."""
        self._expire()
        if lock not in self._ends:
            return False
        lock.seconds = bounded(seconds)
        self._begin(lock)
        return True

    async def remove(self, lock: Lock) -> None:
        """End a lock. May be called twice."""
        self._remove(lock)

    def _remove(self, lock: Lock) -> None:
        if self._ends.pop(lock, None) is not None:
            self._set.remove(lock)
            self._of_account[lock.account] -= 1
            if not self._of_account[lock.account]:
                del self._of_account[lock.account]

    async def removed(self, locks: Iterable[Lock]) -> None:
        """End the locks of what is gone."""
        for lock in locks:
            self._remove(lock)
