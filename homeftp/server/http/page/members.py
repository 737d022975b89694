"""The members of ZIP files that are made, and the memory of all of them: a folder of many files has a long list.

The list is complete before anything is sent, and a client may read as slowly as it likes: so the lists are packed, and
bounded in all, whatever many clients ask for at once.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import Iterator, Sequence

import attrs
import msgspec

from homeftp.config import LISTING_PAGE, MIB
from homeftp.endpoint import Endpoint
from homeftp.errors import Busy, TooLarge, counted
from homeftp.model import Entry

MOST_MEMBERS = 50_000
"""Files and folders of one ZIP file, at most: its table of contents is kept in memory until its end."""

MOST_MEMORY = 48 * MIB
"""Bytes of all lists and tables of contents, at most: with the longest names one ZIP file may take half of it."""

_TWICE = 2
"""A list counts twice: a table of contents, which grows while it is sent, takes as much."""

_FAST = 1
"""The level of compression: lists are packed on the reactor's thread."""

_Packed = list[tuple[str, bool, int, int | None, int | None]]
"""Name, whether it is a directory, size, mtime and mode of each."""


class ArchiveMemory:
    """The memory of all ZIP files under way. A group of clients may hold half of what the others leave."""

    def __init__(self, most: int = MOST_MEMORY) -> None:
        self._most = most
        self._groups: Counter[str] = Counter()
        self.held = 0
        """Bytes that all of them hold."""

    def change(self, group: str, size: int) -> None:
        """A group holds `size` bytes more, or less. Raises `Busy` (51) where that is too much."""
        own = self._groups[group]
        if size > 0 and own + size > (self._most - self.held + own) // 2:
            raise Busy("too many folders are downloaded at once: try again when one of them is complete")
        self.held += size
        self._groups[group] += size
        if not self._groups[group]:
            del self._groups[group]


@attrs.frozen
class ArchiveMember:
    """A file or a folder that is to be in the ZIP file."""

    name: str
    """Its path in there."""
    endpoint: Endpoint
    entry: Entry


class ArchiveMembers:
    """The members of one ZIP file, beneath `folder`; in it their names begin with `prefix`. Ends with `close`."""

    def __init__(self, memory: ArchiveMemory, group: str, folder: Endpoint, prefix: str) -> None:
        """`group` is what the client's connections count as (`ILogin.group`)."""
        self._memory = memory
        self._group = group
        self._folder = folder
        self._prefix = prefix
        self._pages: list[bytes] = []
        self._waiting: list[Entry] = []
        self._count = self._held = 0

    def add(self, top: str, entries: Sequence[Entry]) -> None:
        """Add entries of the directory `top`, relative to the folder.

        Raises `TooLarge` (22) for more than `MOST_MEMBERS`, and `Busy` (51).
        """
        self._count += len(entries)
        if self._count > MOST_MEMBERS:
            most = counted(MOST_MEMBERS, "file")
            raise TooLarge(f"this folder has more than {most}: download the folders in it one by one")
        for entry in entries:
            name = "/".join(filter(None, (top, entry.name)))
            self._waiting.append(Entry(name, entry.kind, entry.size, entry.mtime_us, entry.mode))
        if len(self._waiting) >= LISTING_PAGE:
            self.pack()

    def pack(self) -> None:
        """Pack what was added since the last time. Raises `Busy` (51)."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        rows = [(each.name, each.kind == "directory", each.size, each.mtime_us, each.mode) for each in waiting]
        packed = zlib.compress(msgspec.msgpack.encode(rows), _FAST)
        self._memory.change(self._group, _TWICE * len(packed))
        self._held += _TWICE * len(packed)
        self._pages.append(packed)

    def pages(self) -> Iterator[list[ArchiveMember]]:
        """All members, so many at a time."""
        for packed in self._pages:
            page = []
            for name, is_directory, size, mtime_us, mode in msgspec.msgpack.decode(
                zlib.decompress(packed), type=_Packed
            ):
                entry = Entry(name, "directory" if is_directory else "file", size, mtime_us, mode)
                page.append(ArchiveMember(self._prefix + name, self._folder.at(name), entry))
            yield page

    def close(self) -> None:
        """Free the memory. May be called twice."""
        self._memory.change(self._group, -self._held)
        self._held = 0
        self._pages = []
