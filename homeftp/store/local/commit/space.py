"""Reserves space for new files, within the quota and on the disk; old versions are removed before a file is refused."""

from __future__ import annotations

import os
from collections import Counter
from threading import Lock

import attrs

from homeftp.config import MIB
from homeftp.endpoint import ROOT, Endpoint
from homeftp.store.local.disk.errnos import no_space
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.staging.partials import PartialUploads
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.store.policy.wording import over_quota

SLACK = 8
"""Blocks, and inodes, that must be free beyond what a file needs: new folders need some."""

RESERVE = 64 * MIB
"""Bytes that are left free, at most a hundredth of the disk: the server's own state is often on the same disk, and
invitations and revocations must be written there (Syncthing leaves a hundredth too)."""


@attrs.frozen(eq=False)
class SpaceReservation:
    """The space of one store. Thread-safe. Bytes are those that a file takes up: `QuotaUsage.cost`."""

    usage: QuotaUsage
    versions: VersionArchive
    partials: PartialUploads
    _lock: Lock = attrs.field(factory=Lock, init=False)
    _expected: Counter[int] = attrs.field(factory=Counter, init=False)
    """Bytes that uploads have reserved and not written yet, by device number."""

    def reserve(self, handle: DirHandle, directory: Endpoint, endpoint: Endpoint, cost: int, *, files: int = 1) -> None:
        """Reserve space for `files` files in or below `handle`, the open `directory`; `endpoint` is one of them.

        If there is too little, versions are removed, the oldest first, and then
        partial uploads, unless that would not be enough either. Raises
        `NoSpace` (52), which says what is needed and what is free.
        """
        self._within_quota(endpoint, cost)
        try:
            self._on_disk(handle, directory, endpoint, cost, files)
        except BaseException:
            self.release(cost)
            raise

    def release(self, cost: int) -> None:
        """Give up a reservation."""
        self.usage.add(reserved=-cost)

    def use(self, cost: int) -> None:
        """Turn a reservation into used space: the file was committed."""
        self.usage.add(reserved=-cost, used=cost)

    def expect(self, device: int, cost: int) -> None:
        """Change the bytes that will still be written to a device; `cost` may be negative."""
        with self._lock:
            self._expected[device] += cost

    def evict_for(self, handle: DirHandle, directory: Endpoint, cost: int) -> bool:
        """Remove old files because the disk is full; returns whether to try again. Raises OSError."""
        if cost > self._old(handle, directory):
            return False
        self._evict(handle, directory, cost, files=0)
        return True

    def _old(self, handle: DirHandle | None, directory: Endpoint) -> int:
        """The bytes that can be removed on the file system of `handle`, or everywhere without one."""
        return self.versions.total(handle, directory) + self.partials.total(handle)

    def _evict(self, handle: DirHandle | None, directory: Endpoint, wanted: int, files: int) -> int:
        freed = self.versions.evict(handle, directory, wanted, files)
        if freed < wanted:
            freed += self.partials.evict(handle, wanted - freed)
        return freed

    def _within_quota(self, endpoint: Endpoint, cost: int) -> None:
        if self.usage.reserve(cost):
            return
        if self.usage.stale():
            self.usage.count()
        left = self.usage.left() or 0
        if left < cost <= left + self._old(None, ROOT):
            self._evict(None, ROOT, cost - left, files=0)
        if not self.usage.reserve(cost):
            raise over_quota(endpoint, self.usage.quota or 0, cost, left)

    def _on_disk(self, handle: DirHandle, directory: Endpoint, endpoint: Endpoint, cost: int, files: int) -> None:
        disk = os.fstatvfs(handle.fd)
        if not disk.f_blocks:
            return  # this file system does not report its size
        with self._lock:
            free = disk.f_bavail * disk.f_frsize - self._expected[os.fstat(handle.fd).st_dev]
            free -= min(RESERVE, disk.f_blocks * disk.f_frsize // 100)
        bytes_short = cost + SLACK * disk.f_frsize - free
        files_short = files + SLACK - disk.f_favail if disk.f_files else 0
        if bytes_short <= 0 and files_short <= 0:
            return
        if cost <= free + self._old(handle, directory):
            free += self._evict(handle, directory, max(0, bytes_short), max(0, files_short))
        if cost > free:
            raise no_space(endpoint, cost, max(0, free))
