"""How many versions are kept and for how long: limits, eviction for new files, and expiry.

How a file becomes a version is decided in `archive.py`; how versions are found, in `catalog.py`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter, deque
from threading import RLock
from typing import Iterator

from homeftp.config import Retention
from homeftp.endpoint import Endpoint
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.versions.folders import VersionFolders
from homeftp.store.local.versions.layout import Names, VersionDir, VersionFile

_FOREVER = 2**62
"""Microseconds after any version's time; and more bytes than any disk has."""


class VersionArchive:
    """Counts and limits the versions of one store. Thread-safe. `unsynced` is changed only under `lock`."""

    def __init__(self, folders: VersionFolders, retention: Retention, usage: QuotaUsage) -> None:
        self._folders = folders
        self._retention = retention
        self._usage = usage
        self._last_us = 0
        self._totals: dict[Endpoint, int] = {}
        self._oldest: dict[Endpoint, deque[VersionFile]] = {}
        self._pinned: Counter[int] = Counter()
        self.lock: RLock = folders.lock
        self.unsynced: set[tuple[Endpoint, Names]] = set()
        """Folders, by file system and names, that have a new child folder which may not survive a power cut yet."""

    def next_time_us(self) -> int:
        """The time of the next version, in microseconds since 1970: unique, even if the clock is set back."""
        with self.lock:
            self._last_us = max(time.time_ns() // 1000, self._last_us + 1)
            return self._last_us

    def admit(self, mount: Endpoint, version_dir: VersionDir, size: int) -> bool:
        """Free space for a version of `size` bytes; False if none is kept, or it exceeds the limit for all versions."""
        cost = self._usage.cost(size)
        disk = os.fstatvfs(version_dir.fd)
        most = self._retention.most(disk.f_blocks * disk.f_frsize)
        if not self._retention.seconds or cost > most:
            return False
        with self.lock:
            excess = self._total(mount, version_dir) + cost - most
            if excess > 0:
                self._evict(mount, version_dir, _FOREVER, excess)
            self._totals[mount] += cost
        return True

    def subtract(self, mount: Endpoint, size: int) -> None:
        """Stop counting one that is no longer a version, although it was not removed."""
        with self.lock:
            if mount in self._totals:
                self._totals[mount] -= self._usage.cost(size)

    def evict(self, handle: DirHandle | None, directory: Endpoint, wanted: int, files: int = 0) -> int:
        """Remove the oldest: `files` of them, and more until `wanted` bytes are freed; returns the freed bytes.

        On the file system of `handle`, the open `directory`, or everywhere
        without a handle. Raises OSError.
        """
        freed = 0
        with self.lock:
            for mount in self._mounts(handle, directory):
                with self._folders.open_if_exists(mount) as version_dir:
                    if version_dir is not None and (freed < wanted or files):
                        freed += self._evict(mount, version_dir, _FOREVER, wanted - freed, files)
        return freed

    def total(self, handle: DirHandle | None, directory: Endpoint) -> int:
        """The bytes that versions take up, on the file systems that `evict` means. Raises OSError."""
        total = 0
        with self.lock:
            for mount in self._mounts(handle, directory):
                with self._folders.open_if_exists(mount) as version_dir:
                    if version_dir is not None:
                        total += self._total(mount, version_dir)
        return total

    def expire(self) -> None:
        """Remove the versions that are older than the retention time, and empty folders. Raises OSError."""
        before_us = time.time_ns() // 1000 - int(self._retention.seconds * 1_000_000)
        for mount in self._folders.mounts():
            with self.lock, self._folders.open_if_exists(mount) as version_dir:
                self._totals.pop(mount, None)  # an owner may have removed some
                if version_dir is not None:
                    self._evict(mount, version_dir, before_us, _FOREVER)
                    version_dir.remove_empty_folders()

    @contextlib.contextmanager
    def pinned(self, version: VersionFile) -> Iterator[None]:
        """Protect a version from eviction."""
        with self.lock:
            self._pinned[version.found.st_ino] += 1
        try:
            yield
        finally:
            with self.lock:
                self._pinned[version.found.st_ino] -= 1

    def _mounts(self, handle: DirHandle | None, directory: Endpoint) -> list[Endpoint]:
        return self._folders.mounts() if handle is None else [self._folders.mount_of(handle, directory)]

    def _evict(self, mount: Endpoint, version_dir: VersionDir, before_us: int, wanted: int, files: int = 0) -> int:
        mark = self._usage.mark()
        oldest = self._oldest.setdefault(mount, deque())
        evicted = version_dir.evict(oldest, before_us, wanted, files, pinned=+self._pinned)
        if mount in self._totals:
            self._totals[mount] -= evicted.size
        self._usage.removed(evicted.freed, mark)
        return evicted.freed

    def _total(self, mount: Endpoint, version_dir: VersionDir) -> int:
        if mount not in self._totals:
            self._totals[mount] = version_dir.total()
        return self._totals[mount]
