"""Files that jobs have found of late: they are known without looking into the hash cache again."""

from __future__ import annotations

import marshal
import operator
import os
import time
from typing import Callable, NamedTuple

from homeftp.hashing.filehash import binary, from_binary, is_settled
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces.immediate import RECENT_SECONDS
from homeftp.model import Entry
from homeftp.store.local.disk.entries import entry_of
from homeftp.syscalls.disks import Disks

FILES_KEPT = 2048
"""Files of which is known what a job has found, at least; twice as many at most, which take 2 MiB."""

_WITHOUT_REFERENCES = 2
"""The version of `marshal` whose bytes depend on the values alone."""

Parts = tuple[str, ...]


class _RecentFile(NamedTuple):
    """A file as a job has found it. There are thousands: what its stat tells is not kept again."""

    mark: bytes
    hash: bytes
    marked: int
    """`HashCache.marked` before the job asked."""
    when: float


def is_same(before: os.stat_result, now: os.stat_result) -> bool:
    """Whether these are stats of the same file, which was not changed between them."""
    return _mark(before) == _mark(now)


_WHAT_COUNTS = operator.attrgetter("st_ctime_ns", "st_mtime_ns", "st_size", "st_ino", "st_dev", "st_mode")


def _mark(found: os.stat_result) -> bytes:
    return marshal.dumps(_WHAT_COUNTS(found), _WITHOUT_REFERENCES)


class RecentFiles:
    """The small files that jobs have stated or opened of late. Safe in several threads; nothing waits for a lock."""

    def __init__(
        self, cache: HashCache, disks: Disks, *, monotonic: Callable[[], float] = time.monotonic, kept: int = FILES_KEPT
    ) -> None:
        self._cache = cache
        self._disks = disks
        self._monotonic = monotonic
        self._kept = kept
        self._looked: tuple[int, float, bool] = -1, 0.0, False
        """`HashCache.marked` when a job looked for damage last, the time, and whether no file was marked."""
        self._young: dict[str, _RecentFile] = {}
        self._old: dict[str, _RecentFile] = {}

    @property
    def marked(self) -> int:
        """The number that a job passes to `add`: as it was before the job asked the hash cache."""
        return self._cache.marked

    def add(self, parts: Parts, found: os.stat_result, entry: Entry, marked: int) -> None:
        """Keep what a job has found, where each later change shows, as it did when the entry was made with a tag."""
        if entry.hash is None or not entry.tag or not is_settled(found):
            return
        if len(self._young) >= self._kept:
            self._old, self._young = self._young, {}
        self._young["/".join(parts)] = _RecentFile(_mark(found), binary(entry.hash), marked, self._monotonic())

    @property
    def undamaged(self) -> bool:
        """Whether a job has found of late that no file is marked as damaged."""
        return self._has_looked and self._looked[2]

    @property
    def _has_looked(self) -> bool:
        """Whether a job has looked for damage of late."""
        marked, when, _ = self._looked
        return marked == self._cache.marked and self._monotonic() - when <= RECENT_SECONDS

    def look_for_damage(self) -> None:
        """Find out whether any file is marked as damaged, unless that was done of late. Blocks."""
        if not self._has_looked:
            marked, when = self._cache.marked, self._monotonic()
            self._looked = marked, when, not self._cache.damaged()

    def entry(self, parts: Parts, found: os.stat_result) -> Entry | None:
        """The entry that a job has found of the file with this stat; None where none has of late."""
        path = "/".join(parts)
        seen = self._young.get(path) or self._old.get(path)
        if seen is None or seen.marked != self._cache.marked or self._monotonic() - seen.when > RECENT_SECONDS:
            return None
        return entry_of(found, self._disks, from_binary(seen.hash)) if seen.mark == _mark(found) else None
