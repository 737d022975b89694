"""A whole store over anything that maps paths to contents: a backend adds five methods, which know no rule.

Every rule of a store is here, and every change is made under one lock. It fits where contents are small enough for
memory, and names few enough to be read at once.
"""

from __future__ import annotations

import abc
import copy
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from threading import RLock
from typing import Callable, Generator, Iterable, Iterator, Sequence

from msgspec import structs

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.errors import Changed
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.store import IOpenFile, IUpload, StoreOptions
from homeftp.model import SERVER, Actor, Capabilities, Change, Entry, ListingPage, WriteRequest
from homeftp.store.basic import BasicStore
from homeftp.store.buffers import BytesFile, BytesUpload
from homeftp.store.policy import limits, preconditions, similarnames, wording
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.pages import listing_pages

Path = tuple[str, ...]
"""The names on the way from the root, which is () and always exists."""


class SimpleStore(BasicStore):
    """Files and directories by their paths. The methods of a backend are called by one thread at a time.

    What they change within `transaction` must survive a power cut when that ends, all of it or nothing. A store for
    another actor is a shallow copy (`bind`): keep what changes in objects that all copies share, and never assign
    another one to an attribute.
    """

    capabilities = Capabilities(atomic_directory_move=True, unique_tags=True)
    """The capabilities of these rules; extend them with `msgspec.structs.replace`, which leaves the others."""

    def __init__(self, options: StoreOptions) -> None:
        self._limits = limits.WriteLimits(Filetypes(options.filetypes), options.file_size)
        self._similar_names = options.similar_names
        self._log = ChangeLog(options.record_changes)
        self._lock = RLock()
        self._actor = SERVER
        self.capabilities = structs.replace(self.capabilities, similar_names=not options.similar_names)

    # -- for the backend to define -------------------------------------------------

    @abc.abstractmethod
    def paths(self) -> Iterable[Path]:
        """The paths of all files and directories, besides the root, in any order."""

    @abc.abstractmethod
    def load(self, path: Path) -> bytes | None:
        """The content of a file, None for a directory; raises KeyError where nothing exists. Not asked of the root."""

    @abc.abstractmethod
    def save(self, path: Path, content: bytes | None) -> None:
        """Write a file, new or not, or make a directory: None. Its parent exists."""

    @abc.abstractmethod
    def delete(self, path: Path) -> None:
        """Remove a file or a directory, which exists."""

    @abc.abstractmethod
    def transaction(self) -> AbstractContextManager[object]:
        """A transaction: its changes are made in one step, and undone where it raises."""

    # ------------------------------------------------------------------------------

    def bind(self, actor: Actor) -> SimpleStore:
        """The same store; what is changed through it is recorded as changed by `actor`."""
        bound = copy.copy(self)
        bound._actor = actor
        return bound

    def close(self) -> None:
        """Record what could not be recorded yet; raises `UnrecordedChanges`."""
        self._log.close()

    # -- reading -------------------------------------------------------------------

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint; None where nothing exists."""
        return self._served(endpoint)[0]

    def open(self, endpoint: Endpoint) -> IOpenFile:
        """Open a file for reading."""
        entry, content = self._existing(endpoint)
        if content is None:
            raise wording.is_directory(endpoint)
        return BytesFile(entry, content)

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries as they were at the first step, page by page."""
        with self._lock:
            if self._existing(endpoint)[0].kind == "file":
                raise wording.not_a_directory(endpoint)
            depth = len(endpoint.parts)
            beneath = [names for names in self._beneath(endpoint.parts) if recursive or len(names) == depth + 1]
            found = [self._item(names, depth) for names in beneath if not hidden.covers(names)]
        yield from listing_pages(found)

    def _item(self, names: Path, depth: int) -> Entry | tuple[str, str]:
        name, entry = "/".join(names[depth:]), self._entry(names)
        assert entry is not None
        problem = self._limits.filetypes.problem(name) if entry.kind == "file" else None
        return structs.replace(entry, name=name) if problem is None else (name, problem)

    def _beneath(self, above: Path) -> Sequence[Path]:
        """The paths beneath a directory, each directory before its content."""
        beneath = [path for path in self.paths() if path[: len(above)] == above and path != above]
        return sorted(beneath, key=lambda path: [name.encode() for name in path])

    def _served(self, endpoint: Endpoint) -> tuple[Entry | None, bytes | None]:
        """The result of `_read`, if the file's type is allowed. Raises `FiletypeNotAllowed` (42)."""
        with self._lock:
            entry, content = self._read(endpoint.parts)
        if entry is None:
            self._limits.filetypes.check_absent(endpoint)
        elif entry.kind == "file":
            self._limits.filetypes.check(endpoint)
        return entry, content

    def _read(self, path: Path) -> tuple[Entry | None, bytes | None]:
        """The entry at a path, and the content of a file."""
        try:
            content = self.load(path) if path else None
        except KeyError:
            return None, None
        if content is None:
            return Entry("", "directory"), None
        return _file_entry(content, hash_bytes(content)), content

    def _entry(self, path: Path) -> Entry | None:
        return self._read(path)[0]

    def _existing(self, endpoint: Endpoint) -> tuple[Entry, bytes | None]:
        entry, content = self._served(endpoint)
        if entry is None:
            raise wording.not_found(endpoint)
        return entry, content

    # -- changing ------------------------------------------------------------------

    def upload(self, request: WriteRequest) -> IUpload:
        """Begin to write a file."""
        self._limits.check(request)
        with self._lock:
            preconditions.check_replaceable(request.endpoint, self._entry(request.endpoint.parts), request.precondition)
        if request.offset:
            raise Changed(f"nothing of {wording.display_path(request.endpoint)} was kept: compare again")
        check_size, put = partial(self._limits.check_size, request.endpoint), partial(self._put, request)
        return BytesUpload(request, b"", check_size=check_size, commit=put, suspend=lambda content: None)

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        """Write small files and make directories, one after the other."""
        return [
            catch(self.make_directory, request) if content is None else catch(self._put, request, content, request.hash)
            for request, content in requests
        ]

    def make_directory(self, request: WriteRequest) -> Entry:
        """Make a directory and its missing parents."""
        request = limits.directory_request(request)
        with self._changing() as changed:
            entry = self._entry(request.endpoint.parts)
            kind = None if entry is None else entry.kind
            preconditions.check_directory(request.endpoint, kind, request.precondition)
            self._make_directories(request.endpoint, request.acting(self._actor), changed)
        return Entry("", "directory")

    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Give a file or a directory another name."""
        limits.check_move(source, target)
        with self._changing() as changed:
            entry, content = self._source(source, source_precondition)
            if content is not None:
                self._limits.filetypes.check(target)
                return self._place(target, entry, content, target_precondition, self._actor, changed, source)
            occupied = self._entry(target.parts) is not None
            preconditions.check_directory_move(source, target, occupied, target_precondition)
            self._check_name(target, source)
            moved = [(names, target.parts + names[len(source.parts) :]) for names in self._beneath(source.parts)]
            for _, names in moved:
                limits.check_path(Endpoint(names, target.home))
            self._make_directories(target.parent, self._actor, changed)
            for old, new in [(source.parts, target.parts), *moved]:
                self.save(new, self.load(old))
            for old, _ in [*reversed(moved), (source.parts, target.parts)]:
                self.delete(old)
            changed(Change("move", "directory", source, self._actor, target))
            return Entry("", "directory")

    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Remove a file or a directory, step by step."""
        limits.check_removable(endpoint)
        with self._changing():
            self._source(endpoint, precondition)
            beneath = self._beneath(endpoint.parts)
            if beneath and not recursive:
                raise wording.not_empty(endpoint)
        for names in [*reversed(beneath), endpoint.parts]:
            with self._changing() as changed:
                removed = self._remove(Endpoint(names, endpoint.home), changed)
            yield removed

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Refused: there are no versions."""
        limits.check_not_root(endpoint)
        self._limits.filetypes.check(endpoint)
        raise wording.no_version(endpoint, at_us)

    @contextmanager
    def _changing(self) -> Iterator[Callable[[Change], None]]:
        """All changes are made in here; those that are made are recorded in the end."""
        made: list[Change] = []
        with self._lock:
            self._log.ensure_recorded()
            with self._log.changing() as changed:
                with self.transaction():
                    yield made.append
                for change in made:
                    changed(change)

    def _source(self, endpoint: Endpoint, precondition: str | None) -> tuple[Entry, bytes | None]:
        """The entry that is about to be moved or removed, and the content of a file."""
        entry, content = self._existing(endpoint)
        preconditions.check_source(endpoint, entry.kind, precondition)
        preconditions.check(endpoint, entry, precondition)
        return entry, content

    def _put(self, request: WriteRequest, content: bytes, declared: str | None) -> Entry:
        self._limits.check(structs.replace(request, size=len(content)))
        hash = hash_bytes(content)
        limits.check_content(request, len(content), hash, declared)
        entry, actor = _file_entry(content, hash), request.acting(self._actor)
        with self._changing() as changed:
            return self._place(request.endpoint, entry, content, request.precondition, actor, changed)

    def _place(
        self,
        endpoint: Endpoint,
        entry: Entry,
        content: bytes,
        precondition: str | None,
        actor: Actor,
        changed: Callable[[Change], None],
        source: Endpoint | None = None,
    ) -> Entry:
        """Put a file with that entry and content at an endpoint, written or moved from a source."""
        old = self._entry(endpoint.parts)
        preconditions.check_replaceable(endpoint, old, precondition)
        if old is None:
            self._check_name(endpoint, source)
        self._make_directories(endpoint.parent, actor, changed)
        change = Change("add", "file", endpoint, actor, None, entry.size, entry.hash)
        if old is not None:
            change = structs.replace(change, what="replace", old_size=old.size, old_hash=old.hash)
        if source is not None:
            self.delete(source.parts)
            change = structs.replace(change, what="move", endpoint=source, to=endpoint)
        self.save(endpoint.parts, content)
        changed(change)
        return entry

    def _make_directories(self, endpoint: Endpoint, actor: Actor, changed: Callable[[Change], None]) -> None:
        way = [endpoint.first(depth) for depth in range(1, len(endpoint.parts) + 1)]
        entries = [self._entry(each.parts) for each in way]
        for each, entry in zip(way, entries, strict=True):
            if entry is not None and entry.kind == "file":
                raise wording.not_a_directory(endpoint, each)
        for each, entry in zip(way, entries, strict=True):
            if entry is None:
                self._check_name(each)
                self.save(each.parts, None)
                changed(Change("add", "directory", each, actor))

    def _remove(self, endpoint: Endpoint, changed: Callable[[Change], None]) -> int:
        entry = self._entry(endpoint.parts)
        if entry is None:
            return 0
        if self._beneath(endpoint.parts):
            raise wording.not_empty(endpoint)
        self.delete(endpoint.parts)
        change = Change("delete", entry.kind, endpoint, self._actor)
        if entry.kind == "file":
            change = structs.replace(change, old_size=entry.size, old_hash=entry.hash)
        changed(change)
        return 1

    def _check_name(self, endpoint: Endpoint, moved_from: Endpoint | None = None) -> None:
        """Raise `BadEndpoint` (41) for a new name that is too similar to a sibling's, other than `moved_from`."""
        if not self._similar_names:
            old = None if moved_from is None else moved_from.parts
            neighbors = [path[-1] for path in self.paths() if path[:-1] == endpoint.parts[:-1] and path != old]
            similarnames.check(endpoint.name, neighbors)


def _file_entry(content: bytes, hash: str) -> Entry:
    return Entry("", "file", len(content), hash=hash, tag=hash)
