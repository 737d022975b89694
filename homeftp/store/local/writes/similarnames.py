"""New names that are too much like one beside them: some system would hold both as one, and lose one of them.

`Photo.jpg` and `photo.jpg` are two files on Linux and one on Windows and
macOS; `ﬁn` and `fin` are one where compatible forms are folded. A new name
that differs from a sibling in nothing else is refused, unless the owner allows
it. Where the server's own disk tells them not apart, replacing one by the
other's name is refused as well (CVE-2014-9390 of Git: what comes of such pairs).
"""

from __future__ import annotations

import os
import unicodedata
from array import array
from bisect import bisect_left
from collections import OrderedDict
from typing import Iterable

from homeftp.endpoint import Endpoint, folded
from homeftp.errors import BadEndpoint
from homeftp.store.local.disk.saferoot import DirHandle

NAMES_KEPT = 200_000
"""Names that are remembered of all directories together, as 8 bytes each; of the last one used, any number."""


class _Directory:
    """The names in a directory: hashes of what they fold to."""

    def __init__(self, stamp: tuple[int, int], names: Iterable[str], *, blind: bool) -> None:
        self.stamp = stamp
        self.blind = blind
        """Whether it finds a file by a name that differs in case."""
        self.coming: dict[int, str] = {}
        """Names that are being given at this moment."""
        self._sorted = array("q", sorted(hash(folded(name)) for name in names))
        self._new: set[int] = set()

    def __len__(self) -> int:
        return len(self._sorted) + len(self._new)

    def __contains__(self, name: int) -> bool:
        at = bisect_left(self._sorted, name)
        return name in self._new or name in self.coming or (at < len(self._sorted) and self._sorted[at] == name)

    def settle(self, stamp: tuple[int, int]) -> None:
        """What was coming is there."""
        self.stamp = stamp
        self._new.update(self.coming)
        self.coming.clear()


class NameCollisions:
    """Remembers what is in the directories that were used last. For one thread at a time.

    A directory is read again when its times were changed by another hand than
    ours. What another program adds at the moment in which we do is seen at
    the next change only.
    """

    def __init__(self, *, allowed: bool = False, kept: int = NAMES_KEPT) -> None:
        self._allowed = allowed
        self._kept = kept
        self._known: OrderedDict[tuple[int, int], _Directory] = OrderedDict()

    def check(self, place: DirHandle, endpoint: Endpoint, *, new: bool, leaves: str | None = None) -> None:
        """Raise `BadEndpoint` (41) for a name in an open directory that is too much like another one there.

        `new` is whether the directory says that it has no such name; `leaves`
        a name that goes when this one comes. Until `settle` the name counts as
        one that is there. Raises OSError.
        """
        if self._allowed:
            return
        directory = self._directory(place)
        fold = hash(folded(endpoint.name))
        if fold in directory and (new or directory.blind):
            names = (name for name in (*_names(place), *directory.coming.values()) if name != leaves)
            sibling = _like(endpoint.name, list(names))
            if sibling is not None:
                # In another form it looks the same: then its letters are spelled out.
                looks = sibling if unicodedata.is_normalized("NFC", sibling) else ascii(sibling)[1:-1]
                raise BadEndpoint(
                    f"'{endpoint.name}' differs from '{looks}' beside it only in case or in the form of its letters, "
                    "and some systems cannot hold both: use that name, or quite another one"
                )
        if new:
            directory.coming[fold] = endpoint.name

    def settle(self, places: Iterable[DirHandle]) -> None:
        """What was checked for these directories has its name by now, or will not get it."""
        for place in places:
            try:
                found = os.fstat(place.fd)
            except OSError:
                self._known.clear()  # what is known of it would not be true any more
                continue
            directory = self._known.get((found.st_dev, found.st_ino))
            if directory is not None:
                directory.settle((found.st_mtime_ns, found.st_ctime_ns))

    def _directory(self, place: DirHandle) -> _Directory:
        found = os.fstat(place.fd)
        key, stamp = (found.st_dev, found.st_ino), (found.st_mtime_ns, found.st_ctime_ns)
        directory = self._known.get(key)
        if directory is not None and directory.stamp == stamp:
            self._known.move_to_end(key)
            return directory
        names = _names(place)
        directory = self._known[key] = _Directory(stamp, names, blind=_is_blind(place, names))
        self._known.move_to_end(key)
        while len(self._known) > 1 and sum(map(len, self._known.values())) > self._kept:
            self._known.popitem(last=False)
        return directory


def _names(place: DirHandle) -> list[str]:
    """What is in a directory; names that are not UTF-8 are like nothing on the wire."""
    return [name for name in os.listdir(place.fd) if name.isascii() or _is_utf8(name)]


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _like(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that is too much like `name`; None when it is one of them itself, or there is none."""
    like = [each for each in names if folded(each) == folded(name)]
    return None if name in like or not like else like[0]


def _is_blind(place: DirHandle, names: list[str]) -> bool:
    """Whether the directory takes a name with its case swapped for the name itself."""
    there = set(names)
    for name in names:
        swapped = name.swapcase()
        if swapped != name and swapped not in there and len(swapped) == len(name):
            try:
                os.stat(swapped, dir_fd=place.fd, follow_symlinks=False)
            except OSError:
                return False
            return True
    return False
