"""Removes files and directories; every removed file becomes a version."""

from __future__ import annotations

import errno
import os
import stat
from typing import Callable, Generator, Iterator, Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import NotFound, WrongKind
from homeftp.model import ABSENT, Actor, Entry, ListingPage
from homeftp.store.local.commit.existing import ExistingEntries, raise_first
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.pending import PendingUnlink
from homeftp.store.local.disk.entries import is_reserved
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.handles import DirHandle, close_all
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.preconditions import names_content, no_hash, occupied
from homeftp.store.policy.wording import display_path, not_empty

ListTree = Callable[[Endpoint], Iterator[ListingPage]]
"""Lists everything below a directory."""

_BATCH = 256
"""Files that become versions with one sync."""


@attrs.frozen
class Remover:
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
            if precondition == ABSENT:
                raise occupied(endpoint)
            if names_content(precondition):
                raise no_hash(endpoint)
            if recursive:
                yield from self._remove_content(endpoint, actor)
            self._remove_directory(handle, endpoint, actor)
            self.existing.make_durable([handle], endpoint)
            yield 1

    def _remove_content(self, endpoint: Endpoint, actor: Actor) -> Iterator[int]:
        """Remove everything in a directory, after checking that nothing in it prevents that."""
        entries: list[Entry] = []
        for page in self.list_tree(endpoint):
            if page.skipped:
                name, reason = page.skipped[0]
                raise WrongKind(f"{display_path(endpoint)} was not removed: {name} in it is not shared: {reason}")
            entries += page.entries
            yield 0
        folders = [entry.name.split("/") for entry in entries if entry.kind == "directory"]
        for parts in ([], *folders):
            self._check_removable(endpoint.beneath(*parts), endpoint)
            yield 0
        names = [entry.name for entry in entries if entry.kind == "file"]
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            self._remove_files([endpoint.beneath(*name.split("/")) for name in batch], actor)
            yield len(batch)
        for parts in sorted(folders, key=len, reverse=True):
            below = endpoint.beneath(*parts)
            with self.existing.open_parent(below) as (handle, _):
                self._remove_directory(handle, below, actor)
            yield 1

    def _check_removable(self, directory: Endpoint, endpoint: Endpoint) -> None:
        """Raise `WrongKind` (43) if a directory could not be removed even if all listed entries were."""
        try:
            handle = self.root.open_directory(directory)
        except NotFound:
            return
        try:
            reserved = [name for name in os.listdir(handle.fd) if is_reserved(name)]
            if not handle.same_mount and self.root.mount_depth(directory) == len(directory.parts):
                problem = f"another disk is mounted at {display_path(directory)}. Unmount it on the server first."
            elif reserved:
                problem = f"{display_path(directory)} holds {reserved[0]}, which belongs to an unfinished transfer"
            else:
                return
        except OSError as error:
            raise refusal(error, directory) from error
        finally:
            close_quietly(handle.fd)
        raise WrongKind(f"{display_path(endpoint)} was not removed: {problem}")

    def _remove_files(self, endpoints: Sequence[Endpoint], actor: Actor) -> None:
        handles: dict[Endpoint, DirHandle] = {}
        try:
            for endpoint in endpoints:
                if endpoint.parent not in handles:
                    handles[endpoint.parent] = self.root.open_directory(endpoint.parent)
            pendings = [PendingUnlink(handles[endpoint.parent], endpoint, None) for endpoint in endpoints]
            raise_first(each for each in self.namespace.remove(pendings, actor) if not isinstance(each, NotFound))
            self.existing.make_durable(list(handles.values()), endpoints[0])
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
