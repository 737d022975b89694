"""How many versions are kept and for how long: limits, eviction for new files, and expiry.

How a file becomes a version is decided in `archive.py`; how versions are found, in `catalog.py`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections import Counter, deque
from functools import partial
from threading import RLock
from typing import Callable, Iterator

import msgspec

from homeftp.config import Retention
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import Busy
from homeftp.model import SECOND_US, Actor, Change
from homeftp.store.local.disk.accounting import Marks, QuotaAccounting
from homeftp.store.local.disk.handles import DirHandle, raw
from homeftp.store.local.versions.folders import VersionFolders
from homeftp.store.local.versions.layout import VersionDir
from homeftp.store.local.versions.naming import Names, VersionFile
from homeftp.store.local.versions.storeclock import StoreClock
from homeftp.store.policy.changelog import ChangeLog

_FOREVER = 2**62
"""Microseconds after any version's time; and more bytes than any disk has."""

_ESTIMATE = 0.001
"""The part of the protected time for which a total of what may be removed is used again: 86 seconds of a day. Newer
versions cannot have become old enough meanwhile, and clients that are refused must not make the server count again."""


class EvictionScope(msgspec.Struct, frozen=True):
    """The versions that may be removed to make space: on one file system or on all, of all files or of one home's."""

    handle: DirHandle | None = None
    """A directory on the file system; None: on all of them."""
    directory: Endpoint = ROOT
    """The endpoint of that directory."""
    home: Endpoint | None = None
    any_age: bool = False
    """Whether versions that are still protected may be removed too."""


class _Victims(msgspec.Struct, frozen=True):
    """The versions that may be removed for somebody: one file system's from before a time, and of one home's files."""

    mount: Endpoint
    before_us: int
    home: Names | None = None
    """Relative to the mount."""


class VersionArchive:
    """Counts and limits the versions of one store. Thread-safe. `unsynced` is changed only under `lock`."""

    def __init__(
        self,
        folders: VersionFolders,
        retention: Retention,
        accounting: QuotaAccounting,
        changelog: ChangeLog,
        clock: StoreClock,
    ) -> None:
        self._folders = folders
        self._retention = retention
        self._accounting = accounting
        self._changelog = changelog
        self._clock = clock
        self._last_us = 0
        self._totals: dict[Endpoint, int] = {}
        self._changes: dict[Endpoint, int] = {}
        """The bytes added and removed since the counting began, while all versions are being counted."""
        self._removable: dict[tuple[Endpoint, Names | None], tuple[float, int]] = {}
        """The versions that are old enough to go, and until when that is used: seconds by the monotonic clock."""
        self._oldest: dict[tuple[Endpoint, Names | None], deque[VersionFile]] = {}
        self._pinned: Counter[int] = Counter()
        self.lock: RLock = folders.lock
        self.unsynced: set[tuple[Endpoint, Names]] = set()
        """Folders, by file system and names, that have a new child folder which may not survive a power cut yet."""

    def next_time_us(self) -> int:
        """The time of the next version, in microseconds since 1970: unique, even if the clock is set back.

        Nothing else gets the microsecond after it, which is for the mark of what replaced that file.
        """
        with self.lock:
            next_us = max(time.time_ns() // 1000, self._last_us + 1)
            self._last_us = next_us + 1
            return next_us

    def free_space_for(self, actor: Actor, mount: Endpoint, version_dir: VersionDir, size: int) -> bool:
        """Free space for a version of `size` bytes; False if none is kept, or it exceeds the limit for all versions.

        Versions of the actor's own home are removed before young versions of
        others; where it has a home, or narrower rights, those stay even if all
        versions together then exceed the limit for a day.
        """
        cost = self._accounting.cost(size)
        most = self._most(version_dir.fd)
        if cost > most:
            return False
        with self.lock:
            excess = self._total(mount, version_dir) + cost - most
            for victims in self._victims_of(actor, mount):
                if excess > 0:
                    excess -= self._evict(victims, version_dir, excess, for_actor=actor)
            self._add(mount, cost)
        return True

    def can_keep(self, handle: DirHandle, size: int) -> bool:
        """Whether a file of `size` bytes in an open directory can become a version at all. Raises OSError."""
        return self._accounting.cost(size) <= self._most(handle.fd)

    def _most(self, fd: int) -> int:
        """The bytes that versions may take up on the disk of an open directory; 0 where none are kept."""
        disk = os.fstatvfs(fd)
        return self._retention.most(disk.f_blocks * disk.f_frsize) if self._retention.seconds else 0

    def usage(self) -> tuple[int, int]:
        """The bytes of all versions, and what they may take up on their disks. Raises OSError."""
        total = most = 0
        for mount in self._folders.mounts():
            with self.lock, self._folders.open_if_exists(mount) as version_dir:
                if version_dir is not None:
                    most += self._most(version_dir.fd)
                    total += self._total(mount, version_dir)
        return total, most

    def subtract(self, mount: Endpoint, size: int) -> None:
        """Stop counting one that is no longer a version, although it was not removed."""
        with self.lock:
            self._add(mount, -self._accounting.cost(size))

    def folder_made(self, mount: Endpoint, names: Names) -> None:
        """A folder was made for versions. It counts for a quota, whatever that leaves: nothing may be lost for it."""
        if len(names) > 1:  # the folder of a day is the server's own
            self._accounting.directory_made(_place(mount, names))

    def can_mark(self, handle: DirHandle, endpoint: Endpoint) -> bool:
        """Whether to mark that a version was put back in an open directory: no quota is exceeded, and nothing evicted.

        Within the limit for all versions the mark takes no more than the version leaves. Raises OSError.
        """
        return self.can_keep(handle, 0) and self._accounting.has_space_for_name(endpoint)

    def mark_made(self, mount: Endpoint, endpoint: Endpoint) -> None:
        """A mark says that a version was put back: it counts as a version of no bytes does."""
        with self.lock:
            self._add(mount, self._accounting.cost())
        self._accounting.directory_made(endpoint)

    def evict(
        self, actor: Actor, scope: EvictionScope, wanted: int, files: int = 0, *, with_folders: bool = False
    ) -> int:
        """Remove the oldest for an actor: `files` of them, and more until `wanted` bytes are freed; returns the bytes.

        With `with_folders` it also removes folders that are empty then; not to be used while a version is being added.
        Raises OSError.
        """
        freed = 0
        with self.lock:
            for victims in self._victims(scope):
                with self._folders.open_if_exists(victims.mount) as version_dir:
                    if version_dir is not None and (freed < wanted or files):
                        folders = self._folder_removed(victims.mount) if with_folders else None
                        freed += self._evict(
                            victims, version_dir, wanted - freed, files, for_actor=actor, folder_removed=folders
                        )
        return freed

    def remove(self, mount: Endpoint, version: VersionFile) -> None:
        """Remove a version for good, and the folders that are empty then.

        Raises `Busy` (51) for one that is protected at the moment, FileNotFoundError, OSError.
        """
        with self.lock, self._folders.open(mount) as version_dir:
            if self._pinned[version.found.st_ino] > 0:
                raise Busy("a version is being put back at the moment: try again later")
            marks = self._accounting.mark()
            alone = version_dir.remove(version)
            if alone is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            cost = self._accounting.cost(version.size) if alone else 0
            self._removed(mount, marks, None)(version, cost)
            version_dir.remove_emptied(version.folder, (), self._folder_removed(mount))

    def removable(self, scope: EvictionScope) -> int:
        """The bytes of the versions and folders that `evict` may remove. Raises OSError."""
        total = 0
        for victims in self._victims(scope):
            key = victims.mount, victims.home
            until, known = self._removable.get(key, (0.0, 0))
            if scope.any_age or time.monotonic() >= until:
                with self._folders.open_if_exists(victims.mount) as version_dir:
                    part = victims.before_us, victims.home or ()
                    known = 0 if version_dir is None else version_dir.total(*part) + version_dir.folders_total(*part)
                if not scope.any_age:
                    until = time.monotonic() + self._retention.protected_seconds * _ESTIMATE
                    self._removable[key] = until, known
            total += known
        return total

    def expire(self) -> None:
        """Remove versions that are older than the retention time, and empty folders. Raises OSError.

        Some of them only, and never all versions of a file at once: a clock may be wrong, and the disk may not need it.
        All are counted anew before, because an owner may have removed some. Everybody who adds a version needs the
        lock, so it is held for one removal at a time, and for no look at all versions.
        """
        before_us = self._clock.now_us() - int(self._retention.seconds * SECOND_US)
        left = self._clock.allowed(lambda: self._count(before_us))
        for mount in self._folders.mounts():
            with self._folders.open_if_exists(mount) as version_dir:
                if version_dir is None:
                    with self.lock:
                        self._totals.pop(mount, None)
                    continue
                self._count_anew(mount, version_dir)
                count = version_dir.expire(before_us, left, partial(self._expire, mount, version_dir))
                self._clock.removed(count)
                left -= count
                for folder in version_dir.folders():
                    with self.lock:
                        version_dir.remove_folder(folder, self._folder_removed(mount))

    def _expire(self, mount: Endpoint, version_dir: VersionDir, version: VersionFile) -> bool:
        """Remove one that is old enough; whether it was removed."""
        with self.lock:
            if self._pinned[version.found.st_ino] > 0:
                return False
            removed = self._removed(mount, self._accounting.mark(), None)
            alone = version_dir.remove(version)
            if alone is not None:
                removed(version, self._accounting.cost(version.size) if alone else 0)
            return alone is not None

    def _count_anew(self, mount: Endpoint, version_dir: VersionDir) -> None:
        """Count all versions while others add and remove some. Until it is known how many there are, none are too many.

        What is removed meanwhile may be counted or not; that is corrected the next time.
        """
        began_us = self.next_time_us()
        with self.lock:
            self._changes[mount] = 0
        total: int | None = None
        try:
            found = (each for each in version_dir.all() if not began_us <= each.at_us <= self._last_us)
            total = sum(self._accounting.cost(each.size) for each in found)
        finally:
            with self.lock:
                changes = self._changes.pop(mount)
                if total is not None:
                    self._totals[mount] = total + changes

    def _count(self, before_us: int) -> int:
        """How many versions are from before that time."""
        total = 0
        for mount in self._folders.mounts():
            with self._folders.open_if_exists(mount) as version_dir:
                total += 0 if version_dir is None else version_dir.count(before_us)
        return total

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

    def is_pinned(self, inode: int) -> bool:
        """Whether the version with that inode is protected at the moment."""
        with self.lock:
            return self._pinned[inode] > 0

    def _victims(self, scope: EvictionScope) -> list[_Victims]:
        if scope.handle is None:
            mounts = self._folders.mounts()
        else:
            mounts = [self._folders.mount_of(scope.handle, scope.directory)]
        before_us, home = _FOREVER if scope.any_age else self._protected_since_us(), scope.home
        if home is None:
            return [_Victims(mount, before_us) for mount in mounts]
        found = []
        for mount in mounts:
            depth = len(mount.parts)
            if mount.parts == home.parts[:depth]:
                found.append(_Victims(mount, before_us, tuple(map(raw, home.parts[depth:]))))
            elif home.parts == mount.parts[: len(home.parts)]:
                found.append(_Victims(mount, before_us, ()))
        return found

    def _victims_of(self, actor: Actor, mount: Endpoint) -> list[_Victims]:
        """The versions that a new version of an actor's may cost, in this order."""
        old = _Victims(mount, self._protected_since_us())
        allotment = actor.allotment
        if allotment is None:
            return [old, _Victims(mount, _FOREVER)]
        if not allotment.may_discard:
            return [old]
        depth = len(mount.parts)
        if mount.parts == allotment.home.parts[:depth]:
            return [old, _Victims(mount, _FOREVER, tuple(map(raw, allotment.home.parts[depth:])))]
        return [old, _Victims(mount, _FOREVER)]  # the whole disk is in its home

    def _protected_since_us(self) -> int:
        """The time, in microseconds since 1970, from which on versions are protected."""
        if not self._retention.protected_seconds:
            return _FOREVER
        return self._clock.now_us() - int(self._retention.protected_seconds * SECOND_US)

    def _removed(self, mount: Endpoint, marks: Marks, for_actor: Actor | None) -> Callable[[VersionFile, int], None]:
        """The function that counts a removed version; for an actor that is recorded too."""

        def removed(version: VersionFile, freed: int) -> None:
            endpoint = Endpoint((*mount.parts, *(part.decode("utf-8", "replace") for part in version.names)))
            cost = self._accounting.cost(version.size)
            self._add(mount, -cost)
            self._accounting.removed(endpoint, freed, marks)
            if for_actor is not None and version.is_version:
                self._changelog.evicted(Change("evict", "version", endpoint, for_actor, old_size=version.size))
            self._subtract_removable(mount, freed)

        return removed

    def _folder_removed(self, mount: Endpoint) -> Callable[[Names], None]:
        """The function that counts a removed folder."""
        marks = self._accounting.mark()

        def removed(names: Names) -> None:
            if len(names) > 1:
                self._accounting.directory_removed(_place(mount, names), marks)
                self._subtract_removable(mount, self._accounting.cost())

        return removed

    def _subtract_removable(self, mount: Endpoint, freed: int) -> None:
        for key, (until, known) in list(self._removable.items()):
            if key[0] == mount:
                self._removable[key] = until, max(0, known - freed)

    def _evict(
        self,
        victims: _Victims,
        version_dir: VersionDir,
        wanted: int,
        files: int = 0,
        *,
        for_actor: Actor,
        folder_removed: Callable[[Names], None] | None = None,
    ) -> int:
        """Remove the oldest for an actor."""
        removed = self._removed(victims.mount, self._accounting.mark(), for_actor)
        oldest = self._oldest.setdefault((victims.mount, victims.home), deque())
        return version_dir.evict(
            oldest,
            victims.before_us,
            wanted,
            files,
            pinned=+self._pinned,
            below=victims.home or (),
            removed=removed,
            folder_removed=folder_removed,
        )

    def _total(self, mount: Endpoint, version_dir: VersionDir) -> int:
        """The bytes of all versions; 0 while they are counted for the first time."""
        if mount not in self._totals and mount not in self._changes:
            self._totals[mount] = version_dir.total(_FOREVER)
        return self._totals.get(mount, 0)

    def _add(self, mount: Endpoint, cost: int) -> None:
        for totals in (self._totals, self._changes):
            if mount in totals:
                totals[mount] += cost


def _place(mount: Endpoint, names: Names) -> Endpoint:
    """Where a folder of versions counts: in the homes that hold the directory above the one that it is for."""
    return Endpoint((*mount.parts, *(part.decode("utf-8", "replace") for part in names[1:-1])))
