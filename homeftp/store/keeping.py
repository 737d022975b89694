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
from homeftp.errors import Changed
from homeftp.index import Row
from homeftp.store.faults import FULL, let_go, shown
from homeftp.store.jail import Jail, Place, raw
from homeftp.store.shelf import Names, Shelf, placed
from homeftp.store.syncing import Syncing
from homeftp.store.versions import Versions
from homeftp.syscalls import System
from homeftp.tree import same_content
from homeftp.wire.endpoint import Endpoint

_NO_LINK = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""Why a file cannot have a second name: the file system's limits, or that it is not ours (fs.protected_hardlinks)."""

_ONE_FOLDER = 64 * KIB
"""Bytes that are freed where there is no room for a version's name: plenty for a folder's block."""

_MOMENTS = 100
"""Times that are tried, where the folder has another version from the same microsecond: of before a clock was set."""


@attrs.frozen(eq=False)
class Kept:
    """Where a version is, or is to be moved to."""

    place: Place
    """Its folder."""
    file: bytes
    """Its name there."""
    spelled: str
    """The folder, as the index has it."""
    mount: Endpoint
    found: os.stat_result
    linked: bool
    """Whether it is there already."""

    def row(self, content_hash: str) -> Row:
        """What the index is to know of it, once it has no other name. Raises OSError."""
        found = os.stat(self.file, dir_fd=self.place.fd, follow_symlinks=False)
        return Row(self.spelled, os.fsdecode(self.file), found, content_hash, time.time_ns())


class Keeping:
    """The versions that one job makes. A context manager; while it is open nothing is thrown away."""

    def __init__(self, jail: Jail, system: System, versions: Versions) -> None:
        self._jail = jail
        self._system = system
        self._versions = versions
        self._opened = contextlib.ExitStack()
        self._shelves: dict[Endpoint, Shelf] = {}
        self._folders: dict[tuple[Endpoint, Names], Place] = {}
        self._touched: dict[int, Place] = {}

    def __enter__(self) -> Keeping:
        self._opened.enter_context(self._versions.lock)
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def make_durable(self, syncing: Syncing) -> OSError | None:
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

    def keep(self, place: Place, endpoint: Endpoint, found: os.stat_result) -> Kept | None:
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

    def _link(self, place: Place, endpoint: Endpoint, found: os.stat_result, mount: Endpoint) -> Kept:
        name = raw(endpoint.name)
        for folder, file, spelled in self._slots(place, endpoint, mount):
            try:
                self._system.link(name, file, source_dir=place.fd, target_dir=folder.fd)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
                return Kept(folder, file, spelled, mount, found, linked=False)
            kept = os.stat(file, dir_fd=folder.fd, follow_symlinks=False)
            if kept.st_ino != found.st_ino or not same_content(found, kept):
                os.unlink(file, dir_fd=folder.fd)
                raise Changed(f"{shown(endpoint)} has changed on the server: compare again")
            return Kept(folder, file, spelled, mount, kept, linked=True)
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))

    def _slots(self, place: Place, endpoint: Endpoint, mount: Endpoint) -> Iterator[tuple[Place, bytes, str]]:
        """Where a version of it may lie: the folder, the name in it, and the folder as the index has it."""
        names = tuple(map(raw, endpoint.parts[len(mount.parts) :]))
        for _ in range(_MOMENTS):
            folders, file = placed(names, self._versions.moment())
            folder = self._folder(mount, folders, place.local)
            self._touched[folder.fd] = folder
            yield folder, file, self._versions.spelled(mount, folders)

    def take(self, place: Place, endpoint: Endpoint, found: os.stat_result) -> bool:
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

    def _move(self, place: Place, endpoint: Endpoint, mount: Endpoint) -> None:
        for folder, file, _ in self._slots(place, endpoint, mount):
            with contextlib.suppress(FileExistsError):
                self._system.rename_new(raw(endpoint.name), file, source_dir=place.fd, target_dir=folder.fd)
                return
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))

    def undo(self, kept: Kept) -> None:
        """Its first name stays: it is no version after all."""
        self._versions.dropped(kept.mount, kept.found.st_size)
        if kept.linked:
            with contextlib.suppress(OSError):
                os.unlink(kept.file, dir_fd=kept.place.fd)

    def _shelf(self, mount: Endpoint) -> Shelf:
        if mount not in self._shelves:
            self._shelves[mount] = self._opened.enter_context(
                self._versions.shelf(mount, make=self._system.fsync_directory)
            )
        return self._shelves[mount]

    def _folder(self, mount: Endpoint, names: Names, local: bool) -> Place:
        """A folder of versions, made where it is missing; that its name lasts is still to be seen to."""
        if (mount, names) not in self._folders:
            shelf = self._shelf(mount).fd
            try:
                fd = self._opened.enter_context(self._jail.opened(shelf, names))
            except FileNotFoundError:
                fd = self._make(mount, shelf, names, local)
                self._opened.callback(let_go, fd)
            self._folders[mount, names] = Place(fd, local)
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
                let_go(above)
                raise
            if len(self._versions.unsynced) == made or (mount, names[:depth]) in self._folders:
                let_go(above)
            else:
                self._opened.callback(let_go, above)
                self._folders[mount, names[:depth]] = Place(above, local)
        return fd

    def _make_in(self, above: int, mount: Endpoint, names: Names) -> int:
        """One folder, in another that is open."""
        try:
            os.stat(names[-1], dir_fd=above, follow_symlinks=False)
        except FileNotFoundError:
            self._versions.unsynced.add((mount, names[:-1]))
        return self._jail.own_folder(above, names[-1])
