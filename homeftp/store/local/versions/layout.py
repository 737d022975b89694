"""The versions of one file system: how they are found, counted and removed."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import os
import stat
from collections import deque
from functools import partial
from typing import Callable, Container, Iterator

from homeftp.config import DAY
from homeftp.model import SECOND_US
from homeftp.store.local.disk.errnos import MISSING
from homeftp.store.local.disk.privatefiles import read_private_link
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.disk.sortednames import NameBudget, SortedNames, directories_in, directory_steps
from homeftp.store.local.versions.naming import (
    Names,
    VersionFile,
    folder_of,
    original_of,
    restored_version,
    start_of,
    time_of,
    version_path,
)
from homeftp.store.policy.pages import STEP_ITEMS

Skip = Callable[[Names], bool]
"""Whether to leave out the file or the folder of that path."""

_BATCH = 2000
"""How many of the oldest versions one search for eviction finds: some hundred KiB."""


_DAY_US = int(DAY) * SECOND_US


def _note_nothing(version: VersionFile, freed: int) -> None:
    """Note nothing about a version that was removed."""


@contextlib.contextmanager
def _skip_missing() -> Iterator[None]:
    """Skip what was removed meanwhile, or is not a folder of the server's."""
    try:
        yield
    except OSError as error:
        if error.errno not in MISSING:
            raise


class VersionDir:
    """The versions below the open folder `fd`. Raises OSError.

    `cost` gives the bytes that a file of a size counts for; a folder counts as an empty file. `budget` bounds the names
    that are in memory.
    """

    def __init__(self, root: SafeRoot, fd: int, cost: Callable[[int], int], budget: NameBudget) -> None:
        self._root = root
        self._cost = cost
        self._budget = budget
        self.fd = fd

    def find(self, names: Names, *, below: bool, skip: Skip | None = None) -> Iterator[list[VersionFile]]:
        """The versions of a file, the newest first; with `below` also those of all files below it, by folder.

        Each list has a few versions of one folder; it is empty where names were read for as long as to find some. Where
        `skip` is true for a path, nothing is looked up there and beneath it.
        """
        with self._budget.walk():
            for day in reversed(self._days()):
                if names:
                    yield from self._pages((day, *folder_of(names)), skip, only=names)
                if below:
                    for each in directory_steps((day, *names), partial(self._subfolders, skip=skip), self._budget):
                        yield from self._pages(each, skip, other_than=names) if each is not None else ([],)

    def at(self, names: Names, at_us: int) -> VersionFile | None:
        """The version of a file from that time; None if there is none."""
        folder, file = version_path(names, at_us)
        found: VersionFile | None = None
        with _skip_missing(), self._root.open_below(self.fd, folder) as directory:
            found = self._version(directory, folder, file)
        return found

    def marks_alone(self, wanted: set[Names]) -> list[VersionFile]:
        """The marks of what was put back, of those of these files that have no version. Each folder is read once."""
        found: dict[Names, list[VersionFile]] = {}
        for marks in (True, False):
            for day in self._days() if wanted else ():
                for folder in {(day, *folder_of(names)) for names in wanted}:
                    for each in self._files(folder, wanted, marks=marks):
                        found.setdefault(each.names, []).append(each)
            wanted = wanted & found.keys()  # few have a mark
        return [each for some in found.values() for each in some if all(not one.is_version for one in some)]

    def _files(self, folder: Names, wanted: set[Names], *, marks: bool) -> Iterator[VersionFile]:
        """The versions, or the marks, of these files in one folder."""
        with _skip_missing(), self._root.open_below(self.fd, folder) as directory, os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_symlink() == marks and original_of(folder, os.fsencode(entry.name)) in wanted:
                    found = self._file(directory, folder, os.fsencode(entry.name))
                    if found is not None:
                        yield found

    def days(self, since_us: int) -> list[bytes]:
        """The folders of the days from that time on, the oldest first."""
        return [day for day in self._days() if (start_of(day) or 0) + _DAY_US > since_us]

    def total(self, before_us: int, below: Names = ()) -> int:
        """The bytes that the versions from before `before_us` take up, of all files or of those below a folder."""
        days = (day for day in self._days() if (start_of(day) or 0) < before_us)
        found = (each for day in days for each in self._walk((day, *below)))
        return sum(self._cost(each.size) for each in found if each.at_us < before_us)

    def folders_total(self, before_us: int, below: Names = ()) -> int:
        """The bytes that the folders of whole days from before `before_us` count for, all or those below a folder."""
        days = (day for day in self._days() if (start_of(day) or 0) + _DAY_US <= before_us)
        return self._cost(0) * sum(folder != (day, *below) for day in days for folder in self._folders((day, *below)))

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
        folder_removed: Callable[[Names], None] | None = None,
    ) -> int:
        """Remove versions from before `before_us`, the oldest first: `files` of them, and more until `wanted` bytes.

        Returns the bytes of those that had no other name, and calls `removed`
        with each version and with its part of them. Where `folder_removed` is
        given, it is called with each folder that is empty then, and removed
        too; those below `below` count. `oldest` holds the rest of an earlier
        search, which stays valid because new versions are newer.
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
            alone = self.remove(version)
            if alone is not None:
                progress = True
                count += 1
                cost = self._cost(version.size) if alone else 0
                freed += cost
                removed(version, cost)
                if folder_removed is not None:
                    freed += self._cost(0) * self.remove_emptied(version.folder, below, folder_removed)
        return freed

    def remove_emptied(self, folder: Names, below: Names, removed: Callable[[Names], None]) -> int:
        """Remove a folder and those above it, as far as they are empty; returns how many were below `below`.

        No version is being added meanwhile.
        """
        count = 0
        while folder and self.remove_folder(folder, removed):
            folder = folder[:-1]
            count += len(folder) > len(below)
        return count

    def newest_us(self) -> int | None:
        """The end of the last day that has versions; None if there are none."""
        starts = [start for start in map(start_of, self._days()) if start is not None]
        return max(starts) + _DAY_US if starts else None

    def count(self, before_us: int) -> int:
        """How many versions are from before that time."""
        days = (day for day in self._days() if (start_of(day) or 0) < before_us)
        return sum(each.at_us < before_us for day in days for each in self._walk((day,)))

    def all(self) -> Iterator[VersionFile]:
        """All versions, the oldest days first."""
        return (each for day in self._days() for each in self._walk((day,)))

    def expire(self, before_us: int, most: int, remove: Callable[[VersionFile], bool]) -> int:
        """Remove versions from before `before_us`, at most so many, and never all that a file has of several.

        `remove` removes one, if it may be removed, and returns whether it has. Returns how many it has removed.
        """
        count = 0
        thinned: set[Names] = set()
        kept: set[Names] = set()
        for day in self._days():
            progress = (start_of(day) or 0) < before_us
            while progress and count < most:
                progress = False
                old = (each for each in self._walk((day,)) if each.at_us < before_us and each.names not in kept)
                for version in heapq.nsmallest(min(_BATCH, most - count), old, key=lambda version: version.at_us):
                    if version.is_version and version.names in thinned and self._is_last(version):
                        kept.add(version.names)
                    elif remove(version):
                        progress = True
                        count += 1
                        if version.is_version:
                            thinned.add(version.names)
        return count

    def _is_last(self, version: VersionFile) -> bool:
        """Whether its file has no other version."""
        found = (each for page in self.find(version.names, below=False) for each in page)
        return all(each.file == version.file and each.folder == version.folder for each in itertools.islice(found, 2))

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
            return sorted(name for name in map(os.fsencode, os.listdir(directory)) if start_of(name) is not None)

    def _walk(self, top: Names) -> Iterator[VersionFile]:
        """All versions, and marks of those that were put back, in a folder and below it, in any order."""
        for folder in self._folders(top):
            with _skip_missing(), self._root.open_below(self.fd, folder) as directory:
                for name in _names(directory):
                    version = self._file(directory, folder, name)
                    if version is not None:
                        yield version

    def _pages(
        self, folder: Names, skip: Skip | None, *, only: Names | None = None, other_than: Names | None = None
    ) -> Iterator[list[VersionFile]]:
        """The versions in one folder, the newest first, page by page; `only` those of one file, or of all others.

        The order of their names is that of their times.
        """
        wanted = partial(_is_wanted, folder, skip, only, other_than)
        names = SortedNames(self._budget, backwards=True)
        with _skip_missing():
            while not names.ended:
                found: list[VersionFile] = []
                with self._root.open_below(self.fd, folder) as directory:
                    read = partial(_wanted_versions, directory, wanted)
                    if names.read_part(read):
                        taken = names.take(STEP_ITEMS, read)
                        found += filter(None, (self._version(directory, folder, name) for name in taken))
                yield found

    def _folders(self, top: Names, *, left: bool = False) -> Iterator[Names]:
        """A folder and all folders below it; with `left` each after those below it."""
        return directories_in(top, self._subfolders, self._budget, left=left)

    def _subfolders(self, folder: Names, *, skip: Skip | None = None) -> Iterator[bytes | None]:
        """The names of the folders in a folder, except those that are skipped; None for each of the other names."""
        with _skip_missing(), self._root.open_below(self.fd, folder) as directory, os.scandir(directory) as entries:
            for entry in entries:
                name = os.fsencode(entry.name)
                is_folder = original_of(folder, name) is None and entry.is_dir(follow_symlinks=False)
                yield name if is_folder and not (skip is not None and skip((*folder[1:], name))) else None

    def _version(self, directory: int, folder: Names, name: bytes) -> VersionFile | None:
        """The version of that name in an open folder; None if it was removed, or is no regular file."""
        found = self._file(directory, folder, name)
        return found if found is not None and found.is_version else None

    def _file(self, directory: int, folder: Names, name: bytes) -> VersionFile | None:
        """The version of that name, or the mark of one that was put back; None for everything else."""
        with _skip_missing():
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            names, at_us = original_of(folder, name), time_of(folder, name)
            if names is None or at_us is None:
                return None
            is_mark = stat.S_ISLNK(found.st_mode) and restored_version(read_private_link(directory, name)) is not None
            if is_mark or stat.S_ISREG(found.st_mode):
                return VersionFile(at_us, names, folder, name, found)
        return None

    def remove(self, version: VersionFile) -> bool | None:
        """Remove it; returns whether it had no other name, or None if it was removed already."""
        alone = None
        with _skip_missing(), self._root.open_below(self.fd, version.folder) as directory:
            links = os.stat(version.file, dir_fd=directory, follow_symlinks=False).st_nlink
            os.unlink(version.file, dir_fd=directory)
            alone = links == 1
        return alone

    def folders(self) -> Iterator[Names]:
        """All folders, each after those below it."""
        return (folder for day in self._days() for folder in self._folders((day,), left=True))

    def remove_folder(self, folder: Names, removed: Callable[[Names], None]) -> bool:
        """Remove a folder, if it is empty; returns whether it was. No version is being added meanwhile."""
        with contextlib.suppress(OSError), self._root.open_below(self.fd, folder[:-1]) as directory:
            os.rmdir(folder[-1], dir_fd=directory)
            removed(folder)
            return True
        return False


def _names(directory: int) -> Iterator[bytes]:
    """The names in an open folder."""
    with os.scandir(directory) as entries:
        yield from (os.fsencode(entry.name) for entry in entries)


def _wanted_versions(directory: int, wanted: Callable[[bytes], bool]) -> Iterator[bytes | None]:
    """The names of those versions in an open folder that are wanted; None for the others."""
    return (name if wanted(name) else None for name in _names(directory))


def _is_wanted(folder: Names, skip: Skip | None, only: Names | None, other_than: Names | None, name: bytes) -> bool:
    """Whether a name in a folder is that of a version that is looked for."""
    if only is not None and len(folder) == len(only) and not name.endswith(only[-1]):
        return False  # quickly: most of the folder's versions are of other files
    original = original_of(folder, name)
    if original is None or original == other_than or only not in (None, original):
        return False
    return skip is None or not skip(original)
