"""How what is replaced or removed becomes a version: by a second name, before the first one goes.

A link is all it takes. Where there can be none (a file that is somebody
else's, a file system without them) the old file is moved to where it is kept,
at the same moment as the new one takes its place, or right after.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import Iterator

import attrs

from homeftp.config import KIB
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed
from homeftp.hashing.filehash import same_content
from homeftp.hashing.hashcache import CachedHash
from homeftp.store.local.disk.errnos import FULL, close_quietly, display_path
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.saferoot import DirHandle, SafeRoot, raw
from homeftp.store.local.versions.layout import Names, VersionDir, placed
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.syscalls import System

_NO_LINK = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""Why a file cannot have a second name: the file system's limits, or that it is not ours (fs.protected_hardlinks)."""

_ONE_FOLDER = 64 * KIB
"""Bytes that are freed where there is no room for a version's name: plenty for a folder's block."""

_MOMENTS = 100
"""Times that are tried, where the folder has another version from the same microsecond: of before a clock was set."""


@attrs.frozen(eq=False)
class ArchivedFile:
    """Where a version is, or is to be moved to."""

    place: DirHandle
    """Its folder."""
    file: bytes
    """Its name there."""
    spelled: str
    """The folder, as the index has it."""
    mount: Endpoint
    found: os.stat_result
    linked: bool
    """Whether it is there already."""

    def row(self, content_hash: str) -> CachedHash:
        """What the index is to know of it, once it has no other name. Raises OSError."""
        found = os.stat(self.file, dir_fd=self.place.fd, follow_symlinks=False)
        return CachedHash(self.spelled, os.fsdecode(self.file), found, content_hash, time.time_ns())


class Archiver:
    """The versions that one job makes. A context manager; while it is open nothing is thrown away."""

    def __init__(self, jail: SafeRoot, system: System, versions: VersionArchive) -> None:
        self._jail = jail
        self._system = system
        self._versions = versions
        self._opened = contextlib.ExitStack()
        self._shelves: dict[Endpoint, VersionDir] = {}
        self._folders: dict[tuple[Endpoint, Names], DirHandle] = {}
        self._touched: dict[int, DirHandle] = {}

    def __enter__(self) -> Archiver:
        self._opened.enter_context(self._versions.lock)
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def make_durable(self, syncing: Fsync) -> OSError | None:
        """Make the new names durable: before the old ones go. What went wrong, if something did."""
        made = self._versions.unsynced
        for mount, names in list(made):
            try:
                folder = self._folder(mount, names, not mount.parts)
            except FileNotFoundError:
                continue
            except OSError as error:
                return error
            self._touched[folder.fd] = folder
        failures = filter(None, syncing.directories(list(self._touched.values())))
        failure = next(failures, None)
        if failure is None:
            made.clear()
        return failure

    def keep(self, place: DirHandle, endpoint: Endpoint, found: os.stat_result) -> ArchivedFile | None:
        """Keep what stands at `endpoint`, in its open directory; None where no version is kept of it.

        Raises `Changed` (44) when it is no longer what was `found`, and OSError.
        """
        mount = self._versions.mount(place, endpoint.parent)
        shelf = self._shelf(mount)
        if not self._versions.admit(mount, shelf, found.st_size):
            return None
        try:
            try:
                return self._link(place, endpoint, found, mount)
            except OSError as error:
                if error.errno not in FULL or not self._versions.evict(place, endpoint.parent, _ONE_FOLDER):
                    raise
            return self._link(place, endpoint, found, mount)
        except BaseException:
            self._versions.dropped(mount, found.st_size)
            raise

    def _link(self, place: DirHandle, endpoint: Endpoint, found: os.stat_result, mount: Endpoint) -> ArchivedFile:
        name = raw(endpoint.name)
        for folder, file, spelled in self._slots(place, endpoint, mount):
            try:
                self._system.link(name, file, source_dir=place.fd, target_dir=folder.fd)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
                return ArchivedFile(folder, file, spelled, mount, found, linked=False)
            kept = os.stat(file, dir_fd=folder.fd, follow_symlinks=False)
            if kept.st_ino != found.st_ino or not same_content(found, kept):
                os.unlink(file, dir_fd=folder.fd)
                raise Changed(f"{display_path(endpoint)} has changed on the server: compare again")
            return ArchivedFile(folder, file, spelled, mount, kept, linked=True)
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))

    def _slots(self, place: DirHandle, endpoint: Endpoint, mount: Endpoint) -> Iterator[tuple[DirHandle, bytes, str]]:
        """Where a version of it may lie: the folder, the name in it, and the folder as the index has it."""
        names = tuple(map(raw, endpoint.parts[len(mount.parts) :]))
        for _ in range(_MOMENTS):
            folders, file = placed(names, self._versions.moment())
            folder = self._folder(mount, folders, place.local)
            self._touched[folder.fd] = folder
            yield folder, file, self._versions.spelled(mount, folders)

    def take(self, place: DirHandle, endpoint: Endpoint, found: os.stat_result) -> bool:
        """Let what stands at `endpoint` be a version and nothing else; False where none is kept, and it is gone."""
        mount = self._versions.mount(place, endpoint.parent)
        if not self._versions.admit(mount, self._shelf(mount), found.st_size):
            os.unlink(raw(endpoint.name), dir_fd=place.fd)
            return False
        try:
            self._move(place, endpoint, mount)
        except BaseException:
            self._versions.dropped(mount, found.st_size)
            raise
        return True

    def _move(self, place: DirHandle, endpoint: Endpoint, mount: Endpoint) -> None:
        for folder, file, _ in self._slots(place, endpoint, mount):
            with contextlib.suppress(FileExistsError):
                self._system.rename_new(raw(endpoint.name), file, source_dir=place.fd, target_dir=folder.fd)
                return
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))

    def undo(self, kept: ArchivedFile) -> None:
        """Its first name stays: it is no version after all."""
        self._versions.dropped(kept.mount, kept.found.st_size)
        if kept.linked:
            with contextlib.suppress(OSError):
                os.unlink(kept.file, dir_fd=kept.place.fd)

    def _shelf(self, mount: Endpoint) -> VersionDir:
        if mount not in self._shelves:
            self._shelves[mount] = self._opened.enter_context(
                self._versions.shelf(mount, make=self._system.fsync_directory)
            )
        return self._shelves[mount]

    def _folder(self, mount: Endpoint, names: Names, local: bool) -> DirHandle:
        """A folder of versions, made where it is missing; that its name lasts is still to be seen to."""
        if (mount, names) not in self._folders:
            shelf = self._shelf(mount).fd
            try:
                fd = self._opened.enter_context(self._jail.opened(shelf, names))
            except FileNotFoundError:
                fd = self._make(mount, shelf, names, local)
                self._opened.callback(close_quietly, fd)
            self._folders[mount, names] = DirHandle(fd, local)
        return self._folders[mount, names]

    def _make(self, mount: Endpoint, shelf: int, names: Names, local: bool) -> int:
        """A folder, open, and those above it. In which one was made stays open, to be made durable."""
        fd = os.dup(shelf)
        for depth in range(len(names)):
            above = fd
            made = len(self._versions.unsynced)
            try:
                fd = self._make_in(above, mount, names[: depth + 1])
            except BaseException:
                close_quietly(above)
                raise
            if len(self._versions.unsynced) == made or (mount, names[:depth]) in self._folders:
                close_quietly(above)
            else:
                self._opened.callback(close_quietly, above)
                self._folders[mount, names[:depth]] = DirHandle(above, local)
        return fd

    def _make_in(self, above: int, mount: Endpoint, names: Names) -> int:
        """One folder, in another that is open."""
        try:
            os.stat(names[-1], dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            self._versions.unsynced.add((mount, names[:-1]))
        return self._jail.own_folder(above, names[-1])
