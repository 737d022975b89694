"""The versions of one file system: their names, and how they are found and removed.

A version is the earlier file at an endpoint. It lies in a folder for the day
(UTC) on which it was replaced, below the same folders as the file, under a
name that no endpoint can have, so that it is never mistaken for the file:

    versions/2026-11-26/photos/.homeftp-15.11.00.123456-holiday.jpg

If that name is too long, the version gets a folder with the name of the file,
and only the time as its name. Nothing else is recorded: an owner can find a
file by browsing, and a copy of the folder is a copy of the versions.
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

Skip = Callable[[Names], bool]
"""Whether to leave out the file or the folder of that path."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_PREFIX = RESERVED_PREFIX.encode()
_DAY = re.compile(rb"(\d{4})-(\d\d)-(\d\d)\Z")
_FILE = re.compile(re.escape(_PREFIX) + rb"(\d\d)\.(\d\d)\.(\d\d)\.(\d{6})(?:-(?P<original>.+))?\Z", re.DOTALL)

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

_BATCH = 2000
"""How many of the oldest versions one search for eviction finds: some hundred KiB."""


class VersionFile(NamedTuple):
    """A version as a file on the disk."""

    at_us: int
    """When it was replaced: microseconds since 1970 UTC."""
    names: Names
    """The path of the file that it is a version of, from the top of its file system."""
    folder: Names
    """The folders that hold it, from the versions folder."""
    file: bytes
    """Its name there."""
    found: os.stat_result


def _note_nothing(version: VersionFile, freed: int) -> None:
    """Note nothing about a version that was removed."""


def version_path(names: Names, at_us: int) -> tuple[Names, bytes]:
    """The folders and the name for a version of the file `names` that was replaced at `at_us`."""
    at = _EPOCH + timedelta(microseconds=at_us)
    day, time = at.strftime("%Y-%m-%d").encode(), _PREFIX + at.strftime("%H.%M.%S.%f").encode()
    named = b"%b-%b" % (time, names[-1])
    if len(named) > MAX_NAME_BYTES:
        return (day, *names), time
    return (day, *names[:-1]), named


def _start(day: bytes) -> int | None:
    """The start of a day, in microseconds since 1970; None for a folder whose name is not a day."""
    parsed = _DAY.match(day)
    try:
        return None if parsed is None else (date(*map(int, parsed.groups())) - _EPOCH.date()) // _MICROSECOND
    except ValueError:
        return None


def _newest_first(versions: Iterable[VersionFile]) -> list[VersionFile]:
    return sorted(versions, key=lambda version: version.at_us, reverse=True)


@contextlib.contextmanager
def _skip_missing() -> Iterator[None]:
    """Skip what was removed meanwhile, or is not a folder of the server's."""
    try:
        yield
    except OSError as error:
        if error.errno not in _MISSING:
            raise


class VersionDir:
    """The versions below the open folder `fd`; `cost` computes the bytes that a file takes up. Raises OSError."""

    def __init__(self, root: SafeRoot, fd: int, cost: Callable[[int], int]) -> None:
        self._root = root
        self._cost = cost
        self.fd = fd

    def find(self, names: Names, *, below: bool, skip: Skip | None = None) -> Iterator[VersionFile]:
        """The versions of a file, the newest first; with `below` also those of all files below it, by folder.

        Where `skip` is true for a path, nothing is looked up there and beneath it.
        """
        for day in reversed(self._days()):
            found = [each for folder in {names[:-1], names} for each in self._read((day, *folder), skip=skip)]
            yield from _newest_first(each for each in found if each.names == names)
            if below:
                walked = self._walk((day, *names), _newest_first, skip)
                yield from (each for each in walked if each.names != names)

    def total(self, before_us: int, below: Names = ()) -> int:
        """The bytes that the versions from before `before_us` take up, of all files or of those below a folder."""
        days = (day for day in self._days() if (_start(day) or 0) < before_us)
        found = (each for day in days for each in self._walk((day, *below)))
        return sum(self._cost(each.found.st_size) for each in found if each.at_us < before_us)

    def evict(
        self,
        oldest: deque[VersionFile],
        before_us: int,
        wanted: int,
        files: int = 0,
        *,
        pinned: Container[int] = (),
        below: Names = (),
        removed: Callable[[VersionFile, int], None] = _note_nothing,
    ) -> int:
        """Remove versions from before `before_us`, the oldest first: `files` of them, and more until `wanted` bytes.

        Returns the bytes of those that had no other name, and calls `removed`
        with each version and with its part of them. `oldest` holds the rest of
        an earlier search, which stays valid because new versions are newer.
        Versions whose inodes are `pinned` stay, and those of files that are not
        `below` a folder.
        """
        count = freed = 0
        progress = True
        while freed < wanted or count < files:
            if not oldest and progress:  # otherwise files that cannot be removed would be found again forever
                oldest.extend(self._oldest(pinned, below))
                progress = False
            if not oldest or oldest[0].at_us >= before_us:
                break
            version = oldest.popleft()
            if version.found.st_ino in pinned:
                continue
            alone = self._remove(version)
            if alone is not None:
                progress = True
                count += 1
                cost = self._cost(version.found.st_size) if alone else 0
                freed += cost
                removed(version, cost)
        return freed

    def _oldest(self, pinned: Container[int], below: Names) -> list[VersionFile]:
        """Some of the oldest that may be removed."""
        for day in self._days():
            candidates = (each for each in self._walk((day, *below)) if each.found.st_ino not in pinned)
            found = heapq.nsmallest(_BATCH, candidates, key=lambda version: version.at_us)
            if found:
                return found
        return []

    def _days(self) -> list[bytes]:
        """The day folders, the oldest first."""
        # Open it again: threads that share a descriptor would share its read position.
        with self._root.open_below(self.fd, ()) as directory:
            return sorted(name for name in map(os.fsencode, os.listdir(directory)) if _start(name) is not None)

    def _walk(
        self,
        top: Names,
        order: Callable[[Iterator[VersionFile]], Iterable[VersionFile]] = iter,
        skip: Skip | None = None,
    ) -> Iterator[VersionFile]:
        todo = [top]
        while todo:
            folders: list[Names] = []
            yield from order(self._read(todo.pop(), folders, skip))
            todo += folders

    def _read(
        self, folder: Names, folders: list[Names] | None = None, skip: Skip | None = None
    ) -> Iterator[VersionFile]:
        """The versions in one folder; its subfolders are added to `folders`. Those removed meanwhile are skipped."""
        start = _start(folder[0])
        opened = self._root.open_below(self.fd, folder)
        with _skip_missing(), opened as directory, os.scandir(directory) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                parsed = _FILE.match(name)
                original = name if parsed is None else parsed["original"]
                last = () if original is None else (original,)
                if skip is not None and skip((*folder[1:], *last)):
                    continue
                if parsed is None:
                    if folders is not None and entry.is_dir(follow_symlinks=False):
                        folders.append((*folder, name))
                    continue
                with _skip_missing():
                    found = entry.stat(follow_symlinks=False)
                    if start is not None and stat.S_ISREG(found.st_mode):
                        *moment, _ = parsed.groups()
                        hour, minute, second, us = map(int, moment)
                        at_us = start + ((hour * 60 + minute) * 60 + second) * 1_000_000 + us
                        yield VersionFile(at_us, (*folder[1:], *last), folder, name, found)

    def _remove(self, version: VersionFile) -> bool | None:
        """Remove it; returns whether it had no other name, or None if it was removed already."""
        alone = None
        with _skip_missing(), self._root.open_below(self.fd, version.folder) as directory:
            links = os.stat(version.file, dir_fd=directory, follow_symlinks=False).st_nlink
            os.unlink(version.file, dir_fd=directory)
            alone = links == 1
        return alone

    def remove_empty_folders(self) -> None:
        """Remove empty folders. The caller makes sure that no version is being added."""
        for day in self._days():
            self._remove_empty((day,))

    def _remove_empty(self, top: Names) -> None:
        """Remove empty folders below `top`, and `top` itself if it is empty."""
        folders = [top]
        for folder in folders:
            for _ in self._read(folder, folders):
                pass
        for folder in reversed(folders):
            with contextlib.suppress(OSError), self._root.open_below(self.fd, folder[:-1]) as directory:
                os.rmdir(folder[-1], dir_fd=directory)
