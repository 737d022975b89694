"""The names in a store: every change of a name is checked and made here, by one job at a time.

The order of every replacement: fsync of the new content < the old file is
archived < fsync of the version folders < rename < fsync of the directory, and
of the parent of each new directory < the answer. The first step is done before
this module is called, the last two after (`committer.py`).
"""

from __future__ import annotations

import contextlib
import os
from threading import Lock
from typing import Callable, ContextManager, Iterable, Iterator, Sequence, TypeVar

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, Refusal
from homeftp.hashing.filehash import signature
from homeftp.model import ABSENT, Actor, Change
from homeftp.store.local.commit.outcome import InDoubt, in_doubt, not_archived
from homeftp.store.local.commit.outdated import OutdatedHashes
from homeftp.store.local.commit.pending import (
    KNOWN_NAME,
    NEW_NAME,
    ExistingTarget,
    PendingRename,
    PendingUnlink,
    rename_change,
    unlink_change,
)
from homeftp.store.local.commit.preconditions import check_file
from homeftp.store.local.commit.renamer import Renamer, TargetAppeared
from homeftp.store.local.commit.similarnames import NameCollisions
from homeftp.store.local.disk.entries import kind_of
from homeftp.store.local.disk.errnos import FULL
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, raw
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.archive import Archiver, ArchiverFactory, Remember
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.preconditions import changed, occupied
from homeftp.store.policy.wording import display_path, is_directory, not_found

T = TypeVar("T")

_ATTEMPTS = 5
"""Times to try again if another program creates a target that was missing."""


_NOTHING = contextlib.nullcontext()
"""For a rename that the stat of the new file shows: made once, as it is for each of many files."""

DirectoryChange = tuple[DirHandle, Callable[[], bool], Change]
"""An open directory, what changes its metadata and gives whether it did, and how that is recorded."""

FileChange = tuple[PendingUnlink, Callable[[], bool], Change]
"""The same for a file, which keeps its name."""

Checked = dict[DirHandle, bool]
"""Open directories, and whether each is still where it was opened."""


@attrs.frozen
class Namespace:
    """Changes names, one job at a time. Thread-safe.

    Among the threads of this server, checking a precondition and renaming are
    one step. That nothing exists at a target is exact even against other programs.
    """

    root: SafeRoot
    renamer: Renamer
    archivers: ArchiverFactory
    fsync: Fsync
    collisions: NameCollisions
    outdated: OutdatedHashes
    changelog: ChangeLog
    _lock: Lock = attrs.field(factory=Lock, init=False)

    @contextlib.contextmanager
    def _changing(self, gaining: Iterable[DirHandle], others: Iterable[DirHandle] = ()) -> Iterator[None]:
        """Hold the lock while `gaining` get names, and `others` lose some. What takes a while is done before."""
        with self.collisions.known(gaining), self._lock, self.collisions.changing([*gaining, *others]):
            yield

    def foresee(self, handle: DirHandle, endpoint: Endpoint) -> None:
        """Raise `BadEndpoint` (41) where nothing new could get this name in the open directory now. Raises OSError."""
        self.root.check_new_name(handle.fd, endpoint)
        self.collisions.foresee(handle, endpoint)

    def make_directory(self, handle: DirHandle, endpoint: Endpoint, make: Callable[[], T]) -> T:
        """Call `make`, which makes a directory in the open one, and records that; returns what it returns.

        Raises `BadEndpoint` (41) for a name that is too similar to another, `Changed` (44), and what `make` raises.
        """
        self.root.check_new_name(handle.fd, endpoint)
        with self._changing([handle]):
            self.check_directory({}, handle, endpoint)
            with self._claimed(handle, endpoint):
                return make()

    @contextlib.contextmanager
    def _claimed(self, handle: DirHandle, endpoint: Endpoint, removed_name: str | None = None) -> Iterator[None]:
        """The block gives a directory's name to something new, unless it is too similar to another one there."""
        claimed = self.collisions.check(handle, endpoint, new=True, removed_name=removed_name)
        try:
            yield
        except BaseException:
            if claimed:
                self.collisions.withdrawn(handle, endpoint.name)
            raise

    def rename(self, pendings: Sequence[PendingRename], remember: Remember | None = None) -> list[Exception | None]:
        """Give each file its final name; a result for each, in order, None on success. Their endpoints are distinct.

        `remember` is as for `ArchiverFactory`. Raises nothing. Errors are `Changed` (44), `WrongKind` (43),
        `BadEndpoint` (41) for a name that is too similar to another, and OSError.
        """
        results: dict[int, Exception | None] = {}
        left = dict(enumerate(pendings))
        unlinked = [pending.unlink.handle for pending in pendings if pending.unlink is not None]
        with self._changing([pending.target.handle for pending in pendings], unlinked):
            for _ in range(_ATTEMPTS):
                again: dict[int, PendingRename] = {}
                for number, result in zip(left, self._rename_all(list(left.values()), remember), strict=True):
                    results[number] = result
                    if isinstance(result, TargetAppeared):
                        again[number] = left[number]
                        results[number] = changed(left[number].target.endpoint)
                left = again
                if not left:
                    break
        return [results[number] for number in range(len(pendings))]

    def _rename_all(self, pendings: Sequence[PendingRename], remember: Remember | None) -> list[Exception | None]:
        """`rename`, once; an error may be `TargetAppeared`."""
        results: list[Exception | None] = []
        try:
            self.changelog.ensure_recorded()
        except Refusal as refused:
            return [refused] * len(pendings)
        with self.archivers(remember) as archiver:
            checked: Checked = {}
            targets = [catch(self._prepare, each, archiver, checked) for each in pendings]
            failure = archiver.make_durable(self.fsync)
            handles = {pending.target.handle for pending in pendings}
            distinct = {each for each in handles if catch(self.outdated.may_look_the_same, each) is False}
            try:
                with self.changelog.changing() as record:
                    for pending, existing in zip(pendings, targets, strict=True):
                        if isinstance(existing, Exception):
                            results.append(existing)
                            continue
                        renaming = _NOTHING if pending.target.handle in distinct else self.outdated.renaming(pending)
                        results.append(catch(self._rename_one, pending, existing, archiver, failure, renaming))
                        if results[-1] is None or isinstance(results[-1], InDoubt):
                            record(rename_change(pending, existing))
            except Refusal as refused:
                results = [refused if result is None else result for result in results]
        return results

    def _prepare(self, pending: PendingRename, archiver: Archiver, checked: Checked) -> ExistingTarget:
        """Check whether the file may have its name, and archive the file that has it now."""
        target = pending.target
        endpoint, handle = target.endpoint, target.handle
        self.check_directory(checked, handle, endpoint)
        if target.precondition == ABSENT and pending.unlink is None and endpoint.name.isascii():
            # The rename itself finds out what has that name, but not what is listed in another Unicode form.
            return self._prepare_new(handle, endpoint)
        removed_name = None
        if pending.unlink is not None:
            self.check_directory(checked, pending.unlink.handle, pending.unlink.endpoint)
            self._stat(pending.unlink)
            stays = pending.unlink.endpoint.parent == endpoint.parent
            removed_name = os.fsdecode(pending.file.source.name) if stays else None
        found = self.root.stat_in(handle.fd, endpoint)
        name = b"" if found is None else self.root.stored_name(handle.fd, endpoint)
        if found is not None and removed_name is None:
            removed_name = None if name == raw(endpoint.name) else os.fsdecode(name)
        check_file(endpoint, found, target.precondition)
        if target.expected is not None and found is not None and signature(found) != target.expected:
            raise changed(endpoint)
        if found is None:
            return self._prepare_new(handle, endpoint, removed_name)
        self.collisions.check(handle, endpoint, new=False, removed_name=removed_name)
        same = target.expected is not None and target.precondition == pending.file.hash
        if (same and not archiver.has_other_content(endpoint, found)) or (
            pending.unlink is not None and self.renamer.is_other_link(pending, found)
        ):
            return ExistingTarget(found, None)  # this content stays
        if not found.st_size and not target.keeps_empty:
            return ExistingTarget(found, None)
        try:
            archived = archiver.link(handle, endpoint, name, found, pending.actor, pending.known_hash)
            return ExistingTarget(found, archived)
        except FileNotFoundError:
            raise TargetAppeared from None

    def _prepare_new(self, handle: DirHandle, endpoint: Endpoint, removed_name: str | None = None) -> ExistingTarget:
        """Check whether a file may have a name that nothing has."""
        self.root.check_new_name(handle.fd, endpoint)
        claimed = self.collisions.check(handle, endpoint, new=True, removed_name=removed_name)
        return NEW_NAME if claimed else KNOWN_NAME

    def _rename_one(
        self,
        pending: PendingRename,
        existing: ExistingTarget,
        archiver: Archiver,
        failure: OSError | None,
        renaming: ContextManager[None],
    ) -> None:
        """Rename one file, unless the version of the file that it replaces may not be durable."""
        try:
            name = self.root.stored_name(pending.target.handle.fd, pending.target.endpoint)
            if failure is not None and existing.archived is not None:
                if failure.errno in FULL:
                    raise failure
                raise not_archived(pending.target.endpoint) from failure
            with renaming:
                self.renamer.rename(pending, existing, name)
        except InDoubt:
            self._renamed(pending, existing, name, archiver)
            raise
        except BaseException:
            if existing.archived is not None:
                archiver.undo(existing.archived)
            if existing.claimed:
                self.collisions.withdrawn(pending.target.handle, pending.target.endpoint.name)
            raise
        self._renamed(pending, existing, name, archiver)

    def _renamed(self, pending: PendingRename, existing: ExistingTarget, name: bytes, archiver: Archiver) -> None:
        """Note a change that was made: nothing may fail here."""
        pending.file.source.renamed()
        if pending.version_us is not None and (existing.archived is not None or existing.found is None):
            archiver.mark_restored(
                pending.target.handle, pending.target.endpoint, pending.version_us, existing.archived
            )
        if not existing.claimed:
            self.collisions.added(pending.target.handle, os.fsdecode(name))
        if pending.unlink is not None:
            self.collisions.removed(pending.unlink.handle, os.fsdecode(pending.file.source.name))

    def remove(self, files: Sequence[PendingUnlink], actor: Actor) -> list[os.stat_result | Exception]:
        """Make each of these files a version; a result for each, in order: its stat, or why it still exists.

        The versions are durable, the removals not yet. Raises nothing. Errors
        are `NotFound` (40), `Changed` (44), `WrongKind` (43), OSError, and
        `InDoubt` if a file may come back after a power cut.
        """
        try:
            self.changelog.ensure_recorded()
        except Refusal as refused:
            return [refused] * len(files)
        results: list[os.stat_result | Exception] = []
        checked: Checked = {}
        with self._changing((), [each.handle for each in files]), self.archivers() as archiver:
            try:
                with self.changelog.changing() as record:
                    for pending in files:
                        found = catch(self._remove_one, pending, archiver, checked, actor)
                        results.append(found)
                        if not isinstance(found, Exception):
                            record(unlink_change(pending, found, actor))
            except Refusal as refused:
                results = [result if isinstance(result, Exception) else refused for result in results]
            failure = archiver.make_durable(self.fsync)
        if failure is None:
            return results
        return [
            each if isinstance(each, Exception) else in_doubt(pending.endpoint)
            for each, pending in zip(results, files, strict=True)
        ]

    def _remove_one(self, pending: PendingUnlink, archiver: Archiver, checked: Checked, actor: Actor) -> os.stat_result:
        self.check_directory(checked, pending.handle, pending.endpoint)
        found = self._stat(pending)
        if kind_of(pending.endpoint, found) == "directory":
            raise is_directory(pending.endpoint)
        name = self.root.stored_name(pending.handle.fd, pending.endpoint)
        self.renamer.remove(pending, name, found, archiver, actor)
        self.collisions.removed(pending.handle, os.fsdecode(name))
        return found

    def move_directory(self, pending: PendingUnlink, handle: DirHandle, endpoint: Endpoint, actor: Actor) -> None:
        """Give a directory another name where nothing exists. Raises `Changed` (44), `BadEndpoint` (41), OSError."""
        self.changelog.ensure_recorded()
        with self._changing([handle], [pending.handle]):
            self.check_directory({}, pending.handle, pending.endpoint)
            self.check_directory({}, handle, endpoint)
            self._stat(pending)
            name = self.root.stored_name(pending.handle.fd, pending.endpoint)
            removed_name = os.fsdecode(name) if pending.endpoint.parent == endpoint.parent else None
            self.root.check_new_name(handle.fd, endpoint)
            try:
                with self.changelog.changing() as record:
                    claimed = self._claimed(handle, endpoint, removed_name)
                    with claimed, self.outdated.moving(pending.endpoint, endpoint, handle):
                        self.renamer.rename_directory(pending, name, handle, endpoint)
                    self.collisions.removed(pending.handle, os.fsdecode(name))
                    record(Change("move", "directory", pending.endpoint, actor, endpoint))
            except FileExistsError:
                raise occupied(endpoint) from None

    def change_files(self, changes: Sequence[FileChange]) -> list[Exception | None]:
        """Change the metadata of files, and record what was changed: a result for each.

        Raises `Internal` (50) where earlier changes cannot be recorded, and where these were made and cannot be. Errors
        are `NotFound` (40), `Changed` (44) and OSError.
        """
        self.changelog.ensure_recorded()
        checked: Checked = {}
        with self._lock, self.changelog.changing() as record:
            return [catch(self._change_file, *each, checked, record) for each in changes]

    def _change_file(
        self,
        pending: PendingUnlink,
        apply: Callable[[], bool],
        change: Change,
        checked: Checked,
        record: Callable[[Change], None],
    ) -> None:
        self.check_directory(checked, pending.handle, pending.endpoint)
        self._stat(pending)
        with self.outdated.changing(pending):
            if apply():
                record(change)

    def change_directories(self, changes: Sequence[DirectoryChange]) -> list[Exception | None]:
        """`change_files` for open directories: a result for each. What `ChangeLog.reporting` has is recorded too.

        The caller has called `ChangeLog.ensure_recorded`. Raises `Internal` (50) where the changes were made, and
        cannot be recorded. Errors are `Changed` (44) and OSError.
        """
        with self._changing((), [handle for handle, _, _ in changes]), self.changelog.changing() as record:
            return [catch(self._change_directory, *each, record) for each in changes]

    def _change_directory(
        self, handle: DirHandle, apply: Callable[[], bool], change: Change, record: Callable[[Change], None]
    ) -> None:
        if not self.root.is_at(handle, change.endpoint):
            raise moved_meanwhile(change.endpoint)
        if apply():
            record(change)

    def remove_directory(
        self, parent: DirHandle, endpoint: Endpoint, actor: Actor, *, inode: int | None = None
    ) -> None:
        """Remove an empty directory from an open one, if it has that inode. Raises `Changed` (44), OSError."""
        with self._changing((), [parent]), self.changelog.changing() as record:
            self.check_directory({}, parent, endpoint)
            if inode is not None:
                self._stat(PendingUnlink(parent, endpoint, None, inode=inode))
            name = self.root.stored_name(parent.fd, endpoint)
            self.renamer.remove_directory(parent, name, endpoint)
            self.collisions.removed(parent, os.fsdecode(name))
            record(Change("delete", "directory", endpoint, actor))

    def check_directory(self, checked: Checked, handle: DirHandle, endpoint: Endpoint) -> None:
        """Raise `Changed` (44) if the open parent of `endpoint` is no longer there. Raises OSError.

        A name in a directory that was moved would be another name than the one
        that was requested. While the lock is held this server moves no directory.
        """
        if handle not in checked:
            checked[handle] = self.root.is_at(handle, endpoint.parent)
        if not checked[handle]:
            raise moved_meanwhile(endpoint)

    def _stat(self, pending: PendingUnlink) -> os.stat_result:
        """The stat of a file that is about to lose its name, if it is still the expected one."""
        found = self.root.stat_in(pending.handle.fd, pending.endpoint)
        if found is None:
            raise not_found(pending.endpoint)
        if pending.inode not in (None, found.st_ino) or pending.expected not in (None, signature(found)):
            raise changed(pending.endpoint)
        return found


def moved_meanwhile(endpoint: Endpoint) -> Changed:
    """The refusal where an open directory is no longer where it was opened."""
    return Changed(f"the directory of {display_path(endpoint)} was moved during the request: compare again")
