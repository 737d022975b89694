"""One open folder of the person's own, and what may be done to the names in it: the seam between kinds of systems.

Where the system can, a folder is held by its descriptor and each part of a
path is entered from its parent without following a link, so that nobody who
moves folders about meanwhile can lead us elsewhere. Windows has no such
calls; there each part is looked at before it is entered.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import Protocol

from homeftp.syscalls import System

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class Directory(Protocol):
    """An open folder. Every method blocks and raises OSError; names are single parts of a path."""

    def enter(self, name: str, *, make: bool) -> Directory:
        """The folder `name` in it, never through a link; with `make` it is made if nothing is there."""

    def create(self, name: str) -> int:
        """A new file for writing, mode 0600: its descriptor."""

    def claim(self, name: str) -> int | None:
        """The file `name` of ours, to read and write, made where it is missing; None where it cannot be had.

        Whoever has it has it alone, until its descriptor is closed.
        """

    def open(self, name: str) -> int:
        """The file `name`, never through a link: its descriptor, for reading."""

    def look(self, name: str) -> os.stat_result | None:
        """What is there, the link itself if it is one; None when nothing is."""

    def replace(self, temporary: str, name: str) -> None:
        """Put a file of this folder in the place of another, at once."""

    def settle(self, temporary: str, name: str) -> None:
        """Put a file of this folder where nothing is; FileExistsError where something is."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def dress(self, fd: int | None, name: str, mtime_us: int | None, mode: int | None) -> None:
        """Give the open file `fd`, or the folder itself where None, its time and its permission bits."""

    def sync(self) -> None:
        """Make the names in it durable."""

    @property
    def syncs_whole(self) -> bool:
        """Whether `sync_whole` can be had."""

    def sync_whole(self) -> None:
        """Make all that was written to its file system since it was opened durable."""

    def close(self) -> None:
        """Let go of it."""


class DescriptorDirectory:
    """A folder held by its descriptor."""

    def __init__(self, fd: int, system: System) -> None:
        self._fd = fd
        self._system = system

    def enter(self, name: str, *, make: bool) -> DescriptorDirectory:
        """The folder `name` in it."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        try:
            return DescriptorDirectory(os.open(name, flags, dir_fd=self._fd), self._system)
        except FileNotFoundError:
            if not make:
                raise
        with contextlib.suppress(FileExistsError):  # somebody was quicker; what it is, open says
            os.mkdir(name, 0o700, dir_fd=self._fd)
        return DescriptorDirectory(os.open(name, flags, dir_fd=self._fd), self._system)

    def create(self, name: str) -> int:
        """A new file."""
        return os.open(name, _CREATE, 0o600, dir_fd=self._fd)

    def claim(self, name: str) -> int | None:
        """By a lock; the file must be one that only we could have made."""
        import fcntl  # where there are no descriptors of folders there is none of this either

        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            fd = os.open(name, flags, 0o600, dir_fd=self._fd)
        except OSError:
            return None
        try:
            found = os.fstat(fd)
            ours = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid()
            if ours:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                there = self.look(name)  # or who had it before has just removed it
                ours = there is not None and there.st_ino == found.st_ino
        except OSError:
            ours = False
        if not ours:
            os.close(fd)
            return None
        return fd

    def open(self, name: str) -> int:
        """The file `name`."""
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._fd)

    def look(self, name: str) -> os.stat_result | None:
        """What is there."""
        try:
            return os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def replace(self, temporary: str, name: str) -> None:
        """Rename over what is there."""
        self._system.rename(os.fsencode(temporary), os.fsencode(name), source_dir=self._fd, target_dir=self._fd)

    def settle(self, temporary: str, name: str) -> None:
        """Rename where nothing is."""
        self._system.rename_new(os.fsencode(temporary), os.fsencode(name), source_dir=self._fd, target_dir=self._fd)

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(name, dir_fd=self._fd)

    def dress(self, fd: int | None, name: str, mtime_us: int | None, mode: int | None) -> None:
        """Set mode, then time."""
        target = self._fd if fd is None else fd
        if mode is not None:
            os.fchmod(target, mode & 0o777)
        if mtime_us is not None:
            os.utime(target, ns=(mtime_us * 1000, mtime_us * 1000))

    def sync(self) -> None:
        """fsync of the directory."""
        self._system.fsync_directory(self._fd)

    @property
    def syncs_whole(self) -> bool:
        """Whether `sync_whole` can be had."""
        return self._system.syncs_whole(self._fd)

    def sync_whole(self) -> None:
        """syncfs."""
        self._system.syncfs(self._fd)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


class PathDirectory:
    """A folder known by its path, where there are no descriptors of folders."""

    def __init__(self, path: str, system: System) -> None:
        self._path = path
        self._system = system

    def _at(self, name: str) -> str:
        return os.path.join(self._path, name)

    def enter(self, name: str, *, make: bool) -> PathDirectory:
        """The folder `name` in it."""
        path = self._at(name)
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path)
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or getattr(found, "st_reparse_tag", False):
            raise NotADirectoryError(20, "is no folder, or a link to one", path)
        return PathDirectory(path, self._system)

    def create(self, name: str) -> int:
        """A new file."""
        return os.open(self._at(name), _CREATE, 0o600)

    def claim(self, name: str) -> int | None:
        """There are no such locks."""
        return None

    def open(self, name: str) -> int:
        """The file `name`."""
        return os.open(self._at(name), os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def look(self, name: str) -> os.stat_result | None:
        """What is there."""
        try:
            return os.lstat(self._at(name))
        except FileNotFoundError:
            return None

    def replace(self, temporary: str, name: str) -> None:
        """Rename over what is there."""
        self._system.rename(os.fsencode(self._at(temporary)), os.fsencode(self._at(name)))

    def settle(self, temporary: str, name: str) -> None:
        """Rename where nothing is."""
        self._system.rename_new(os.fsencode(self._at(temporary)), os.fsencode(self._at(name)))

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self._at(name))

    def dress(self, fd: int | None, name: str, mtime_us: int | None, mode: int | None) -> None:
        """Set the time; there are no modes."""
        if mtime_us is not None:
            os.utime(self._path if fd is None else self._at(name), ns=(mtime_us * 1000, mtime_us * 1000))

    def sync(self) -> None:
        """There is no such call."""

    @property
    def syncs_whole(self) -> bool:
        """Never."""
        return False

    def sync_whole(self) -> None:
        """Never called."""

    def close(self) -> None:
        """Nothing is held."""


def open_directory(path: str, system: System) -> Directory:
    """The folder that a person named; links on the way to it are followed."""
    if os.open in os.supports_dir_fd and os.name == "posix":
        return DescriptorDirectory(os.open(path, os.O_RDONLY | os.O_DIRECTORY), system)
    if not os.path.isdir(path):
        raise NotADirectoryError(20, "is no folder", path)
    return PathDirectory(path, system)
