"""Room for what is to come: within the quota, and on the disk; what is old goes before what is new is refused."""

from __future__ import annotations

import os
from collections import Counter
from threading import Lock

import attrs

from homeftp.config import MIB
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import NoSpace
from homeftp.store.local.disk.errnos import display_path, format_size, no_space
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.disk.saferoot import DirHandle
from homeftp.store.local.staging.partials import PartialUploads
from homeftp.store.local.versions.retention import VersionArchive

SLACK = 8
"""Blocks, and names of files, that are to be free besides what is asked for: new folders need some."""

RESERVE = 64 * MIB
"""Bytes, and at most a hundredth of the disk, that are left free: the server's own state is often on the same disk, and
whoever is to be let in, or out, has to be written down there (Syncthing leaves a hundredth as well)."""


@attrs.frozen(eq=False)
class SpaceReservation:
    """The room that one share has. Safe in several threads. Bytes are those that a file takes up: `QuotaUsage.cost`."""

    usage: QuotaUsage
    versions: VersionArchive
    fragments: PartialUploads
    _lock: Lock = attrs.field(factory=Lock, init=False)
    _promised: Counter[int] = attrs.field(factory=Counter, init=False)
    """What large files have not written yet, by the number of their disk."""

    def claim(self, place: DirHandle, directory: Endpoint, endpoint: Endpoint, cost: int, *, files: int = 1) -> None:
        """Set room aside for `files` files, in or beneath the open directory, of which `endpoint` is one.

        Where there is none, versions go, the oldest first, and then what was
        begun and never finished; unless that would not be enough either.
        Raises `NoSpace` (52), saying what is needed and what is free.
        """
        self._within_quota(endpoint, cost)
        try:
            self._on_disk(place, directory, endpoint, cost, files)
        except BaseException:
            self.release(cost)
            raise

    def release(self, cost: int) -> None:
        """What was set aside is not needed."""
        self.usage.add(claimed=-cost)

    def settle(self, cost: int) -> None:
        """What was set aside is in its place."""
        self.usage.add(claimed=-cost, settled=cost)

    def promise(self, device: int, cost: int) -> None:
        """So much more will be written to the disk of that number; less where below 0."""
        with self._lock:
            self._promised[device] += cost

    def relieve(self, place: DirHandle, directory: Endpoint, cost: int) -> bool:
        """Throw away what is old, the disk being full. Whether it is worth another try; raises OSError."""
        if cost > self._old(place, directory):
            return False
        self._clear(place, directory, cost, files=0)
        return True

    def _old(self, place: DirHandle | None, directory: Endpoint) -> int:
        """What can be thrown away, where the open directory is."""
        return self.versions.total(place, directory) + self.fragments.total(place)

    def _clear(self, place: DirHandle | None, directory: Endpoint, wanted: int, files: int) -> int:
        freed = self.versions.evict(place, directory, wanted, files)
        if freed < wanted:
            freed += self.fragments.evict(place, wanted - freed)
        return freed

    def _within_quota(self, endpoint: Endpoint, cost: int) -> None:
        if self.usage.claim(cost):
            return
        if self.usage.stale():
            self.usage.count()
        left = self.usage.left() or 0
        if left < cost <= left + self._old(None, ROOT):
            self._clear(None, ROOT, cost - left, files=0)
        if not self.usage.claim(cost):
            quota, free = format_size(self.usage.quota or 0), format_size(max(0, left))
            raise NoSpace(
                f"the share's quota of {quota} has no room for {display_path(endpoint)}: it needs {format_size(cost)}, "
                f"{free} are free"
            )

    def _on_disk(self, place: DirHandle, directory: Endpoint, endpoint: Endpoint, cost: int, files: int) -> None:
        disk = os.fstatvfs(place.fd)
        if not disk.f_blocks:
            return  # a file system that does not say
        with self._lock:
            free = disk.f_bavail * disk.f_frsize - self._promised[os.fstat(place.fd).st_dev]
            free -= min(RESERVE, disk.f_blocks * disk.f_frsize // 100)
        bytes_short = cost + SLACK * disk.f_frsize - free
        files_short = files + SLACK - disk.f_favail if disk.f_files else 0
        if bytes_short <= 0 and files_short <= 0:
            return
        if cost <= free + self._old(place, directory):
            free += self._clear(place, directory, max(0, bytes_short), max(0, files_short))
        if cost > free:
            raise no_space(endpoint, cost, max(0, free))
