"""Sets times and modes of files, and learns what file systems keep of them: NTFS no modes, FAT every other second.

A file system is not judged by its name, which FUSE and network file systems do not tell: values are set on a file of
our own, and what comes back is what is kept. What is done with that is decided elsewhere (`homeftp.metadata.kept`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from threading import Lock
from typing import Iterator

from msgspec import structs

from homeftp.endpoint import RESERVED_PREFIX
from homeftp.metadata.kept import EXACT, ChangeTime, KeptMetadata
from homeftp.metadata.modes import MODE_BITS
from homeftp.model import MAX_MTIME_US, SECOND_US
from homeftp.syscalls import System

_US_NS = 1000

_NAME_BYTES = 16
"""Random bytes in the name of the file that is learned from: the same as for other files under way."""

_MODES = (0o640, 0o715, 0o600)
"""Between them each of the nine bits is set once and cleared once, or is the owner's."""

_TIMES_US = (1_400_000_001_987_654, 1_400_000_003_123_456)
"""Times that every file system can keep: each has an odd second, and a digit in each place."""

_COMMON_US = (315_705_600_000_000, 2_147_385_600_000_000)
"""From 3 January 1980 to 18 January 2038, in whole days: a day more than FAT and 32 bits keep, in any time zone."""

_COARSEST_US = 2 * SECOND_US
"""The distance of the times of FAT: no file system has a longer one."""

_STEPS_US = (*(10**digits for digits in range(7)), _COARSEST_US)
"""How far apart the times of file systems are."""

_WITHOUT_CTIME_US = frozenset({10_000, _COARSEST_US})
"""How far apart the times of exFAT and FAT are, which keep neither a ctime nor inode numbers.

Linux's own drivers show a ctime as long as they have the file in memory. Times of whole seconds tell nothing: old ext4
and HFS+ have them too.
"""

_NOT_KEPT = frozenset({errno.EPERM, errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})
"""The errors of systems for a mode or a time that a file system does not keep, or that the user may not set."""


class Disks:
    """The kept metadata of some folders' file systems, by device number; learned once for each. Thread-safe."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._lock = Lock()
        self._known: dict[int, KeptMetadata] = {}
        self._edges: set[int] = set()
        """The devices whose first and last times are known: a file had, or was to get, a time that not all keep."""
        self.may_learn = False
        """Whether files may be made to learn from. Otherwise every file system counts as `EXACT`."""

    def of(self, device: int) -> KeptMetadata:
        """The kept metadata of a file system; `EXACT` for one of which nothing was learned."""
        return self._known.get(device, EXACT)

    def describes(self, found: os.stat_result) -> bool:
        """Whether all is known that is needed to describe what was `found`."""
        return self._is_known(found.st_dev, found.st_mtime_ns // _US_NS)

    def learn(self, found: os.stat_result, directory: int) -> None:
        """Learn what is needed to describe what was `found` in an open directory, once. Raises nothing.

        Where nothing may be written, the file system counts as `EXACT`.
        """
        device, mtime_us = found.st_dev, found.st_mtime_ns // _US_NS
        if self._is_known(device, mtime_us) or not self.may_learn:
            return
        with self._lock, contextlib.suppress(OSError):
            if self._is_known(device, mtime_us) or os.fstat(directory).st_dev != device:
                return  # it is known by now, or it is the directory in which another disk is mounted
            try:
                with _new_file(directory) as (fd, is_named):
                    is_new = device not in self._known
                    self._learn(device, fd, mtime_us)
                    if is_new and is_named:
                        self._learn_late_ctime(device, directory)
            except OSError:
                self._known.setdefault(device, EXACT)
                self._edges.add(device)

    def _is_known(self, device: int, mtime_us: int) -> bool:
        return device in self._known and (device in self._edges or is_common(mtime_us))

    def _learn(self, device: int, fd: int, mtime_us: int) -> None:
        """Learn what is needed for a time, on an open file. Raises OSError. Called with the lock."""
        if device not in self._known:
            self._known[device] = learn(self._system, fd)
        if device not in self._edges and not is_common(mtime_us):
            self._known[device] = with_edges(self._system, fd, self._known[device])
            self._edges.add(device)

    def _learn_late_ctime(self, device: int, directory: int) -> None:
        """Learn whether the ctime of a file moves late. Raises OSError. Called with the lock.

        Only a file with a name can tell; the drivers that move it have no files without one.
        """
        kept = self._known[device]
        if kept.change_time is ChangeTime.CTIME and moves_ctime_late(self._system, directory):
            self._known[device] = structs.replace(kept, change_time=ChangeTime.LATE_CTIME)

    def set_mode(self, fd: int, mode: int, found: os.stat_result | None = None) -> None:
        """Set the nine permission bits of an open file or directory, where they can be set. Raises OSError.

        Other bits stay, such as the set-group-ID bit of a shared folder. `found` is its stat, where that is known.
        """
        current = stat.S_IMODE((os.fstat(fd) if found is None else found).st_mode)
        wanted = current & ~MODE_BITS | mode
        if wanted != current:
            with where_kept():
                self._system.set_mode(fd, wanted)

    def set_mtime(self, fd: int, mtime_us: int) -> None:
        """Set the time of an open file or directory, as near as its file system keeps it. Raises OSError."""
        with where_kept():
            if not is_common(mtime_us):
                mtime_us = self._nearest(fd, mtime_us)
            self._system.set_times(fd, mtime_us * _US_NS)

    def _nearest(self, fd: int, mtime_us: int) -> int:
        """The nearest time that the file system of an open file or directory keeps. Raises OSError."""
        device = os.fstat(fd).st_dev
        with self._lock:
            if device in self._known:
                self._learn(device, fd, mtime_us)
                return self._known[device].nearest(mtime_us)
        return with_edges(self._system, fd, EXACT).nearest(mtime_us)


def is_common(mtime_us: int) -> bool:
    """Whether every file system keeps such a time, as far as its precision goes: those of FAT begin in 1980."""
    return _COMMON_US[0] < mtime_us < _COMMON_US[1]


def learn(system: System, fd: int) -> KeptMetadata:
    """The kept metadata of an open file's file system, without the edges; changes its time and mode. OSError."""
    modes = all(_keeps_mode(system, fd, mode) for mode in _MODES)
    shown = [(wanted, _shown(system, fd, wanted)) for wanted in _TIMES_US]
    step_us = next((step for step in _STEPS_US if all(_fits(step, *pair) for pair in shown)), MAX_MTIME_US)
    found = os.fstat(fd)
    follows = shown[-1][1] is not None and found.st_ctime_ns == found.st_mtime_ns
    without_ctime = follows or step_us in _WITHOUT_CTIME_US
    return KeptMetadata(modes, step_us, change_time=ChangeTime.MTIME if without_ctime else ChangeTime.CTIME)


def moves_ctime_late(system: System, directory: int) -> bool:
    """Whether the ctime of a file that was renamed in an open directory moves once more when it is closed. OSError.

    NTFS by FUSE: the file is linked and unlinked there, and the driver removes its old name when it is closed. The
    kernel remembers the ctime until the file is read.
    """
    old, new = (_token() for _ in range(2))
    fd = os.open(old, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    try:
        try:
            system.write(fd, b"0")
            system.rename_new(os.fsencode(old), os.fsencode(new), source_dir=directory, target_dir=directory)
            renamed = os.fstat(fd)
        finally:
            os.close(fd)
        fd = os.open(new, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=directory)
        try:
            os.read(fd, 1)
            return os.fstat(fd).st_ctime_ns != renamed.st_ctime_ns
        finally:
            os.close(fd)
    finally:
        for name in (old, new):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=directory)


def with_edges(system: System, fd: int, kept: KeptMetadata) -> KeptMetadata:
    """The same with the first and the last time that are kept; the time of the open file is changed. Raises OSError."""
    first_us, last_us = (_edge(system, fd, common) for common in _COMMON_US)
    return structs.replace(kept, first_us=first_us, last_us=last_us)


def _fits(step_us: int, wanted: int, shown: int | None) -> bool:
    return shown is not None and not shown % step_us and abs(shown - wanted) < step_us


def _edge(system: System, fd: int, common_us: int) -> int:
    """The earliest or the latest time that is kept, to the second; `common_us` is one that is kept. Raises OSError.

    The distance is doubled until a time is not kept, and then halved: a poor driver crashes when it gets a time of a
    million years ago.
    """

    def is_kept(mtime_us: int) -> bool:
        shown = _shown(system, fd, mtime_us)
        return shown is not None and abs(shown - mtime_us) < _COARSEST_US

    direction = -1 if common_us == _COMMON_US[0] else 1
    kept, distance = common_us, direction * SECOND_US
    while is_kept(common_us + distance):
        kept = common_us + distance
        distance *= 2
        if abs(common_us + distance) > MAX_MTIME_US:
            return direction * MAX_MTIME_US
    lost = common_us + distance
    while abs(lost - kept) > SECOND_US:
        middle = (kept + lost) // 2 // SECOND_US * SECOND_US
        if is_kept(middle):
            kept = middle
        else:
            lost = middle
    shown = _shown(system, fd, kept)
    return kept if shown is None else shown


def _shown(system: System, fd: int, mtime_us: int) -> int | None:
    """The time that a file has after this one was set; None where it cannot be set. Raises OSError."""
    try:
        system.set_times(fd, mtime_us * _US_NS)
    except OverflowError:
        return None
    except OSError as error:
        if error.errno not in _NOT_KEPT:
            raise
        return None
    return os.fstat(fd).st_mtime_ns // _US_NS


def _keeps_mode(system: System, fd: int, mode: int) -> bool:
    with where_kept():
        system.set_mode(fd, mode)
    return os.fstat(fd).st_mode & MODE_BITS == mode


class _WhereKept:
    """A class, because a generator in its place takes as long as two system calls."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        return isinstance(error, OSError) and error.errno in _NOT_KEPT


_WHERE_KEPT = _WhereKept()


def where_kept() -> contextlib.AbstractContextManager[None]:
    """Go on where a time or a mode cannot be set. Raises every other OSError."""
    return _WHERE_KEPT


@contextlib.contextmanager
def _new_file(directory: int) -> Iterator[tuple[int, bool]]:
    """A new file in an open directory, and whether it has a name: none where that can be.

    So no other program notices it.
    """
    fd = _unnamed(directory)
    if fd is not None:
        try:
            yield fd, False
        finally:
            os.close(fd)
        return
    name = _token()
    before = os.stat(b".", dir_fd=directory)
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
    try:
        yield fd, True
    finally:
        os.close(fd)
        os.unlink(name, dir_fd=directory)
        if os.stat(b".", dir_fd=directory).st_mtime_ns != before.st_mtime_ns:
            with contextlib.suppress(OSError):  # another user's directory, which keeps the time of this change
                os.utime(b".", ns=(before.st_atime_ns, before.st_mtime_ns), dir_fd=directory)


def _token() -> str:
    return RESERVED_PREFIX + secrets.token_hex(_NAME_BYTES)


def _unnamed(directory: int) -> int | None:
    """A file without a name, open; None where the system or the file system has none."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        return os.open(b".", os.O_TMPFILE | os.O_RDWR, 0o600, dir_fd=directory)
    except OSError:
        return None
