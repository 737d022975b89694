"""What was replaced or removed: kept for a while, and given up for what is new when the disk is full.

The versions of a file system lie on it, because they are kept by a second
name for the old file: a disk that is mounted inside the share has a
`.homeftp/versions` of its own, at its top. `.homeftp/mounts` in the root says
which those are. How one becomes a version is keeping.py's.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter, deque
from threading import RLock
from typing import Callable, Iterator

import attrs

from homeftp.config import Retention
from homeftp.endpoint import ROOT, Endpoint, parse
from homeftp.errors import BadEndpoint, NotFound, Refusal, WrongKind
from homeftp.hashing.hashcache import HashCache
from homeftp.store.local.disk.errnos import close_quietly, display_path, refusal
from homeftp.store.local.disk.metadir import FOLDER, MetadataDir
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.disk.saferoot import DirHandle, SafeRoot, raw
from homeftp.store.local.versions.layout import Names, VersionDir, VersionFile

_MOUNTS = b"mounts"
_FOLDER = b"versions"
_EVER = 2**62
"""Microseconds after any version's time; and more bytes than any disk has."""


@attrs.frozen(eq=False)
class StoredVersion:
    """A version, and where it is."""

    at_us: int
    """When it was replaced or removed: microseconds since 1970 UTC."""
    endpoint: Endpoint
    found: os.stat_result
    hash: str | None
    """None where the index does not know it."""
    mount: Endpoint
    """The top of its file system."""
    file: bytes
    """What it is called."""
    folder: int = -1
    """The descriptor of the folder that it lies in, where that is open."""


class VersionArchive:
    """The versions of one share, and for how long which are kept. Safe in several threads.

    `lock` is held by whoever keeps or throws away, so that neither meets the
    other half done; `unsynced` is changed under it too.
    """

    def __init__(
        self, jail: SafeRoot, own: MetadataDir, index: HashCache, retention: Retention, usage: QuotaUsage
    ) -> None:
        self._jail = jail
        self._own = own
        self._index = index
        self._retention = retention
        self._usage = usage
        self._last_us = 0
        self._totals: dict[Endpoint, int] = {}
        self._oldest: dict[Endpoint, deque[VersionFile]] = {}
        self._mounts = self._read_mounts()
        self._spared: Counter[int] = Counter()
        self.lock = RLock()
        self.unsynced: set[tuple[Endpoint, Names]] = set()
        """Folders, by file system and names, in which one was made that may not survive a loss of power yet."""

    # -- where they are ------------------------------------------------------------

    def mount(self, place: DirHandle, directory: Endpoint) -> Endpoint:
        """The top of the file system of a directory that is open: the root, or where another disk is mounted."""
        return ROOT if place.local else directory.first(self._jail.top_of_mount(directory))

    @contextlib.contextmanager
    def shelf(self, mount: Endpoint, *, make: Callable[[int], None] | None = None) -> Iterator[VersionDir]:
        """The versions of one file system. Raises OSError where there are none, unless with `make`.

        That makes the names in an open directory durable.
        """
        if not mount.parts:
            with self.lock:
                folder = self._own.versions_there()
            yield VersionDir(self._jail, folder, self._usage.cost)
            return
        with contextlib.ExitStack() as opened:
            place = self._jail.place(mount)
            opened.callback(close_quietly, place.fd)
            if make is None:
                folder = opened.enter_context(self._jail.opened(place.fd, (FOLDER, _FOLDER)))
            else:
                folder = self._make(mount, place.fd, make, opened)
            yield VersionDir(self._jail, folder, self._usage.cost)

    def _make(self, mount: Endpoint, folder: int, durable: Callable[[int], None], opened: contextlib.ExitStack) -> int:
        """The folder of versions of a file system whose top is open, and that it is one for the next start to know."""
        known = mount in self._mounts
        for name in (FOLDER, _FOLDER):
            above = folder
            folder = self._jail.own_folder(above, name)
            opened.callback(close_quietly, folder)
            if not known:
                durable(above)
        self._remember(mount)
        return folder

    def spelled(self, mount: Endpoint, folder: Names) -> str:
        """A folder of versions as the index has it."""
        names = (FOLDER, _FOLDER, *folder)
        return "/".join((self._jail.spelled(mount), *map(os.fsdecode, names)))

    def _read_mounts(self) -> set[Endpoint]:
        """A line for each; one that is no endpoint was cut off by a loss of power, and is made again when needed."""
        mounts = set()
        with contextlib.suppress(FileNotFoundError):
            fd = self._jail.own_file(self._own.folder, _MOUNTS, make=False)
            try:
                lines = os.read(fd, 2**20).decode("utf-8", "replace").splitlines()
            finally:
                close_quietly(fd)
            for line in lines:
                with contextlib.suppress(BadEndpoint):
                    mounts.add(parse(line))
        return mounts - {ROOT}

    def _remember(self, mount: Endpoint) -> None:
        with self.lock:
            if mount in self._mounts:
                return
            fd = self._jail.own_file(self._own.folder, _MOUNTS, writable=True)
            try:
                os.lseek(fd, 0, os.SEEK_END)
                os.write(fd, f"\n{mount}\n".encode())
                os.fsync(fd)
            finally:
                close_quietly(fd)
            self._mounts.add(mount)

    # -- how many there may be -----------------------------------------------------

    def moment(self) -> int:
        """A time for the next one, in microseconds since 1970: never the same twice, though the clock be set back."""
        with self.lock:
            self._last_us = max(time.time_ns() // 1000, self._last_us + 1)
            return self._last_us

    def admit(self, mount: Endpoint, shelf: VersionDir, size: int) -> bool:
        """Make room for a version of that size; False where none is kept, or where it is larger than all may be."""
        cost = self._usage.cost(size)
        disk = os.fstatvfs(shelf.fd)
        most = self._retention.most(disk.f_blocks * disk.f_frsize)
        if not self._retention.seconds or cost > most:
            return False
        with self.lock:
            excess = self._total(mount, shelf) + cost - most
            if excess > 0:
                self._evict(mount, shelf, _EVER, excess)
            self._totals[mount] += cost
        return True

    def dropped(self, mount: Endpoint, size: int) -> None:
        """One of that size is none any more, but has not been thrown away."""
        with self.lock:
            if mount in self._totals:
                self._totals[mount] -= self._usage.cost(size)

    def _evict(self, mount: Endpoint, shelf: VersionDir, before_us: int, wanted: int, files: int = 0) -> int:
        mark = self._usage.mark()
        oldest = self._oldest.setdefault(mount, deque())
        evicted = shelf.evict(oldest, before_us, wanted, files, spared=+self._spared)
        if mount in self._totals:
            self._totals[mount] -= evicted.size
        self._usage.removed(evicted.freed, mark)
        return evicted.freed

    def _there(self, place: DirHandle | None, directory: Endpoint) -> list[Endpoint]:
        """The file system of an open directory, or all of the share's."""
        return [ROOT, *sorted(self._mounts)] if place is None else [self.mount(place, directory)]

    def evict(self, place: DirHandle | None, directory: Endpoint, wanted: int, files: int = 0) -> int:
        """Throw away the oldest, `files` of them and more until `wanted` bytes: where `place` is, open at `directory`.

        Without a place, anywhere in the share. Gives the bytes that were freed; raises OSError.
        """
        total = 0
        with self.lock:
            for mount in self._there(place, directory):
                with self._if_there(mount) as shelf:
                    if shelf is not None and (total < wanted or files):
                        total += self._evict(mount, shelf, _EVER, wanted - total, files)
        return total

    def total(self, place: DirHandle | None, directory: Endpoint) -> int:
        """The bytes that versions take up there. Raises OSError."""
        total = 0
        with self.lock:
            for mount in self._there(place, directory):
                with self._if_there(mount) as shelf:
                    if shelf is not None:
                        total += self._total(mount, shelf)
        return total

    def _total(self, mount: Endpoint, shelf: VersionDir) -> int:
        if mount not in self._totals:
            self._totals[mount] = shelf.total()
        return self._totals[mount]

    def expire(self) -> None:
        """Throw away those that have been kept for long enough, and folders without any. Raises OSError."""
        before_us = time.time_ns() // 1000 - int(self._retention.seconds * 1_000_000)
        for mount in (ROOT, *sorted(self._mounts)):
            with self.lock, self._if_there(mount) as shelf:
                self._totals.pop(mount, None)  # an owner may have removed some
                if shelf is not None:
                    self._evict(mount, shelf, before_us, _EVER)
                    shelf.clear()

    @contextlib.contextmanager
    def _if_there(self, mount: Endpoint) -> Iterator[VersionDir | None]:
        """The versions of one file system; None where it is not mounted, or has none."""
        with contextlib.ExitStack() as opened:
            try:
                shelf = opened.enter_context(self.shelf(mount))
            except (FileNotFoundError, Refusal):
                shelf = None
            yield shelf

    # -- finding them ----------------------------------------------------------------

    def of(self, endpoint: Endpoint, *, below: bool) -> Iterator[StoredVersion]:
        """The versions of what stood there, the newest first; `below` then those of all beneath it, day by day."""
        here = self._mount_of(endpoint)
        others = [mount for mount in sorted(self._mounts) if below and _is_below(mount, endpoint) and mount != here]
        for mount in (here, *others):
            with self._if_there(mount) as shelf:
                if shelf is not None:
                    for version in shelf.of(_names(endpoint, mount), below=below):
                        yield self._shelved(mount, version)

    @contextlib.contextmanager
    def one(self, endpoint: Endpoint, at_us: int | None) -> Iterator[StoredVersion]:
        """A version by its time, or the newest; meanwhile it is not thrown away. Raises `NotFound` (40), OSError."""
        mount = self._mount_of(endpoint)
        with self._if_there(mount) as shelf:
            versions = shelf.of(_names(endpoint, mount), below=False) if shelf is not None else iter(())
            version = next((each for each in versions if at_us in (None, each.at_us)), None)
            if shelf is None or version is None:
                which = "" if at_us is None else " from that time"
                raise NotFound(f"there is no version of {display_path(endpoint)}{which}")
            with self._jail.opened(shelf.fd, version.folder) as folder, self._spare(version):
                yield attrs.evolve(self._shelved(mount, version), folder=folder)

    @contextlib.contextmanager
    def _spare(self, version: VersionFile) -> Iterator[None]:
        with self.lock:
            self._spared[version.found.st_ino] += 1
        try:
            yield
        finally:
            with self.lock:
                self._spared[version.found.st_ino] -= 1

    def _mount_of(self, endpoint: Endpoint) -> Endpoint:
        """Where it stood; what is no directory any more does not count."""
        above = endpoint.parent
        while True:
            try:
                place, depth = self._jail.nearest(above)
                break
            except WrongKind:
                above = above.parent
        try:
            return self.mount(place, above.first(depth))
        except OSError as error:
            raise refusal(error, endpoint) from error
        finally:
            close_quietly(place.fd)

    def _shelved(self, mount: Endpoint, version: VersionFile) -> StoredVersion:
        name = os.fsdecode(version.file)
        known = self._index.lookup(self.spelled(mount, version.folder), {name: version.found})
        endpoint = Endpoint((*mount.parts, *(part.decode("utf-8", "replace") for part in version.names)))
        return StoredVersion(version.at_us, endpoint, version.found, known.get(name), mount, version.file)


def _names(endpoint: Endpoint, mount: Endpoint) -> Names:
    """An endpoint's parts, from the top of its file system."""
    return tuple(map(raw, endpoint.parts[len(mount.parts) :]))


def _is_below(endpoint: Endpoint, above: Endpoint) -> bool:
    return endpoint.parts[: len(above.parts)] == above.parts
