"""Open directories, and the small helpers for names, modes and free space that work on a descriptor.

Nothing here opens a path; `saferoot.py` does that.
"""

from __future__ import annotations

import contextlib
import os
import resource
import stat
from typing import Iterable, Iterator, Sequence

import msgspec

from homeftp.errors import BadEndpoint
from homeftp.interfaces.usage import SpaceReport
from homeftp.metadata.modes import kept_mode
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.syscalls.disks import Disks

WAYS_PARTS = 256
"""Parts of the paths of all directories in which one batch of changes makes names, or so: each directory on the way may
be open at the same time, twice where a version gets the same folders. A process may open 1,024 files by default."""


_JOB_PART = 16
"""One job takes at most one in so many of the process's descriptors: four run at once, and each file may need three."""

_JOB_LEAST = 4


def per_job(most: int) -> int:
    """How many files or directories one job may hold open: `most`, or fewer where the process may have only few."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if limit == resource.RLIM_INFINITY else min(most, max(_JOB_LEAST, limit // _JOB_PART))


class DirHandle(msgspec.Struct, frozen=True, eq=False):
    """An open directory. Its opener closes `fd`. Compared by identity, which keeps it a cheap key."""

    fd: int
    same_mount: bool
    """Whether a file can be renamed into it from the metadata directory: same file system, same mount."""


def close_all(handles: Iterable[DirHandle | Exception]) -> None:
    """Close those of `handles` that are open."""
    for handle in handles:
        if isinstance(handle, DirHandle):
            close_quietly(handle.fd)


@contextlib.contextmanager
def close_on_error(fd: int) -> Iterator[None]:
    """Close `fd` if the block raises: it has no other owner yet."""
    try:
        yield
    except BaseException:
        close_quietly(fd)
        raise


_NO_NAMES = frozenset({"", ".", ".."})


def raw(name: str) -> bytes:
    """One name of a path as system calls take it. Raises `BadEndpoint` (41) for what is more than a name."""
    if name in _NO_NAMES or "/" in name or "\0" in name:
        raise _outside()
    return _encoded(name)


def raw_path(names: Sequence[str]) -> bytes:
    """A path of these names as system calls take it; empty for none. Raises `BadEndpoint` (41) like `raw`.

    `endpoint.parse` refuses such names already; this check holds for endpoints
    that were constructed without it. It looks at the path as a whole, because
    a path may have thousands of names.
    """
    path = "/".join(names)
    if "\0" in path or path.count("/") != max(len(names) - 1, 0) or not _NO_NAMES.isdisjoint(names):
        raise _outside()
    return _encoded(path)


def _outside() -> BadEndpoint:
    return BadEndpoint("the endpoint leaves the shared folder")


def _encoded(path: str) -> bytes:
    try:
        return path.encode()
    except UnicodeEncodeError:
        raise BadEndpoint("the endpoint is not UTF-8") from None


def set_mode(disks: Disks, fd: int, mode: int) -> None:
    """Set the permission bits of an open file or directory to `kept_mode`, as far as its disk keeps them. OSError."""
    found = os.fstat(fd)
    disks.set_mode(fd, kept_mode("directory" if stat.S_ISDIR(found.st_mode) else "file", mode), found)


def set_metadata(disks: Disks, fd: int, mtime_us: int | None, mode: int | None) -> bool:
    """Set mode and mtime of an open file or directory, as far as they can be set; whether that changed any.

    None leaves the value. Those of another user's stay as they are. Raises OSError.
    """
    before = os.fstat(fd)
    if mode is not None:
        set_mode(disks, fd, mode)
    if mtime_us is not None:
        disks.set_mtime(fd, mtime_us)
    after = os.fstat(fd)
    return (before.st_mode, before.st_mtime_ns) != (after.st_mode, after.st_mtime_ns)


def disk_space(fd: int) -> SpaceReport:
    """The space of an open file's file system, free for the server and in use; nothing if it does not say."""
    try:
        found = os.fstatvfs(fd)
    except OSError:
        return SpaceReport()
    if not found.f_blocks:
        return SpaceReport()
    return SpaceReport(free=found.f_bavail * found.f_frsize, used=(found.f_blocks - found.f_bfree) * found.f_frsize)
