"""Resolves paths beneath an open directory without following symbolic links: by the kernel, or part by part.

Every name that comes from a client is looked up here, and found only as
`spelling.py` says.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from functools import partial
from typing import Callable, Sequence, TypeVar

import msgspec

from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.handles import raw, raw_path
from homeftp.store.local.disk.spelling import Spelling
from homeftp.syscalls import System

T = TypeVar("T")

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
"""Open a directory to list it, or to make it durable."""

LOOKUP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW
"""Open a directory only to look up names in it."""

_KERNEL_PATH_MAX = 4096
"""openat2 takes only shorter paths; an endpoint may have exactly this length."""


class Resolver(msgspec.Struct, frozen=True):
    """Opens directories. Thread-safe. Every method raises OSError, the kernel's own with either way to resolve."""

    system: System
    spelling: Spelling
    walks: bool
    """Whether to resolve part by part: the kernel has no openat2, or the caller wants it."""

    def open(self, root: int, parts: Sequence[str], flags: int, *, one_mount: bool = False) -> int:
        """Open a directory beneath `root`; with `one_mount` the kernel reports another mount as EXDEV."""
        path = raw_path(parts)
        names = path.split(b"/") if path else []
        if self.walks or len(path) >= _KERNEL_PATH_MAX or self.spelling.exact_device is None:
            return self.walk(root, names, flags, one_mount=one_mount)
        try:
            # RESOLVE_NO_SYMLINKS refuses links already; with O_NOFOLLOW one at the end would be ENOTDIR.
            return self.system.openat2(root, path or b".", flags & ~os.O_NOFOLLOW, one_mount=True)
        except FileNotFoundError:
            if path.isascii():
                raise
            return self.walk(root, names, flags, one_mount=one_mount)  # a part may be listed in another Unicode form
        except OSError as error:
            if one_mount or error.errno != errno.EXDEV:
                raise
        return self.walk(root, names, flags)

    def open_cached(self, root: int, parts: Sequence[str], flags: int) -> int:
        """Open a file or a directory on the root's own mount, if all of its path is in memory; else EAGAIN.

        It waits for no disk, on a file system of which the kernel itself says what is in memory. Elsewhere EAGAIN too.
        """
        path = raw_path(parts)
        if self.walks or len(path) >= _KERNEL_PATH_MAX or self.spelling.exact_device is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return self.system.openat2(root, path or b".", flags, one_mount=True, cached=True)

    def walk(self, directory: int, names: Sequence[bytes], flags: int, *, one_mount: bool = False) -> int:
        """Open a directory part by part, each by a name that its directory lists.

        Without openat2 there is no `one_mount`: callers compare device numbers.
        """
        directory = os.open(b".", LOOKUP if names else flags, dir_fd=directory)
        for left, name in enumerate(names, 1 - len(names)):
            try:
                below = self._open_below(directory, name, LOOKUP if left else flags, one_mount)
            finally:
                close_quietly(directory)
            directory = below
        return directory

    def listed_path(self, directory: int, names: Sequence[bytes]) -> list[bytes]:
        """A path as the directories on it list their names; names stay from the first on that is no directory."""
        listed: list[bytes] = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), contextlib.ExitStack() as opened:
            for name in names:
                listed.append(self.spelling.listed_name(directory, name))
                directory = os.open(listed[-1], LOOKUP, dir_fd=directory)
                opened.callback(close_quietly, directory)
        return [*listed, *names[len(listed) :]]

    def stat_entry(self, directory: int, name: bytes) -> os.stat_result:
        """The stat of an entry of an open directory, of a symbolic link its own."""
        return self._found(directory, name, self._stat)

    def _stat(self, directory: int, name: bytes) -> os.stat_result:
        self.spelling.expect(directory, name)
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        self.spelling.check(directory, name, found)
        return found

    def _found(self, directory: int, name: bytes, look_up: Callable[[int, bytes], T]) -> T:
        """The file of a name, or else of the only name that is the same in another Unicode form."""
        try:
            return look_up(directory, name)
        except FileNotFoundError:
            other = self.spelling.other_form(directory, name)
            if other is None:
                raise
        return look_up(directory, other)

    def open_entry(self, directory: int, name: bytes, flags: int) -> tuple[int, os.stat_result]:
        """Open an entry of an open directory, with O_NOFOLLOW among the flags; also returns its stat."""
        return self._found(directory, name, partial(self._open, flags))

    def _open(self, flags: int, directory: int, name: bytes) -> tuple[int, os.stat_result]:
        self.spelling.expect(directory, name)
        return self._checked(directory, name, os.open(name, flags, dir_fd=directory))

    def _checked(self, directory: int, name: bytes, fd: int) -> tuple[int, os.stat_result]:
        """An entry that was opened, and its stat, if the directory lists it by that name."""
        try:
            found = os.fstat(fd)
            self.spelling.check(directory, name, found)
        except BaseException:
            close_quietly(fd)
            raise
        return fd, found

    def _open_below(self, directory: int, name: bytes, flags: int, one_mount: bool) -> int:
        """Open a directory in an open one."""
        if one_mount and not self.walks:
            return self._found(directory, name, partial(self._open_on_mount, flags))
        try:
            return self.open_entry(directory, name, flags)[0]
        except OSError as error:
            if error.errno == errno.ENOTDIR and _is_link(directory, name):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
            raise

    def _open_on_mount(self, flags: int, directory: int, name: bytes) -> int:
        self.spelling.expect(directory, name)
        fd = self.system.openat2(directory, name, flags & ~os.O_NOFOLLOW, one_mount=True, beneath=False)
        return self._checked(directory, name, fd)[0]

    def is_same_mount(self, root: int, parent: Sequence[str], name: str) -> bool:
        """Whether a directory is on the same mount as its parent."""
        above = self.open(root, parent, LOOKUP)
        try:
            stored = self.spelling.stored_name(above, raw(name))
            if not self.walks:
                flags = LOOKUP & ~os.O_NOFOLLOW
                close_quietly(self.system.openat2(above, stored, flags, one_mount=True, beneath=False))
                return True
            found = os.stat(stored, dir_fd=above, follow_symlinks=False)
            return found.st_dev == os.fstat(above).st_dev
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        finally:
            close_quietly(above)


def _is_link(directory: int, name: bytes) -> bool:
    """O_DIRECTORY with O_NOFOLLOW reports ENOTDIR for a link, where openat2 reports ELOOP."""
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False
