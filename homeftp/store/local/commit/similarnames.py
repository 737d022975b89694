"""Refuses new names that are too similar to a sibling: some systems would treat both as one, and lose a file.

`Photo.jpg` and `photo.jpg` are two files on Linux and one on Windows and
macOS; `ﬁn` and `fin` are one where compatible forms are folded. A new name
that differs from a sibling only in that is refused, unless the owner allows
it. If the server's own disk does not distinguish them, replacing one by the
other's name is refused too (CVE-2014-9390 of Git shows the consequences).
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections import OrderedDict
from typing import Iterable

from homeftp.endpoint import Endpoint, folded
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.policy.similarnames import similar, too_similar

NAMES_KEPT = 200_000
"""Names that are remembered for all directories together, 8 bytes each; for the last used directory, any number."""


class _Directory:
    """The names in a directory, as hashes of their folded forms."""

    def __init__(self, stamp: tuple[int, int], names: Iterable[str], *, case_insensitive: bool) -> None:
        self.stamp = stamp
        self.case_insensitive = case_insensitive
        """Whether it finds a file by a name that differs only in case."""
        self.pending: dict[int, str] = {}
        """Names that are being committed."""
        self._sorted = array("q", sorted(hash(folded(name)) for name in names))
        self._new: set[int] = set()

    def __len__(self) -> int:
        return len(self._sorted) + len(self._new)

    def __contains__(self, name: int) -> bool:
        at = bisect_left(self._sorted, name)
        return name in self._new or name in self.pending or (at < len(self._sorted) and self._sorted[at] == name)

    def refresh(self, stamp: tuple[int, int]) -> None:
        """Add the pending names."""
        self.stamp = stamp
        self._new.update(self.pending)
        self.pending.clear()


class NameCollisions:
    """Remembers the names in the directories that were used last. Not thread-safe.

    A directory is read again if another program changed its times. A name that
    another program adds at the same moment as the server is seen only at the
    next change.
    """

    def __init__(self, *, allowed: bool = False, kept: int = NAMES_KEPT) -> None:
        self._allowed = allowed
        self._kept = kept
        self._known: OrderedDict[tuple[int, int], _Directory] = OrderedDict()

    def check(self, handle: DirHandle, endpoint: Endpoint, *, new: bool, removed_name: str | None = None) -> None:
        """Raise `BadEndpoint` (41) for a name in an open directory that is too similar to another one there.

        `new`: the directory has no such name yet; `removed_name`: a name that
        disappears in the same step. Until `refresh` the name counts as present.
        Raises OSError.
        """
        if self._allowed:
            return
        directory = self._directory(handle)
        fold = hash(folded(endpoint.name))
        if fold in directory and (new or directory.case_insensitive):
            names = (name for name in (*_names(handle), *directory.pending.values()) if name != removed_name)
            sibling = similar(endpoint.name, names)
            if sibling is not None:
                raise too_similar(endpoint.name, sibling)
        if new:
            directory.pending[fold] = endpoint.name

    def refresh(self, handles: Iterable[DirHandle]) -> None:
        """Note that the names checked for these directories were committed, or will not be."""
        for handle in handles:
            try:
                found = os.fstat(handle.fd)
            except OSError:
                self._known.clear()  # the remembered names may be wrong now
                continue
            directory = self._known.get((found.st_dev, found.st_ino))
            if directory is not None:
                directory.refresh((found.st_mtime_ns, found.st_ctime_ns))

    def _directory(self, handle: DirHandle) -> _Directory:
        found = os.fstat(handle.fd)
        key, stamp = (found.st_dev, found.st_ino), (found.st_mtime_ns, found.st_ctime_ns)
        directory = self._known.get(key)
        if directory is not None and directory.stamp == stamp:
            self._known.move_to_end(key)
            return directory
        names = _names(handle)
        directory = self._known[key] = _Directory(stamp, names, case_insensitive=_is_case_insensitive(handle, names))
        self._known.move_to_end(key)
        while len(self._known) > 1 and sum(map(len, self._known.values())) > self._kept:
            self._known.popitem(last=False)
        return directory


def _names(handle: DirHandle) -> list[str]:
    """The names in a directory, except those that are not UTF-8: no endpoint is similar to them."""
    return [name for name in os.listdir(handle.fd) if name.isascii() or _is_utf8(name)]


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_case_insensitive(handle: DirHandle, names: list[str]) -> bool:
    """Whether the directory finds a file by its name with the case swapped."""
    there = set(names)
    for name in names:
        swapped = name.swapcase()
        if swapped != name and swapped not in there and len(swapped) == len(name):
            try:
                os.stat(swapped, dir_fd=handle.fd, follow_symlinks=False)
            except OSError:
                return False
            return True
    return False
