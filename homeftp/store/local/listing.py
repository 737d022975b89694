"""Lists a directory or a tree page by page: sorted, without recursion, and with little memory for any size.

No descriptor stays open between two pages. If a directory has more names than
are kept, it is read again from the last name on, so a name that exists all the
time is listed exactly once.
"""

from __future__ import annotations

import heapq
import os
import stat
from typing import Iterator

import attrs

from homeftp.config import LISTING_PAGE
from homeftp.endpoint import MAX_PARTS, MAX_PATH_BYTES, NO_FOLDERS, Endpoint, FolderSet, folded, name_problem
from homeftp.errors import Refusal
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Entry, ListingPage
from homeftp.store.local.disk.entries import entry_of, is_reserved, kind_problem
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.pages import listing_pages

NAMES_READ = 20_000
"""Names that are kept of one directory; a larger one is read again from there on."""

NAMES_KEPT = 60_000
"""Names that are kept for all levels of a tree: some 5 MB. Beyond it the outer levels are dropped and read again."""


@attrs.define(eq=False)
class _Level:
    """A directory that is being listed. Its lists are in reverse order: the next name is at the end."""

    endpoint: Endpoint
    prefix: str
    """The prefix of names in it, relative to the requested directory."""
    hidden: frozenset[str]
    """The folded forms of names in it that are left out."""
    names: list[bytes] = attrs.field(factory=list)
    ready: list[tuple[bytes, os.stat_result | OSError, str | None]] = attrs.field(factory=list)
    """The names before `names`, with their stats, and their hashes if known."""
    after: bytes = b""
    """The last name that was listed."""
    complete: bool = False
    """Whether `names` holds all the rest."""

    @property
    def path_bytes(self) -> int:
        """The bytes before a name in its endpoint."""
        return len("/".join((*self.endpoint.parts, "")).encode())

    def forget(self) -> None:
        """Drop all names; they are read again from `after` on."""
        self.names.clear()
        self.ready.clear()
        self.complete = False


class DirectoryLister:
    """Lists the directories of one store. Thread-safe; each listing is for one thread at a time."""

    def __init__(
        self,
        root: SafeRoot,
        cache: HashCache,
        filetypes: Filetypes,
        *,
        names_read: int = NAMES_READ,
        names_kept: int = NAMES_KEPT,
    ) -> None:
        self._root = root
        self._cache = cache
        self._filetypes = filetypes
        self._names_read = names_read
        self._names_kept = names_kept

    def pages(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """The entries, page by page. What is in `hidden` is not looked at.

        The first step raises `NotFound` (40) and `WrongKind` (43), and so does
        a later one if the directory is removed meanwhile.
        """
        return listing_pages(self._items(endpoint, recursive, hidden))

    def tree(self, endpoint: Endpoint) -> Iterator[ListingPage]:
        """Everything below a directory."""
        return self.pages(endpoint, recursive=True)

    def _items(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet) -> Iterator[Entry | tuple[str, str]]:
        """Entries, and names that cannot be offered, each with the reason."""
        levels = [_Level(endpoint, "", hidden.names_in(endpoint.parts))]
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
                levels.append(_Level(below, f"{item.name}/", hidden.names_in(below.parts)))
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
        """The entry for one name, or why it is skipped; None for reserved names, and if it was removed meanwhile."""
        if isinstance(found, FileNotFoundError):
            return None
        try:
            name = raw.decode()
        except UnicodeDecodeError:
            return level.prefix + printable(raw), "its name is not UTF-8"
        if is_reserved(name):
            return None
        problem = name_problem(name)
        if problem is not None:
            return level.prefix + printable(raw), f"its name {problem}"
        if level.path_bytes + len(raw) > MAX_PATH_BYTES:
            return level.prefix + name, f"its path is longer than {MAX_PATH_BYTES} bytes"
        if len(level.endpoint.parts) >= MAX_PARTS:
            return level.prefix + name, f"its path has more than {MAX_PARTS} parts"
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
        """Fill `ready`; False if nothing is left. Raises why the directory cannot be read."""
        while not level.ready:
            if not level.names and level.complete:
                return False
            handle = self._root.open_directory(level.endpoint)
            try:
                if not level.names:
                    self._read_names(level, handle.fd)
                self._stat_names(level, handle.fd)
            except OSError as error:
                raise refusal(error, level.endpoint) from error
            finally:
                close_quietly(handle.fd)
        return True

    def _read_names(self, level: _Level, directory: int) -> None:
        with os.scandir(directory) as found:
            shown = (one.name for one in found if not level.hidden or folded(one.name) not in level.hidden)
            names = (name for name in map(os.fsencode, shown) if name > level.after)
            level.names = heapq.nsmallest(self._names_read, names)
        level.complete = len(level.names) < self._names_read
        level.names.reverse()

    def _stat_names(self, level: _Level, directory: int) -> None:
        """Stat one page of names, and look up their hashes."""
        chunk = level.names[-LISTING_PAGE:]
        del level.names[-LISTING_PAGE:]
        stats: list[tuple[bytes, os.stat_result | OSError]] = []
        files: dict[str, os.stat_result] = {}
        for name in chunk:
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                stats.append((name, error))
                continue
            stats.append((name, found))
            if stat.S_ISREG(found.st_mode):
                files[os.fsdecode(name)] = found
        known = self._cache.lookup(self._root.cache_path(level.endpoint), files)
        level.ready = [(name, found, known.get(os.fsdecode(name))) for name, found in stats]


def printable(name: bytes) -> str:
    """A name of any bytes, for people: without control characters, and valid in JSON."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
