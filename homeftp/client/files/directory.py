"""One open folder and the operations on the names in it: the interface between kinds of operating systems.

Where the system can, a folder is held by its descriptor, and each part of a
path is opened from its parent without following a link, so that a
concurrent move of folders cannot redirect a write. Windows has no such calls; there
each part is checked before it is used.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat as stat_module
from typing import Protocol, Sequence

from homeftp.client.files.model import PERMISSIONS
from homeftp.syscalls import System
from homeftp.syscalls.disks import Disks

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_FILE_MODE, _DIRECTORY_MODE = 0o600, 0o700
"""Only the user may read a new file or folder, until it gets the server's mode."""


class Directory(Protocol):
    """An open folder. Every method blocks and raises OSError; names are single parts of a path."""

    def open_directory(self, name: str, *, make: bool) -> Directory:
        """Open a folder in it, never through a link; `make` makes it where it is missing."""

    def create(self, name: str) -> int:
        """Create a file for writing, readable by the user only; gives its descriptor."""

    @property
    def names_later(self) -> bool:
        """Whether `create_unnamed` is available, and such a file is as durable as others."""

    def create_unnamed(self, mode: int) -> int:
        """Create a file without a name, for writing; gives its descriptor. It is gone where it gets no name."""

    def name_new(self, fd: int, name: str) -> None:
        """Give a file without a name one that does not exist; raises FileExistsError where it does."""

    def lock(self, name: str) -> int | None:
        """Open a temporary file of this user to read and write, made where it is missing; gives its descriptor.

        The file is locked until the descriptor is closed. None where another
        process has locked it, where it is not ours, or where there are no locks.
        """

    def open(self, name: str) -> int:
        """Open a file for reading, never through a link; gives its descriptor."""

    def stat(self, name: str) -> os.stat_result | None:
        """The stat of a name, of the link itself where it is one; None where nothing exists."""

    def names(self) -> Sequence[str]:
        """The names in it, as they are spelled."""

    def replace(self, temporary: str, name: str) -> None:
        """Rename a file over another, atomically."""

    def rename_new(self, temporary: str, name: str) -> None:
        """Rename a file to a name that does not exist; raises FileExistsError where it does."""

    def link_to(self, name: str, folder: Directory, new: str) -> None:
        """Give a file a second name in another folder of the same kind; raises FileExistsError where it is taken."""

    def move_to(self, name: str, folder: Directory, new: str) -> None:
        """Rename a file or folder into another folder; raises FileExistsError where the name is taken."""

    def remove(self, name: str) -> None:
        """Remove a file."""

    def remove_directory(self, name: str) -> None:
        """Remove an empty folder in it, never a link to one."""

    def set_metadata(
        self,
        fd: int | None,
        name: str,
        mtime_us: int | None,
        mode: int | None,
        found: os.stat_result | None = None,
    ) -> None:
        """Set time and permission bits of the open file `fd` called `name`, or of the folder itself where None.

        `found` is its stat, where that is known. What its disk does not keep, or the user may not set, stays.
        """

    def own_stat(self) -> os.stat_result:
        """The stat of the folder itself."""

    def sync(self) -> None:
        """Make the names in it durable."""

    @property
    def can_sync_filesystem(self) -> bool:
        """Whether `sync_filesystem` is available."""

    def sync_filesystem(self) -> None:
        """Make everything durable that was written to its file system since the folder was opened."""

    def close(self) -> None:
        """Close the folder."""


class DescriptorDirectory:
    """A folder held by its descriptor."""

    def __init__(self, fd: int, system: System) -> None:
        self._fd = fd
        self._system = system
        self._disks = Disks(system)

    def open_directory(self, name: str, *, make: bool) -> DescriptorDirectory:
        """Open a folder in it."""
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        try:
            return DescriptorDirectory(os.open(name, flags, dir_fd=self._fd), self._system)
        except FileNotFoundError:
            if not make:
                raise
        with contextlib.suppress(FileExistsError):  # another process was faster; open fails if it is no folder
            os.mkdir(name, _DIRECTORY_MODE, dir_fd=self._fd)
        return DescriptorDirectory(os.open(name, flags, dir_fd=self._fd), self._system)

    def create(self, name: str) -> int:
        """Create a file."""
        return os.open(name, _CREATE, _FILE_MODE, dir_fd=self._fd)

    @property
    def names_later(self) -> bool:
        """Whether its file system has files without a name."""
        return self._system.names_later(self._fd)

    def create_unnamed(self, mode: int) -> int:
        """Create a file without a name."""
        return self._system.open_unnamed(self._fd, mode)

    def name_new(self, fd: int, name: str) -> None:
        """Name a file."""
        self._system.name_new(fd, os.fsencode(name), target_dir=self._fd)

    def lock(self, name: str) -> int | None:
        """Open and flock a file that only this user can have made."""
        import fcntl  # POSIX only, as is this class

        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            fd = os.open(name, flags, _FILE_MODE, dir_fd=self._fd)
        except OSError:
            return None
        try:
            opened = os.fstat(fd)
            ours = stat_module.S_ISREG(opened.st_mode) and opened.st_nlink == 1 and opened.st_uid == os.geteuid()
            if ours:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                named = self.stat(name)  # the process that held the lock may have removed the file meanwhile
                ours = named is not None and named.st_ino == opened.st_ino
        except OSError:
            ours = False
        if not ours:
            os.close(fd)
            return None
        return fd

    def open(self, name: str) -> int:
        """Open a file for reading."""
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=self._fd)

    def stat(self, name: str) -> os.stat_result | None:
        """The stat of a name."""
        try:
            return os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def names(self) -> Sequence[str]:
        """The names in it."""
        return os.listdir(self._fd)

    def replace(self, temporary: str, name: str) -> None:
        """Rename over a name."""
        self._system.rename(os.fsencode(temporary), os.fsencode(name), source_dir=self._fd, target_dir=self._fd)

    def rename_new(self, temporary: str, name: str) -> None:
        """Rename to a new name."""
        self._system.rename_new(os.fsencode(temporary), os.fsencode(name), source_dir=self._fd, target_dir=self._fd)

    def link_to(self, name: str, folder: Directory, new: str) -> None:
        """Link a file into another folder."""
        assert isinstance(folder, DescriptorDirectory)
        os.link(name, new, src_dir_fd=self._fd, dst_dir_fd=folder._fd, follow_symlinks=False)

    def move_to(self, name: str, folder: Directory, new: str) -> None:
        """Rename into another folder."""
        assert isinstance(folder, DescriptorDirectory)
        self._system.rename_new(os.fsencode(name), os.fsencode(new), source_dir=self._fd, target_dir=folder._fd)

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(name, dir_fd=self._fd)

    def remove_directory(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(name, dir_fd=self._fd)

    def set_metadata(
        self,
        fd: int | None,
        name: str,
        mtime_us: int | None,
        mode: int | None,
        found: os.stat_result | None = None,
    ) -> None:
        """Set the mode, then the time, as far as the disk keeps them and the user may set them."""
        target = self._fd if fd is None else fd
        if mode is not None:
            self._disks.set_mode(target, mode & PERMISSIONS, found)
        if mtime_us is not None:
            self._disks.set_mtime(target, mtime_us)

    def own_stat(self) -> os.stat_result:
        """The stat of the folder."""
        return os.fstat(self._fd)

    def sync(self) -> None:
        """Fsync the directory."""
        self._system.fsync_directory(self._fd)

    @property
    def can_sync_filesystem(self) -> bool:
        """Whether the system has syncfs."""
        return self._system.syncs_whole(self._fd)

    def sync_filesystem(self) -> None:
        """Call syncfs."""
        self._system.syncfs(self._fd)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


class PathDirectory:
    """A folder known by its path, for systems without descriptors of folders."""

    def __init__(self, path: str, system: System) -> None:
        self._path = path
        self._system = system

    def _join(self, name: str) -> str:
        return os.path.join(self._path, name)

    def open_directory(self, name: str, *, make: bool) -> PathDirectory:
        """Open a folder in it."""
        path = self._join(name)
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(path)
        found = os.lstat(path)
        if not stat_module.S_ISDIR(found.st_mode) or getattr(found, "st_reparse_tag", False):
            raise NotADirectoryError(errno.ENOTDIR, "is not a folder, or is a link to one", path)
        return PathDirectory(path, self._system)

    def create(self, name: str) -> int:
        """Create a file."""
        return os.open(self._join(name), _CREATE, _FILE_MODE)

    @property
    def names_later(self) -> bool:
        """Always false: a file cannot be named after it was written."""
        return False

    def create_unnamed(self, mode: int) -> int:
        """Raise an error: there are no such files."""
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def name_new(self, fd: int, name: str) -> None:
        """Raise an error: there are no such files."""
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    def lock(self, name: str) -> int | None:
        """None: there are no such locks."""
        return None

    def open(self, name: str) -> int:
        """Open a file for reading."""
        return os.open(self._join(name), os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def stat(self, name: str) -> os.stat_result | None:
        """The stat of a name."""
        try:
            return os.lstat(self._join(name))
        except FileNotFoundError:
            return None

    def names(self) -> Sequence[str]:
        """The names in it."""
        return os.listdir(self._path)

    def replace(self, temporary: str, name: str) -> None:
        """Rename over a name."""
        self._system.rename(os.fsencode(self._join(temporary)), os.fsencode(self._join(name)))

    def rename_new(self, temporary: str, name: str) -> None:
        """Rename to a new name."""
        self._system.rename_new(os.fsencode(self._join(temporary)), os.fsencode(self._join(name)))

    def link_to(self, name: str, folder: Directory, new: str) -> None:
        """Link a file into another folder."""
        assert isinstance(folder, PathDirectory)
        os.link(self._join(name), folder._join(new), follow_symlinks=False)

    def move_to(self, name: str, folder: Directory, new: str) -> None:
        """Rename into another folder."""
        assert isinstance(folder, PathDirectory)
        self._system.rename_new(os.fsencode(self._join(name)), os.fsencode(folder._join(new)))

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self._join(name))

    def remove_directory(self, name: str) -> None:
        """Remove an empty folder."""
        os.rmdir(self._join(name))

    def set_metadata(
        self,
        fd: int | None,
        name: str,
        mtime_us: int | None,
        mode: int | None,
        found: os.stat_result | None = None,
    ) -> None:
        """Set the time; there are no permission bits."""
        if mtime_us is not None:
            os.utime(self._path if fd is None else self._join(name), ns=(mtime_us * 1000, mtime_us * 1000))

    def own_stat(self) -> os.stat_result:
        """The stat of the folder."""
        return os.stat(self._path)

    def sync(self) -> None:
        """Do nothing: there is no such call."""

    @property
    def can_sync_filesystem(self) -> bool:
        """Always false: there is no such call."""
        return False

    def sync_filesystem(self) -> None:
        """Do nothing: it is never called."""

    def close(self) -> None:
        """Do nothing: nothing is held open."""


def open_top_directory(path: str, system: System) -> Directory:
    """Open the folder that the user named; links on the way to it are followed."""
    if os.open in os.supports_dir_fd and os.name == "posix":
        return DescriptorDirectory(os.open(path, os.O_RDONLY | os.O_DIRECTORY), system)
    if not os.path.isdir(path):
        raise NotADirectoryError(errno.ENOTDIR, "is not a folder", path)
    return PathDirectory(path, system)
