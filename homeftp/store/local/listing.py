"""Lists a directory or a tree page by page: sorted, without recursion, and with little memory for any size.

No descriptor stays open between two pages. If a directory has more names than
are kept, it is read again from the last name on, so a name that exists all the
time is listed exactly once.
"""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import Callable, Iterator

import attrs
from msgspec import structs

from homeftp.endpoint import MAX_PARTS, MAX_PATH_BYTES, NO_FOLDERS, Endpoint, FolderSet, folded, name_problem
from homeftp.errors import Refusal
from homeftp.hashing.hashcache import HashCache, KnownHash
from homeftp.model import Entry, ListingPage, TreeDigest
from homeftp.store.local.disk.entries import is_reserved, kind_problem, known_entry
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.disk.sortednames import ListingLevel, NameBudget, SortedNames, forget_outer
from homeftp.store.local.disk.spelling import wire_form
from homeftp.store.local.filefolders import FileFolders
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.pages import STEP_ITEMS, listing_pages

_STORED_AS = b"\0"
"""Between a name and the one that its directory has for it: no name has this, and it sorts before all letters."""


class _OtherFile(OSError):
    """A name that is not found under its form on the wire: another file has that, or had it, or several would."""

    def __init__(self, stored: bytes) -> None:
        super().__init__()
        self.stored = stored


_Ready = tuple[bytes, "os.stat_result | OSError", "KnownHash | None"]
"""A name with its stat, and its hash if known."""


@attrs.define(eq=False)
class _Level(ListingLevel[_Ready]):
    """A directory that is being listed."""

    endpoint: Endpoint
    prefix: str
    """The prefix of names in it, relative to the requested directory."""
    hidden: frozenset[str]
    """The folded forms of names in it that are left out."""
    served: bytes = b""
    """The name of the last entry that was given."""
    path_bytes: int = attrs.field(init=False)
    """The bytes before a name in its endpoint."""

    @path_bytes.default
    def _count_path_bytes(self) -> int:
        return len("/".join((*self.endpoint.parts, "")).encode())


class DirectoryLister:
    """Lists the directories of one store. Thread-safe; each listing is for one thread at a time."""

    def __init__(
        self, root: SafeRoot, cache: HashCache, filetypes: Filetypes, budget: NameBudget | None = None
    ) -> None:
        self._root = root
        self._cache = cache
        self._filetypes = filetypes
        self._folders = FileFolders(root, cache, filetypes)
        self.budget = budget or NameBudget()
        """The bound on the memory of its listings; other walks may share it."""

    def pages(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """The entries, page by page. What is in `hidden` is not looked at.

        The first step raises `NotFound` (40) and `WrongKind` (43), and so does
        a later one if the directory is removed meanwhile.
        """
        return listing_pages(self._items(endpoint, recursive, hidden, lambda endpoint: None))

    def digest_pages(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """All beneath a directory, as `pages`, but for what is in directories whose digests are known."""

        def digests(endpoint: Endpoint) -> TreeDigest | None:
            return None if hidden.names_in(endpoint.parts) else self._folders.digests(endpoint)

        return listing_pages(self._items(endpoint, True, hidden, digests))

    def tree(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """Everything below a directory."""
        return self.pages(endpoint, recursive=True, hidden=hidden)

    def _items(
        self, endpoint: Endpoint, recursive: bool, hidden: FolderSet, digests: Callable[[Endpoint], TreeDigest | None]
    ) -> Iterator[Entry | tuple[str, str] | None]:
        """Entries, and names that cannot be offered, each with the reason; None where a step has only read names."""
        with self.budget.walk():
            found = digests(endpoint)
            if found is not None:
                yield Entry("", "directory", digests=found)
                return
            yield from self._walk(endpoint, recursive, hidden, digests)

    def _walk(
        self, endpoint: Endpoint, recursive: bool, hidden: FolderSet, digests: Callable[[Endpoint], TreeDigest | None]
    ) -> Iterator[Entry | tuple[str, str] | None]:
        levels = [self._level(endpoint, "", hidden)]
        while levels:
            level = levels[-1]
            try:
                advanced = self._advance(level)
                if not advanced:
                    if advanced is None:
                        yield None
                    else:
                        levels.pop()
                    continue
            except Refusal as refused:
                levels.pop()
                if not levels:
                    raise
                yield level.prefix[:-1], refused.message
                continue
            key, found, known = level.ready.pop()
            level.after = key
            name, _, stored = key.partition(_STORED_AS)
            if stored and name == level.served:
                found = _OtherFile(stored)  # the file that had this name has been listed, and has gone since
            item = self._item(level, name, found, known)
            if isinstance(item, Entry):
                level.served = name
            if recursive and isinstance(item, Entry) and item.kind == "directory":
                below = level.endpoint.beneath(name.decode())
                digest = digests(below)
                if digest is not None:
                    yield structs.replace(item, digests=digest)
                    continue
                yield item
                levels.append(self._level(below, f"{item.name}/", hidden))
                forget_outer(levels, self.budget)
            elif item is not None:
                yield item

    def _level(self, endpoint: Endpoint, prefix: str, hidden: FolderSet) -> _Level:
        return _Level(SortedNames(self.budget), endpoint, prefix, hidden.names_in(endpoint.parts))

    def _item(
        self, level: _Level, raw: bytes, found: os.stat_result | OSError, known: KnownHash | None
    ) -> Entry | tuple[str, str] | None:
        """The entry for one name, or why it is skipped; None for reserved names, and if it was removed meanwhile."""
        if isinstance(found, FileNotFoundError):
            return None
        if isinstance(found, _OtherFile):
            reason = f"its name differs from '{raw.decode()}' beside it only in its Unicode form: rename one of them"
            return level.prefix + printable(found.stored), reason
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
        return known_entry(found, self._root.disks, known, name=level.prefix + name)

    def _advance(self, level: _Level) -> bool | None:
        """Fill `ready` if it is empty; False if nothing is left, None if only names were read so far.

        Raises why the directory cannot be read.
        """
        while not level.ready:
            if level.names.ended:
                return False
            handle = self._root.open_directory(level.endpoint)
            try:
                if not level.names.read_part(partial(_names, handle.fd, level.hidden)):
                    return None
                self._stat_names(level, handle.fd)
            except OSError as error:
                raise refusal(error, level.endpoint) from error
            finally:
                close_quietly(handle.fd)
        return True

    def _stat_names(self, level: _Level, directory: int) -> None:
        """Stat the names of one step, and look up their hashes."""
        chunk = level.names.take(STEP_ITEMS, partial(_names, directory, level.hidden))
        stats: list[tuple[bytes, str, os.stat_result | OSError]] = []
        files: dict[str, os.stat_result] = {}
        for key in chunk:
            name, _, stored = key.partition(_STORED_AS)
            text = os.fsdecode(name)
            try:
                if stored and not self._root.is_stored_as(directory, name, stored):
                    raise _OtherFile(stored)
                found = os.stat(stored or name, dir_fd=directory, follow_symlinks=False)
            except OSError as error:
                if isinstance(error, PermissionError):
                    os.stat(".", dir_fd=directory, follow_symlinks=False)  # raises where all names there do
                stats.append((key, text, error))
                continue
            stats.append((key, text, found))
            self._root.disks.learn(found, directory)
            if stat.S_ISREG(found.st_mode):
                files[text] = found
        known = self._cache.known(self._root.cache_path(level.endpoint), files, whole=True)
        level.ready = [(key, found, known.get(text)) for key, text, found in reversed(stats)]


def _names(directory: int, hidden: frozenset[str]) -> Iterator[bytes]:
    """The names in an open directory as keys of their order, except those whose folded form is hidden."""
    with os.scandir(directory) as found:
        for one in found:  # a large directory is read several times, so each name must cost little
            text = one.name
            if not hidden or folded(text) not in hidden:
                yield text.encode() if text.isascii() else _key(text)


def _key(text: str) -> bytes:
    """The key that sorts a name: its form on the wire, with the name itself behind where that is another one."""
    name = os.fsencode(text)
    listed = wire_form(name)
    return name if listed == name else listed + _STORED_AS + name


def printable(name: bytes) -> str:
    """A name of any bytes, for people: without control characters, and valid in JSON."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
