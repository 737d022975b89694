"""Removes files and directories; every removed file becomes a version."""

from __future__ import annotations

import errno
import os
import stat
from typing import Callable, Generator, Iterator, Sequence

import msgspec

from homeftp.endpoint import Endpoint, name_problem
from homeftp.errors import Changed, NotFound, WrongKind
from homeftp.model import Actor, ListingPage
from homeftp.store.local.commit.existing import ExistingEntries, raise_first
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.pending import PendingUnlink
from homeftp.store.local.disk.entries import is_reserved
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.handles import WAYS_PARTS, DirHandle, close_all, per_job
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.preconditions import check_source
from homeftp.store.policy.wording import display_path, not_empty

ListTree = Callable[[Endpoint], Iterator[ListingPage]]
"""Lists everything below a directory."""

_BATCH = 64
"""Files that become versions with one sync, in one step: that takes some 10 ms of a processor. With 24 it was 4, and a
folder of 5,000 files took a quarter longer to remove on a disk."""


class Remover(msgspec.Struct, frozen=True):
    """Removes files and directories. Thread-safe."""

    root: SafeRoot
    list_tree: ListTree
    existing: ExistingEntries
    namespace: Namespace
    changelog: ChangeLog

    def remove(
        self, endpoint: Endpoint, precondition: str | None, recursive: bool, actor: Actor
    ) -> Generator[int, None, None]:
        """Remove a file, or a directory, with `recursive` also its content; yields what each step removed.

        Raises `NotFound` (40), `Changed` (44), and `WrongKind` (43) for a
        directory that is not empty, or that holds what the store does not offer.
        """
        with self.existing.open_parent(endpoint) as (handle, found):
            if not stat.S_ISDIR(found.st_mode):
                pending = self.existing.pending_unlink(handle, endpoint, precondition)
                raise_first(self.namespace.remove([pending], actor))
                self.existing.make_durable([handle], endpoint)
                yield 1
                return
            check_source(endpoint, "directory", precondition)
            if recursive:
                yield from self._check_content(endpoint)
                yield from self._remove_content(endpoint, actor)
            removed = 1
            try:
                self._remove_directory(handle, endpoint, actor)
            except FileNotFoundError:
                if not recursive:
                    raise
                removed = 0  # somebody else has removed it meanwhile
            self.existing.make_durable([handle], endpoint)
            yield removed

    def remove_files(self, files: Sequence[tuple[Endpoint, str | None]], actor: Actor) -> list[Exception | None]:
        """Make files versions, each on its precondition and durably: why one is still there, or None, for each."""
        handles: dict[Endpoint, DirHandle | Exception] = {}
        results: dict[int, Exception | None] = {}
        pendings: dict[int, PendingUnlink] = {}
        try:
            for number, (endpoint, precondition) in enumerate(files):
                if endpoint.parent not in handles:
                    handles[endpoint.parent] = catch(self.root.open_directory, endpoint.parent)
                handle = handles[endpoint.parent]
                pending = (
                    handle
                    if isinstance(handle, Exception)
                    else catch(self.existing.pending_unlink, handle, endpoint, precondition)
                )
                if isinstance(pending, Exception):
                    results[number] = pending
                else:
                    pendings[number] = pending
            removed = self.namespace.remove(list(pendings.values()), actor)
            changed = [each for each in handles.values() if isinstance(each, DirHandle)]
            failure = catch(self.existing.make_durable, changed, files[0][0]) if files else None
            for number, found in zip(pendings, removed, strict=True):
                results[number] = found if isinstance(found, Exception) else failure
        finally:
            close_all(handles.values())
        return [
            refusal(result, endpoint) if isinstance(result, OSError) else result
            for (endpoint, _), result in zip(files, (results[number] for number in range(len(files))), strict=True)
        ]

    def _check_content(self, endpoint: Endpoint) -> Iterator[int]:
        """Check that nothing in a directory prevents its removal."""
        self._check_removable(endpoint, endpoint)
        for page in self.list_tree(endpoint):
            self._check_listed(page, endpoint)
            yield 0
            for entry in page.entries:
                if entry.kind == "directory":
                    self._check_removable(endpoint.at(entry.name), endpoint)
                    yield 0

    def _check_listed(self, page: ListingPage, endpoint: Endpoint) -> None:
        """Raise `WrongKind` (43) if a directory holds something that cannot be listed, and so cannot be removed."""
        for name, reason in page.skipped:
            parts = name.split("/")
            was_removed = not any(map(name_problem, parts)) and catch(self.root.stat, endpoint.beneath(*parts)) is None
            if not was_removed:
                raise WrongKind(f"{display_path(endpoint)} was not removed: {name} in it is not shared: {reason}")

    def _remove_content(self, endpoint: Endpoint, actor: Actor) -> Iterator[int]:
        """Remove everything in a directory. It may hold millions of files: no more are known at a time than a batch.

        All its versions have one time, so that they can be told from those of other changes.
        """
        batch = _RemovalBatch(self.namespace.archivers.archive.next_time_us())
        for page in self.list_tree(endpoint):
            self._check_listed(page, endpoint)
            for entry in page.entries:
                batch.add(endpoint.at(entry.name), entry.kind)
                if batch.is_full:
                    yield from self._remove_batch(batch, actor)
            if not page.entries:
                yield 0
        batch.close()
        yield from self._remove_batch(batch, actor)

    def _remove_batch(self, batch: _RemovalBatch, actor: Actor) -> Iterator[int]:
        files, directories = batch.take()
        if files:
            yield self._remove_files(files, actor, batch.at_us)
        for directory in directories:
            yield self._remove_listed(directory, actor)

    def _remove_listed(self, directory: Endpoint, actor: Actor) -> int:
        """Remove a directory that was listed; 0 where somebody else has removed it meanwhile."""
        try:
            with self.existing.open_parent(directory) as (handle, _):
                self._remove_directory(handle, directory, actor)
        except (NotFound, Changed) as refused:
            if not self._is_gone(refused, directory):
                raise
            return 0
        return 1

    def _is_gone(self, refused: Exception, directory: Endpoint) -> bool:
        """Whether something was refused because its directory was removed meanwhile: an open one tells that as 44."""
        return isinstance(refused, NotFound) or (isinstance(refused, Changed) and self.root.stat(directory) is None)

    def _check_removable(self, directory: Endpoint, endpoint: Endpoint) -> None:
        """Raise `WrongKind` (43) if a directory could not be removed even if all listed entries were."""
        try:
            handle = self.root.open_directory(directory)
        except NotFound:
            return
        try:
            with os.scandir(handle.fd) as found:
                reserved = next((one.name for one in found if is_reserved(one.name)), None)
            if not handle.same_mount and self.root.mounts.depth(self.root.fd, directory) == len(directory.parts):
                problem = f"another disk is mounted at {display_path(directory)}. Unmount it on the server first."
            elif reserved is not None:
                problem = f"{display_path(directory)} holds {reserved}, which belongs to an unfinished transfer"
            else:
                return
        except OSError as error:
            raise refusal(error, directory) from error
        finally:
            close_quietly(handle.fd)
        raise WrongKind(f"{display_path(endpoint)} was not removed: {problem}")

    def _remove_files(self, endpoints: Sequence[Endpoint], actor: Actor, at_us: int) -> int:
        """Remove files that were listed, but for those that are gone by now; how many were removed."""
        handles: dict[Endpoint, DirHandle] = {}
        gone: set[Endpoint] = set()
        try:
            for parent in dict.fromkeys(endpoint.parent for endpoint in endpoints):
                opened = catch(self.root.open_directory, parent)
                if isinstance(opened, NotFound):
                    gone.add(parent)
                elif isinstance(opened, Exception):
                    raise opened
                else:
                    handles[parent] = opened
            there = [endpoint for endpoint in endpoints if endpoint.parent not in gone]
            pendings = [PendingUnlink(handles[endpoint.parent], endpoint, None, at_us=at_us) for endpoint in there]
            results = self.namespace.remove(pendings, actor)
            raise_first(
                result
                for endpoint, result in zip(there, results, strict=True)
                if not isinstance(result, Exception) or not self._is_gone(result, endpoint.parent)
            )
            self.existing.make_durable(list(handles.values()), endpoints[0])
            return sum(not isinstance(result, Exception) for result in results)
        finally:
            close_all(handles.values())

    def _remove_directory(self, handle: DirHandle, endpoint: Endpoint, actor: Actor) -> None:
        self.changelog.ensure_recorded()
        try:
            self.namespace.remove_directory(handle, endpoint, actor)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise not_empty(endpoint) from None
            raise


class _RemovalBatch:
    """The next removals: files, then the directories whose whole content was listed before, the deepest first."""

    def __init__(self, at_us: int) -> None:
        self.at_us = at_us
        """The time of the versions: microseconds since 1970."""
        self._files: list[Endpoint] = []
        self._complete: list[Endpoint] = []
        self._open: list[Endpoint] = []  # the directories on the way to the last entry
        self._way = 0

    @property
    def is_full(self) -> bool:
        """Whether to remove it before anything is added: each directory on the way to a file may be opened."""
        return len(self._files) + len(self._complete) >= _BATCH or self._way >= per_job(WAYS_PARTS)

    def add(self, endpoint: Endpoint, kind: str) -> None:
        """Add an entry of a listing, in which a directory comes right before what is in it."""
        self._leave(endpoint.parts)
        if kind == "directory":
            self._open.append(endpoint)
            return
        if not self._files or self._files[-1].parent != endpoint.parent:
            self._way += len(endpoint.parts)
        self._files.append(endpoint)

    def close(self) -> None:
        """The listing has ended."""
        self._leave(())

    def take(self) -> tuple[list[Endpoint], list[Endpoint]]:
        """The files and the directories to remove now."""
        taken = self._files, self._complete
        self._files, self._complete, self._way = [], [], 0
        return taken

    def _leave(self, parts: Sequence[str]) -> None:
        while self._open and self._open[-1].parts != tuple(parts[: len(self._open[-1].parts)]):
            self._complete.append(self._open.pop())
