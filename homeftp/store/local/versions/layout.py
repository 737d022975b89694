"""The versions of one file system: what they are called, and how they are found and thrown away.

A version is what stood at an endpoint before. It lies in a folder for the day
(UTC) on which it was replaced, in folders as the share has them, under a name
that the wire refuses, so that it can never be mistaken for a file's own:

    versions/2026-11-26/photos/.homeftp-15.11.00.123456-holiday.jpg

A name that is too long for that has a folder of its own, and in it the time
alone. Nothing else is kept anywhere: an owner finds a file by looking, and a
copy of the folder is a copy of the versions.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import re
import stat
from collections import deque
from datetime import date, datetime, timedelta, timezone
from typing import Callable, Container, Iterable, Iterator, NamedTuple

from homeftp.endpoint import MAX_NAME_BYTES, RESERVED_PREFIX
from homeftp.store.local.disk.saferoot import SafeRoot

Names = tuple[bytes, ...]
"""The parts of a path, as system calls take them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_PREFIX = RESERVED_PREFIX.encode()
_DAY = re.compile(rb"(\d{4})-(\d\d)-(\d\d)\Z")
_FILE = re.compile(re.escape(_PREFIX) + rb"(\d\d)\.(\d\d)\.(\d\d)\.(\d{6})(?:-(.+))?\Z", re.DOTALL)

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

_AT_ONCE = 2000
"""Versions that are looked for at once when the oldest have to go: some hundred KiB."""


class VersionFile(NamedTuple):
    """Something that stood somewhere before."""

    at_us: int
    """When it was replaced: microseconds since 1970 UTC."""
    names: Names
    """Where it stood, from the top of the share's part of the file system."""
    folder: Names
    """The folders that it lies in, from the shelf."""
    file: bytes
    """What it is called there."""
    found: os.stat_result


class Evicted(NamedTuple):
    """What was thrown away, in bytes."""

    size: int
    freed: int
    """Of files that had no other name."""


def placed(names: Names, at_us: int) -> tuple[Names, bytes]:
    """The folders and the name for what stood at `names` until `at_us`."""
    at = _EPOCH + timedelta(microseconds=at_us)
    day, time = at.strftime("%Y-%m-%d").encode(), _PREFIX + at.strftime("%H.%M.%S.%f").encode()
    named = b"%b-%b" % (time, names[-1])
    if len(named) > MAX_NAME_BYTES:
        return (day, *names), time
    return (day, *names[:-1]), named


def _start(day: bytes) -> int | None:
    """The beginning of a day, in microseconds since 1970; None for a folder that is not called as one."""
    parsed = _DAY.match(day)
    try:
        return None if parsed is None else (date(*map(int, parsed.groups())) - _EPOCH.date()) // _MICROSECOND
    except ValueError:
        return None


def _newest_first(versions: Iterable[VersionFile]) -> list[VersionFile]:
    return sorted(versions, key=lambda version: version.at_us, reverse=True)


@contextlib.contextmanager
def _unless_gone() -> Iterator[None]:
    """What was thrown away meanwhile, or is no folder of ours, is left out."""
    try:
        yield
    except OSError as error:
        if error.errno not in _GONE:
            raise


class VersionDir:
    """The versions beneath the open folder `fd`; `cost` are the bytes that one of a size takes up. Raises OSError."""

    def __init__(self, jail: SafeRoot, fd: int, cost: Callable[[int], int]) -> None:
        self._jail = jail
        self._cost = cost
        self.fd = fd

    def of(self, names: Names, *, below: bool) -> Iterator[VersionFile]:
        """The versions of what is called so, the newest first; `below` also those of all beneath it, by folder."""
        for day in reversed(self._days()):
            found = [each for folder in {names[:-1], names} for each in self._read((day, *folder))]
            yield from _newest_first(each for each in found if each.names == names)
            if below:
                yield from (each for each in self._walk((day, *names), _newest_first) if each.names != names)

    def total(self) -> int:
        """The bytes that all of them take up."""
        return sum(self._cost(each.found.st_size) for day in self._days() for each in self._walk((day,)))

    def evict(
        self, oldest: deque[VersionFile], before_us: int, wanted: int, files: int = 0, *, spared: Container[int] = ()
    ) -> Evicted:
        """Throw away the versions from before then, the oldest first: `files` of them, and more until `wanted` bytes.

        `oldest` is left for the next time: those that were found to be the
        oldest, for new ones are newer. Those whose inodes are `spared` stay.
        """
        count = size = freed = 0
        removed = True
        while freed < wanted or count < files:
            if not oldest and removed:  # else what cannot be removed would be found again, for ever
                oldest.extend(self._oldest(spared))
                removed = False
            if not oldest or oldest[0].at_us >= before_us:
                break
            version = oldest.popleft()
            if version.found.st_ino in spared:
                continue
            alone = self._remove(version)
            if alone is not None:
                removed = True
                count += 1
                cost = self._cost(version.found.st_size)
                size += cost
                freed += cost if alone else 0
        return Evicted(size, freed)

    def _oldest(self, spared: Container[int]) -> list[VersionFile]:
        """Some of the oldest that may go."""
        for day in self._days():
            candidates = (each for each in self._walk((day,)) if each.found.st_ino not in spared)
            found = heapq.nsmallest(_AT_ONCE, candidates, key=lambda version: version.at_us)
            if found:
                return found
        return []

    def _days(self) -> list[bytes]:
        """The folders of the days, the oldest first."""
        # Opened anew: another thread may read it too, and each goes through it once.
        with self._jail.opened(self.fd, ()) as directory:
            return sorted(name for name in map(os.fsencode, os.listdir(directory)) if _start(name) is not None)

    def _walk(
        self, top: Names, order: Callable[[Iterator[VersionFile]], Iterable[VersionFile]] = iter
    ) -> Iterator[VersionFile]:
        todo = [top]
        while todo:
            folders: list[Names] = []
            yield from order(self._read(todo.pop(), folders))
            todo += folders

    def _read(self, folder: Names, folders: list[Names] | None = None) -> Iterator[VersionFile]:
        """The versions in one folder; the folders in it are put into `folders`. What has gone meanwhile is left out."""
        start = _start(folder[0])
        opened = self._jail.opened(self.fd, folder)
        with _unless_gone(), opened as directory, os.scandir(directory) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                parsed = _FILE.match(name)
                if parsed is None:
                    if folders is not None and entry.is_dir(follow_symlinks=False):
                        folders.append((*folder, name))
                    continue
                with _unless_gone():
                    found = entry.stat(follow_symlinks=False)
                    if start is not None and stat.S_ISREG(found.st_mode):
                        hour, minute, second, us = map(int, parsed.groups()[:4])
                        at_us = start + ((hour * 60 + minute) * 60 + second) * 1_000_000 + us
                        last = () if parsed[5] is None else (parsed[5],)
                        yield VersionFile(at_us, (*folder[1:], *last), folder, name, found)

    def _remove(self, version: VersionFile) -> bool | None:
        """Whether it had no other name; None where it is gone already."""
        alone = None
        with _unless_gone(), self._jail.opened(self.fd, version.folder) as directory:
            links = os.stat(version.file, dir_fd=directory, follow_symlinks=False).st_nlink
            os.unlink(version.file, dir_fd=directory)
            alone = links == 1
        return alone

    def clear(self) -> None:
        """Remove the folders that hold nothing any more. Nobody may be about to put something into one."""
        for day in self._days():
            self._clear((day,))

    def _clear(self, top: Names) -> None:
        """Remove the folders that hold nothing any more, beneath `top` and itself."""
        folders = [top]
        for folder in folders:
            for _ in self._read(folder, folders):
                pass
        for folder in reversed(folders):
            with contextlib.suppress(OSError), self._jail.opened(self.fd, folder[:-1]) as directory:
                os.rmdir(folder[-1], dir_fd=directory)
