"""Turns a file that is replaced or removed into a version, by a second name before it loses the first.

Usually a hard link does that. If the file cannot be linked (it belongs to
another user, or the file system has no links), it is moved into the version
folder at the moment it is replaced, or right after.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from typing import Callable, Iterator, Sequence

import attrs
import msgspec

from homeftp.config import KIB
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, Refusal
from homeftp.hashing.filehash import same_content
from homeftp.hashing.hashcache import CONTENT, CachedHash, HashCache
from homeftp.model import Actor
from homeftp.store.local.disk.errnos import FULL, close_quietly
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, raw
from homeftp.store.local.disk.privatefiles import make_private_link, open_private_directory
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.folders import VersionFolders
from homeftp.store.local.versions.layout import VersionDir
from homeftp.store.local.versions.naming import Names, restored_mark, version_path
from homeftp.store.local.versions.retention import EvictionScope, VersionArchive
from homeftp.store.policy.wording import display_path
from homeftp.syscalls import System

NO_LINK = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""Errors for a file that cannot be linked: file system limits, or another owner (fs.protected_hardlinks)."""

_FOLDER_BYTES = 64 * KIB
"""Bytes to free if there is no space for a version's name: plenty for a directory block."""

_ATTEMPTS = 100
"""Times to try if a version from the same microsecond exists, from before the clock was set back."""


class ArchivedFile(msgspec.Struct, frozen=True, eq=False):
    """The location of a version, or the one that a file will be moved to."""

    handle: DirHandle
    """Its folder."""
    file: bytes
    """Its name there."""
    cache_path: str
    """The folder as the key of the hash cache."""
    mount: Endpoint
    found: os.stat_result
    linked: bool
    """Whether its link exists already."""
    at_us: int
    """The time of the version: microseconds since 1970 UTC."""


class _Archived(msgspec.Struct, frozen=True):
    """A file that became a version."""

    endpoint: Endpoint
    found: os.stat_result
    """Its stat at the endpoint."""
    archived: ArchivedFile
    replaced_by: str | None = None


Remember = Callable[[Sequence[CachedHash]], None]
"""Gets rows that the hash cache is to have: soon, or with others in one transaction."""


@attrs.frozen
class ArchiverFactory:
    """Makes an `Archiver` for each job that replaces or removes files."""

    root: SafeRoot
    system: System
    folders: VersionFolders
    archive: VersionArchive
    cache: HashCache

    def __call__(self, remember: Remember | None = None) -> Archiver:
        """A new archiver, to be used as a context manager. At its end `remember` gets what is known of the versions.

        Without that the hash cache gets it at once.
        """
        return Archiver(self, self.cache.record if remember is None else remember)


class Archiver:
    """Archives the files of one job. A context manager; while it is open no version is evicted by others."""

    def __init__(self, factory: ArchiverFactory, remember: Remember) -> None:
        self._remember = remember
        self._root = factory.root
        self._system = factory.system
        self._folders = factory.folders
        self._archive = factory.archive
        self._cache = factory.cache
        self._archived: list[_Archived] = []
        self._opened = contextlib.ExitStack()
        self._version_dirs: dict[Endpoint, VersionDir] = {}
        self._handles: dict[tuple[Endpoint, Names], DirHandle] = {}
        self._changed: dict[int, DirHandle] = {}

    def __enter__(self) -> Archiver:
        self._opened.enter_context(self._archive.lock)
        return self

    def __exit__(self, *_: object) -> None:
        rows = self._cache_rows()
        self._opened.close()
        self._remember(rows)

    def _cache_rows(self) -> list[CachedHash]:
        """The cached hashes of the files, and their marks of damage, under their names as versions."""
        directories: dict[str, dict[str, os.stat_result]] = {}
        for each in self._archived:
            directories.setdefault(self._root.cache_path(each.endpoint.parent), {})[each.endpoint.name] = each.found
        known = {path: self._cache.known(path, files) for path, files in directories.items()}
        rows = []
        for each in self._archived:
            cached = known[self._root.cache_path(each.endpoint.parent)].get(each.endpoint.name)
            if cached is None or (cached.damage and cached.hash == each.replaced_by):
                continue  # its content is there again, and what it has itself is no content that was stored
            archived = each.archived
            with contextlib.suppress(OSError):  # then its hash is merely unknown
                found = os.stat(archived.file, dir_fd=archived.handle.fd, follow_symlinks=False)
                if same_content(each.found, found):
                    key = archived.cache_path, os.fsdecode(archived.file)
                    row = CachedHash(*key, found, cached.hash, time.time_ns(), cached.damage, cached.content)
                    rows.append(row._replace(read_us=cached.read_us))
        return rows

    def make_durable(self, fsync: Fsync) -> OSError | None:
        """Make the new names durable, before the old names disappear. Returns the error, if any."""
        unsynced = self._archive.unsynced
        for mount, names in list(unsynced):
            try:
                folder = self._folder(mount, names, not mount.parts)
            except FileNotFoundError:
                continue
            except OSError as error:
                return error
            self._changed[folder.fd] = folder
        failures = filter(None, fsync.directories(list(self._changed.values())))
        failure = next(failures, None)
        if failure is None:
            unsynced.clear()
        return failure

    def link(
        self,
        handle: DirHandle,
        endpoint: Endpoint,
        name: bytes,
        found: os.stat_result,
        actor: Actor,
        replaced_by: str | None,
    ) -> ArchivedFile | None:
        """Give a file that an actor replaces a second name as a version; None if no version of it is kept.

        `handle` is the directory of the file, `name` its name there, `replaced_by` the hash of the new content, where
        it is known. Raises `Changed` (44) if it is no longer
        the one with the stat `found`, and OSError.
        """
        mount = self._folders.mount_of(handle, endpoint.parent)
        version_dir = self._version_dir(mount)
        if not self._archive.free_space_for(actor, mount, version_dir, found.st_size):
            return None
        try:
            try:
                archived = self._link(handle, endpoint, name, found, mount)
            except OSError as error:
                scope = EvictionScope(handle, endpoint.parent)
                if error.errno not in FULL or not self._archive.evict(actor, scope, _FOLDER_BYTES):
                    raise
                archived = self._link(handle, endpoint, name, found, mount)
        except BaseException:
            self._archive.subtract(mount, found.st_size)
            raise
        self._archived.append(_Archived(endpoint, found, archived, replaced_by))
        return archived

    def _link(
        self, handle: DirHandle, endpoint: Endpoint, name: bytes, found: os.stat_result, mount: Endpoint
    ) -> ArchivedFile:
        for folder, file, cache_path, at_us in self._locations(handle, endpoint, mount):
            try:
                self._system.link(name, file, source_dir=handle.fd, target_dir=folder.fd)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno not in NO_LINK:
                    raise
                return ArchivedFile(folder, file, cache_path, mount, found, linked=False, at_us=at_us)
            linked = os.stat(file, dir_fd=folder.fd, follow_symlinks=False)
            if linked.st_ino != found.st_ino or not same_content(found, linked):
                os.unlink(file, dir_fd=folder.fd)
                raise Changed(f"{display_path(endpoint)} has changed on the server: compare again")
            return ArchivedFile(folder, file, cache_path, mount, linked, linked=True, at_us=at_us)
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))

    def _locations(
        self, handle: DirHandle, endpoint: Endpoint, mount: Endpoint, at_us: int | None = None
    ) -> Iterator[tuple[DirHandle, bytes, str, int]]:
        """Possible locations for a version: the folder, the name in it, the folder as a cache key, and the time.

        The first one has the time `at_us`, if that is given.
        """
        names = tuple(map(raw, endpoint.parts[len(mount.parts) :]))
        for _ in range(_ATTEMPTS):
            time_us, at_us = at_us or self._archive.next_time_us(), None
            folders, file = version_path(names, time_us)
            folder = self._folder(mount, folders, handle.same_mount)
            self._changed[folder.fd] = folder
            yield folder, file, self._folders.cache_path(mount, folders), time_us

    def move(
        self,
        handle: DirHandle,
        endpoint: Endpoint,
        name: bytes,
        found: os.stat_result,
        actor: Actor,
        at_us: int | None = None,
    ) -> bool:
        """Move a file that an actor removes into the version folder; False if no version is kept: it was removed.

        `name` is the one that the directory has for it. `at_us` is the time of the version, unless the file was written
        or named since then: of two versions of a file the newer content has the later time. None: now.
        """
        mount = self._folders.mount_of(handle, endpoint.parent)
        if not self._archive.free_space_for(actor, mount, self._version_dir(mount), found.st_size):
            os.unlink(name, dir_fd=handle.fd)
            return False
        try:
            is_older = at_us is not None and found.st_ctime_ns // 1000 < at_us
            self._move(handle, endpoint, name, found, mount, at_us if is_older else None)
        except BaseException:
            self._archive.subtract(mount, found.st_size)
            raise
        return True

    def _move(
        self,
        handle: DirHandle,
        endpoint: Endpoint,
        name: bytes,
        found: os.stat_result,
        mount: Endpoint,
        at_us: int | None,
    ) -> None:
        for folder, file, cache_path, time_us in self._locations(handle, endpoint, mount, at_us):
            with contextlib.suppress(FileExistsError):
                self._system.rename_new(name, file, source_dir=handle.fd, target_dir=folder.fd)
                archived = ArchivedFile(folder, file, cache_path, mount, found, linked=True, at_us=time_us)
                self._archived.append(_Archived(endpoint, found, archived))
                return
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))

    def add(
        self,
        handle: DirHandle,
        endpoint: Endpoint,
        name: bytes,
        found: os.stat_result,
        actor: Actor,
        mount: Endpoint,
        at_us: int,
    ) -> tuple[str, bytes] | None:
        """Move a file that has no other name into the version folder, as the version of an endpoint of that time.

        Gives its folder, as a cache key, and its name there; None where such a version is not kept. `mount` is the top
        of the endpoint's file system. Raises FileExistsError where there is a version of that time, and OSError.
        """
        if not self._archive.free_space_for(actor, mount, self._version_dir(mount), found.st_size):
            return None
        names = tuple(map(raw, endpoint.parts[len(mount.parts) :]))
        folders, file = version_path(names, at_us)
        try:
            folder = self._folder(mount, folders, handle.same_mount)
            self._changed[folder.fd] = folder
            self._system.rename_new(name, file, source_dir=handle.fd, target_dir=folder.fd)
        except BaseException:
            self._archive.subtract(mount, found.st_size)
            raise
        return self._folders.cache_path(mount, folders), file

    def mark_restored(
        self, handle: DirHandle, endpoint: Endpoint, version_us: int, replaced: ArchivedFile | None
    ) -> None:
        """Mark that the version of that time was just put back in its open directory. Raises nothing.

        `replaced` is the version of the file that it replaced; None: no file was there. The mark has the microsecond
        after that version, so that no time is left between the two. If no mark can be made, the history knows less.
        Marks are not synced by themselves, since no file depends on them.
        """
        with contextlib.suppress(OSError, Refusal):
            if not self._archive.can_mark(handle, endpoint):
                return
            mount = self._folders.mount_of(handle, endpoint.parent)
            at_us = None if replaced is None else replaced.at_us + 1
            for folder, file, _, time_us in self._locations(handle, endpoint, mount, at_us):
                if at_us not in (None, time_us):
                    return  # that microsecond has something, from before the clock was set back
                with contextlib.suppress(FileExistsError):
                    make_private_link(folder.fd, file, restored_mark(version_us))
                    self._archive.mark_made(mount, endpoint)
                    return

    def undo(self, archived: ArchivedFile) -> None:
        """Remove the second name again: the file keeps its first one."""
        self._archived = [each for each in self._archived if each.archived is not archived]
        self._archive.subtract(archived.mount, archived.found.st_size)
        if archived.linked:
            with contextlib.suppress(OSError):
                os.unlink(archived.file, dir_fd=archived.handle.fd)

    def has_other_content(self, endpoint: Endpoint, found: os.stat_result) -> bool:
        """Whether the file with that stat is known to have another content than its hash says."""
        known = self._cache.known_file(self._root.cache_path(endpoint.parent), endpoint.name, found)
        return known is not None and known.damage == CONTENT

    def _version_dir(self, mount: Endpoint) -> VersionDir:
        if mount not in self._version_dirs:
            self._version_dirs[mount] = self._opened.enter_context(
                self._folders.open(mount, make=self._system.fsync_directory)
            )
        return self._version_dirs[mount]

    def _folder(self, mount: Endpoint, names: Names, same_mount: bool) -> DirHandle:
        """Open a folder of versions, making it if it is missing; `make_durable` makes its name durable."""
        if (mount, names) not in self._handles:
            top = self._version_dir(mount).fd
            try:
                fd = self._opened.enter_context(self._root.open_below(top, names))
            except FileNotFoundError:
                fd = self._make(mount, top, names, same_mount)
                self._opened.callback(close_quietly, fd)
            self._handles[mount, names] = DirHandle(fd, same_mount)
        return self._handles[mount, names]

    def _make(self, mount: Endpoint, top: int, names: Names, same_mount: bool) -> int:
        """Make and open a folder and its parents. The parents of new folders stay open, to be made durable."""
        fd = os.dup(top)
        for depth in range(len(names)):
            above = fd
            unsynced = len(self._archive.unsynced)
            try:
                fd = self._make_in(above, mount, names[: depth + 1])
            except BaseException:
                close_quietly(above)
                raise
            if len(self._archive.unsynced) == unsynced or (mount, names[:depth]) in self._handles:
                close_quietly(above)
            else:
                self._opened.callback(close_quietly, above)
                self._handles[mount, names[:depth]] = DirHandle(above, same_mount)
        return fd

    def _make_in(self, above: int, mount: Endpoint, names: Names) -> int:
        """Make and open one folder in an open one."""
        try:
            os.stat(names[-1], dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            self._archive.unsynced.add((mount, names[:-1]))
            fd = open_private_directory(above, names[-1])
            self._archive.folder_made(mount, names)
            return fd
        return open_private_directory(above, names[-1])
