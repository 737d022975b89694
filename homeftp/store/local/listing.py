"""A directory, or a tree, page by page: sorted, without recursion, and with little in memory however large it is.

No descriptor is held between two pages. A directory is read again from the
last name on where more names are wanted than are kept, so a name that was
there all the time is listed exactly once.
"""

from __future__ import annotations

import heapq
import os
import stat
from typing import Callable, Iterable, Iterator, TypeVar

import attrs

from homeftp.config import LISTING_PAGE, MAX_RESPONSE_LINE
from homeftp.endpoint import MAX_PATH_BYTES, RESERVED, RESERVED_PREFIX, Endpoint, name_problem
from homeftp.errors import Refusal
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Entry, ListingPage
from homeftp.store.local.disk.entries import Filetypes, entry_of
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.saferoot import SafeRoot, kind_problem

T = TypeVar("T")

_PAGE_BYTES = MAX_RESPONSE_LINE * 3 // 4
"""Encoded, of one page's entries: the rest of the line is for the envelope."""

ENTRY_BYTES = 256
"""Of an entry's JSON besides its name, at most: four keys, two large numbers, the metadata and a hash."""

NAMES_READ = 20_000
"""Names that one reading of a directory keeps; a larger one is read again from there on."""

NAMES_KEPT = 60_000
"""Names kept for all levels of a tree together: some 5 MB. Past that the outer ones are forgotten and read again."""


def paged(items: Iterable[T], cost: Callable[[T], int]) -> Iterator[list[T]]:
    """Items by the page: at most `config.LISTING_PAGE`, and what one response's line can hold; `cost` is in bytes."""
    page: list[T] = []
    used = 0
    for item in items:
        size = cost(item)
        if len(page) == LISTING_PAGE or used + size > _PAGE_BYTES:
            yield page
            page, used = [], 0
        page.append(item)
        used += size
    if page:
        yield page


def entry_cost(name: str) -> int:
    """The bytes that an entry of that name takes up in a response's line, at most."""
    return ENTRY_BYTES + len(name.encode())


def _cost(item: Entry | tuple[str, str]) -> int:
    if isinstance(item, Entry):
        return entry_cost(item.name)
    return 2 * len(item[0].encode()) + len(item[1].encode()) + 16


@attrs.define(eq=False)
class _Level:
    """A directory that is being listed. Lists are sorted backwards: the next one is at the end."""

    endpoint: Endpoint
    prefix: str
    """What names in it begin with, seen from the directory that was asked for."""
    names: list[bytes] = attrs.field(factory=list)
    ready: list[tuple[bytes, os.stat_result | OSError, str | None]] = attrs.field(factory=list)
    """The names before `names`, with their stats and their hashes where known."""
    after: bytes = b""
    """The last name that was dealt with."""
    complete: bool = False
    """Whether nothing comes after `names`."""

    @property
    def path_bytes(self) -> int:
        """Of what stands before a name in its endpoint."""
        return sum(len(part.encode()) + 1 for part in self.endpoint.parts)

    def forget(self) -> None:
        """Keep no name; they are read again from `after` on."""
        self.names.clear()
        self.ready.clear()
        self.complete = False


class DirectoryLister:
    """Lists the directories of one share. Safe in several threads, each listing in one at a time."""

    def __init__(
        self,
        jail: SafeRoot,
        index: HashCache,
        filetypes: Filetypes,
        *,
        names_read: int = NAMES_READ,
        names_kept: int = NAMES_KEPT,
    ) -> None:
        self._jail = jail
        self._index = index
        self._filetypes = filetypes
        self._names_read = names_read
        self._names_kept = names_kept

    def pages(self, endpoint: Endpoint, recursive: bool) -> Iterator[ListingPage]:
        """The entries, at most `config.LISTING_PAGE` and one response's line at a time.

        The first step raises `NotFound` (40) and `WrongKind` (43), and so
        does a later one when the directory has gone meanwhile.
        """
        for items in paged(self._items(endpoint, recursive), _cost):
            entries = tuple(item for item in items if isinstance(item, Entry))
            yield ListingPage(entries, tuple(item for item in items if not isinstance(item, Entry)))

    def _items(self, endpoint: Endpoint, recursive: bool) -> Iterator[Entry | tuple[str, str]]:
        """Entries, and names that cannot be shared with the reason."""
        levels = [_Level(endpoint, "")]
        while levels:
            level = levels[-1]
            try:
                if not level.ready and not self._advance(level):
                    levels.pop()
                    continue
            except Refusal as refused:
                levels.pop()
                if not levels:
                    raise
                yield level.prefix[:-1], refused.message
                continue
            name, found, known = level.ready.pop()
            level.after = name
            item = self._item(level, name, found, known)
            if item is not None:
                yield item
            if recursive and isinstance(item, Entry) and item.kind == "directory":
                below = level.endpoint.beneath(name.decode())
                levels.append(_Level(below, f"{item.name}/"))
                self._forget_some(levels)

    def _forget_some(self, levels: list[_Level]) -> None:
        kept = sum(len(level.names) for level in levels)
        for level in levels:
            if kept <= self._names_kept:
                return
            kept -= len(level.names)
            level.forget()

    def _item(
        self, level: _Level, raw: bytes, found: os.stat_result | OSError, known: str | None
    ) -> Entry | tuple[str, str] | None:
        """What is said of one name; None for our own, and for what is gone by now."""
        if isinstance(found, FileNotFoundError):
            return None
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            return level.prefix + printable(raw), "its name is not UTF-8"
        if is_hidden(name):
            return None
        problem = name_problem(name)
        if problem is not None:
            return level.prefix + printable(raw), f"its name {problem}"
        if level.path_bytes + len(raw) > MAX_PATH_BYTES:
            return level.prefix + name, f"its path is longer than {MAX_PATH_BYTES} bytes"
        if isinstance(found, OSError):
            below = level.endpoint.beneath(name)
            return level.prefix + name, refusal(found, below).message
        problem = kind_problem(found)
        if problem is None and stat.S_ISREG(found.st_mode):
            problem = self._filetypes.problem(name)
        if problem is not None:
            return level.prefix + name, problem
        return entry_of(found, known, name=level.prefix + name)

    def _advance(self, level: _Level) -> bool:
        """Fill `ready`; False when nothing is left. Raises what keeps the directory from being read."""
        while not level.ready:
            if not level.names and level.complete:
                return False
            place = self._jail.place(level.endpoint)
            try:
                if not level.names:
                    self._read_names(level, place.fd)
                self._look(level, place.fd)
            except OSError as error:
                raise refusal(error, level.endpoint) from error
            finally:
                close_quietly(place.fd)
        return True

    def _read_names(self, level: _Level, directory: int) -> None:
        with os.scandir(directory) as found:
            names = (name for name in (os.fsencode(one.name) for one in found) if name > level.after)
            level.names = heapq.nsmallest(self._names_read, names)
        level.complete = len(level.names) < self._names_read
        level.names.reverse()

    def _look(self, level: _Level, directory: int) -> None:
        """The next page's worth of names, with what is known of them."""
        chunk = level.names[-LISTING_PAGE:]
        del level.names[-LISTING_PAGE:]
        looked: list[tuple[bytes, os.stat_result | OSError]] = []
        files: dict[str, os.stat_result] = {}
        for name in chunk:
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                looked.append((name, error))
                continue
            looked.append((name, found))
            if stat.S_ISREG(found.st_mode):
                files[os.fsdecode(name)] = found
        known = self._index.lookup(self._jail.spelled(level.endpoint), files)
        level.ready = [(name, found, known.get(os.fsdecode(name))) for name, found in looked]


def is_hidden(name: str) -> bool:
    """Whether it is a name of our own, or of our client's, that no list ever has."""
    return name == RESERVED or name.startswith(RESERVED_PREFIX)


def printable(name: bytes) -> str:
    """A name of any bytes, for people: nothing in it moves a cursor, and JSON can hold it."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
