"""Moves files and directories to another name."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import Iterator

import msgspec

from homeftp.endpoint import MAX_PARTS, MAX_PATH_BYTES, Endpoint, name_problem
from homeftp.errors import NotFound
from homeftp.model import Actor, Entry
from homeftp.store.local.commit.committer import Committer
from homeftp.store.local.commit.directories import Directories
from homeftp.store.local.commit.existing import ExistingEntries
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.outcome import in_doubt
from homeftp.store.local.commit.pending import PendingRename, PendingUnlink, PinnedFile, PreparedFile, RenameTarget
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.disk.sortednames import NameBudget, directories_in
from homeftp.store.local.disk.spelling import wire_form
from homeftp.store.local.versions.folders import VersionFolders
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import check_move, check_path
from homeftp.store.policy.preconditions import check_directory_move, check_source


class Move(msgspec.Struct, frozen=True):
    """A move that was requested."""

    source: Endpoint
    target: Endpoint
    source_precondition: str | None
    target_precondition: str | None
    actor: Actor


class Mover(msgspec.Struct, frozen=True):
    """Moves files and directories. Thread-safe."""

    root: SafeRoot
    filetypes: Filetypes
    existing: ExistingEntries
    preconditions: Preconditions
    directories: Directories
    namespace: Namespace
    fsync: Fsync
    committer: Committer
    folders: VersionFolders
    budget: NameBudget

    def move(self, move: Move) -> Entry:
        """Give a file or a directory another name, durably; a file that has that name becomes a version.

        Raises `NotFound` (40), `Changed` (44), `WrongKind` (43), `BadEndpoint`
        (41), and `Forbidden` (33) for a target on another disk.
        """
        check_move(move.source, move.target)
        with (
            self.existing.open_parent(move.source) as (source, _),
            self.directories.opened(move.target.parent, move.actor, target=move.target, size=0) as target,
        ):
            pinned = self.root.open_pinned(source.fd, self.root.stored_name(source.fd, move.source))
            try:
                found = os.fstat(pinned)
                if stat.S_ISDIR(found.st_mode):
                    return self._move_directory(move, source, target, pinned, found)
                return self._move_file(move, source, target, pinned, found)
            finally:
                close_quietly(pinned)

    def _move_directory(
        self, move: Move, source: DirHandle, target: DirHandle, pinned: int, found: os.stat_result
    ) -> Entry:
        check_source(move.source, "directory", move.source_precondition)
        exists = self.root.stat_in(target.fd, move.target) is not None
        check_directory_move(move.source, move.target, exists, move.target_precondition)
        source_parts, target_parts = len(move.source.parts), len(move.target.parts)
        if target_parts > source_parts or len(move.target.whole.encode()) > len(move.source.whole.encode()):
            check_path(move.target, *self._reach(move.source))
        pending = PendingUnlink(source, move.source, None, inode=found.st_ino)
        self.namespace.move_directory(pending, target, move.target, move.actor)
        try:
            self.folders.moved(move.source, move.target)
            # By the descriptor: the name may belong to another directory by now.
            moved = os.fstat(pinned)
        except OSError as error:
            raise in_doubt(move.target, error) from error
        failure = next(filter(None, self.fsync.directories([target, source])), None)
        if failure is not None:
            raise in_doubt(move.target, failure)
        return entry_of(moved, self.root.disks)

    def _reach(self, directory: Endpoint) -> tuple[int, int]:
        """The bytes of the longest path beneath a directory, with the / before it, and the parts of the deepest one.

        Only those count that can be named now. Reads names only, each once where all can be kept, and without any lock:
        something that is stored there meanwhile is not seen.
        """
        longest = deepest = 0
        most = MAX_PATH_BYTES - len(directory.whole.encode())

        def subdirectories(way: tuple[bytes, ...]) -> Iterator[bytes]:
            nonlocal longest, deepest
            above = sum(map(len, way)) + len(way) + 1
            for name, is_directory in self._names(directory, way):
                if above + len(name) <= most:
                    longest, deepest = max(longest, above + len(name)), max(deepest, len(way) + 1)
                if is_directory:
                    yield name

        with self.budget.walk():
            for _ in directories_in((), subdirectories, self.budget):
                pass
        return longest, deepest

    def _names(self, directory: Endpoint, way: tuple[bytes, ...]) -> Iterator[tuple[bytes, bool]]:
        """The legal names in one beneath `directory`, and whether each is a directory; none where it was removed."""
        depth = len(directory.parts) + len(way)
        with contextlib.suppress(NotFound):
            handle = self.root.open_directory(directory.beneath(*map(os.fsdecode, way)))
            try:
                with os.scandir(handle.fd) as entries:
                    for entry in entries:
                        name = wire_form(os.fsencode(entry.name))
                        if depth < MAX_PARTS and name_problem(os.fsdecode(name)) is None:
                            yield name, entry.is_dir(follow_symlinks=False)
            finally:
                close_quietly(handle.fd)

    def _move_file(self, move: Move, source: DirHandle, target: DirHandle, pinned: int, found: os.stat_result) -> Entry:
        self.filetypes.check(move.target)
        name = self.root.stored_name(source.fd, move.source)
        unlink = self.existing.pending_unlink(source, move.source, move.source_precondition, found.st_ino)
        (expected,) = self.preconditions.expected([(target, move.target, move.target_precondition)])
        if isinstance(expected, Exception):
            raise expected
        self.fsync.existing_file(source.fd, name, source)
        pinned_file = PinnedFile(pinned, source.fd, name)
        file = PreparedFile(pinned_file, found.st_size, None, time.time_ns(), before=found, counted=True)
        there = RenameTarget(target, move.target, move.target_precondition, expected)
        return self.committer.commit_one(PendingRename(file, there, move.actor, unlink))
