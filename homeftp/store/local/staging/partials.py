"""Partial uploads: large files that are arriving, and those that were interrupted and are kept for a day.

Each is a file in `.homeftp/partial` (or beside its target on another disk that
is mounted inside the root) with a resume record in `.homeftp/partial`. After a
crash or a power cut the last line of the record says what had arrived. The
content is read and hashed again before anything is appended, and the hash of
the whole file decides at the end.

Only the account that began an upload learns of it and continues it: a
client that knows the hash of a beginning can compute the hash of a
continuation without knowing a byte of it (SHA-256 can be extended), and would
then read all of it.

Two uploads never write to the same file: resuming a partial upload
takes it over, and the upload that wrote to it before has lost it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import Counter
from typing import Callable

from homeftp.config import PARTIAL_UPLOAD_SECONDS
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, Internal, Refusal
from homeftp.model import Actor, Change, WriteRequest
from homeftp.store.local.disk.accounting import Allocation, QuotaAccounting
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.metadir import MetadataDir, in_metadata_dir
from homeftp.store.local.disk.privatefiles import create_file, open_private_file
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.partial import PartialRegistry, PartialUpload, not_resumable
from homeftp.store.local.staging.partialfile import PartialFile
from homeftp.store.local.staging.resumerecord import SUFFIX, ResumeRecord, ResumeRecords, read_record
from homeftp.store.local.staging.tempfile import TOKEN_BYTES, UNMOUNTED_SECONDS
from homeftp.store.policy.changelog import ChangeLog
from homeftp.syscalls import System

MOST = 1000
"""The number of partial uploads that are kept at once for one account; beyond it its oldest are removed."""

_MODE = 0o600
"""The mode of an incomplete file: the server must be able to open it again, whatever its final mode."""

_USELESS = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM})
"""Errors that mean that a partial upload can never be opened again."""


class PartialUploads:
    """All partial uploads of one store. Thread-safe."""

    def __init__(
        self,
        root: SafeRoot,
        system: System,
        metadata_dir: MetadataDir,
        accounting: QuotaAccounting,
        changelog: ChangeLog,
        now: Callable[[], float],
    ) -> None:
        self._root = root
        self._system = system
        self._folder = metadata_dir.partial
        self._records = ResumeRecords(metadata_dir.partial)
        self._accounting = accounting
        self._changelog = changelog
        self._now = now
        self._registry = PartialRegistry(self._records, accounting)
        self._load()

    # -- uploads -----------------------------------------------------------------

    def create(
        self, request: WriteRequest, handle: DirHandle, directory: Endpoint, allocation: Allocation
    ) -> PartialFile:
        """Create one for a target in or below the directory `handle`, which it has space for. Raises OSError."""
        token = os.urandom(TOKEN_BYTES).hex().encode()
        record = ResumeRecord.of(request, None if handle.same_mount else directory, allocation.actor)
        partial = PartialUpload(token, record, self._records, allocation=allocation)
        folder = self._folder if handle.same_mount else os.dup(handle.fd)
        try:
            if not handle.same_mount:
                with in_metadata_dir():
                    self._records.write(token, record)  # otherwise it could not be found after a crash
            with in_metadata_dir() if handle.same_mount else contextlib.nullcontext():
                fd = create_file(folder, partial.name, _MODE)
        except (OSError, Internal):
            self._records.remove(token)
            if not handle.same_mount:
                close_quietly(folder)
            raise
        file = partial.holder = PartialFile(self._registry, partial, self._system, fd, folder)
        self._registry.add(partial)
        return file

    def find(
        self, endpoint: Endpoint, content_hash: str | None, size: int | None, mtime_us: int | None, owner: str | None
    ) -> PartialUpload | None:
        """The owner's with the most bytes of that content for that endpoint, even while it is still arriving."""
        matching = [
            each
            for each in self._registry.all()
            if each.points
            and each.record.owner == owner
            and each.record.endpoint == endpoint
            and each.record.matches(content_hash, size, mtime_us)
        ]
        return max(matching, key=lambda each: each.points[-1].size, default=None)

    def resume(self, partial: PartialUpload, offset: int) -> PartialFile:
        """Take it over, to continue at `offset` after `start_at`. Raises `Changed` (44) if it is useless, and OSError.

        Until `start_at` nothing is lost: the client may disconnect while the
        content is read again.
        """
        with partial.lock:
            if partial not in self._registry:
                raise not_resumable(partial.record.endpoint)
            try:
                fd, folder = self._open(partial, offset)
            except Changed:
                if partial.holder is None:  # otherwise it would be offered again
                    self._unlink(partial)
                    self._registry.remove(partial, committed=False)
                raise
            file = partial.holder = PartialFile(self._registry, partial, self._system, fd, folder)
            return file

    def _open(self, partial: PartialUpload, offset: int) -> tuple[int, int]:
        """Open its file, of at least `offset` bytes, and its folder. Raises `Changed` (44) if useless, and OSError."""
        with contextlib.ExitStack() as opened:
            try:
                folder = self._open_folder(partial)
                opened.callback(self._close_folder, partial, folder)
                fd = open_private_file(folder, partial.name, writable=True, make=False)
            except Refusal:
                raise not_resumable(partial.record.endpoint) from None
            except OSError as error:
                if error.errno not in _USELESS:
                    raise
                raise not_resumable(partial.record.endpoint) from error
            opened.callback(close_quietly, fd)
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size < offset:
                raise not_resumable(partial.record.endpoint)
            opened.pop_all()
            return fd, folder

    def _open_folder(self, partial: PartialUpload) -> int:
        """The folder that holds its file; `_close_folder` closes it."""
        directory = partial.record.directory
        return self._folder if directory is None else self._root.open_directory(directory).fd

    def _close_folder(self, partial: PartialUpload, folder: int) -> None:
        if partial.record.directory is not None:
            close_quietly(folder)

    # -- expiry ------------------------------------------------------------------

    def total(self, handle: DirHandle | None, owner: str | None) -> int:
        """The bytes of an owner's idle ones: on the file system of `handle`, or everywhere."""
        return sum(each.allocation.arrived for each in self._idle(handle) if each.record.owner == owner)

    def total_of_all(self) -> int:
        """The bytes of all idle ones."""
        return sum(each.allocation.arrived for each in self._idle(None))

    def evict(self, actor: Actor, handle: DirHandle | None, wanted: int) -> int:
        """Remove the oldest idle ones of the actor's account until `wanted` bytes are freed; returns the freed bytes.

        Those of other accounts are never removed for it.
        """
        freed = 0
        for partial in self._idle(handle):
            if freed >= wanted:
                break
            size = partial.allocation.arrived
            if partial.record.owner == actor.owner and self._remove(partial):
                freed += size
                record = partial.record
                self._changelog.evicted(
                    Change("evict", "upload", record.endpoint, actor, old_size=size, owner=record.account)
                )
        return freed

    def expire(self) -> None:
        """Remove those that were not resumed for a day."""
        newer: Counter[str | None] = Counter()
        now = self._now()
        for partial in reversed(self._idle(None)):
            newer[partial.record.owner] += 1
            too_many = newer[partial.record.owner] > MOST
            if too_many or now - partial.last_used >= PARTIAL_UPLOAD_SECONDS:
                self._remove(partial)

    def _idle(self, handle: DirHandle | None) -> list[PartialUpload]:
        """The partial uploads that no upload writes to, the oldest first."""
        found = [
            each
            for each in self._registry.all()
            if each.holder is None and (handle is None or handle.same_mount == (each.record.directory is None))
        ]
        return sorted(found, key=lambda each: each.last_used)

    def _remove(self, partial: PartialUpload) -> bool:
        with partial.lock:
            if partial.holder is not None or partial not in self._registry:
                return False
            self._unlink(partial)
            self._registry.remove(partial, committed=False)
            return True

    def _unlink(self, partial: PartialUpload) -> None:
        """Remove its file. One whose directory is gone or whose disk is not mounted stays."""
        with contextlib.suppress(OSError, Refusal):
            folder = self._open_folder(partial)
            try:
                os.unlink(partial.name, dir_fd=folder)
            finally:
                self._close_folder(partial, folder)

    # -- startup -----------------------------------------------------------------

    def _load(self) -> None:
        """Find the partial uploads of an earlier run, and remove useless files."""
        names = {os.fsencode(name) for name in os.listdir(self._folder)}
        loaded = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX) and self._load_one(name)}
        for name in names:
            if name.removesuffix(SUFFIX) not in loaded:
                with contextlib.suppress(IsADirectoryError, FileNotFoundError):
                    os.unlink(name, dir_fd=self._folder)

    def _load_one(self, name: bytes) -> bool:
        """Load one by its record; returns whether to keep the record."""
        try:
            fd = open_private_file(self._folder, name, make=False)
            try:
                content, last_used = read_record(fd), os.fstat(fd).st_mtime
            finally:
                close_quietly(fd)
        except OSError:
            return False
        if content is None:
            return False
        record, points = content
        allocation = Allocation(Actor(record.account, account_id=record.owner), record.endpoint)
        partial = PartialUpload(
            name.removesuffix(SUFFIX), record, self._records, points, last_used=last_used, allocation=allocation
        )
        age = self._now() - last_used
        try:
            folder = self._open_folder(partial)
            try:
                found = os.stat(partial.name, dir_fd=folder, follow_symlinks=False)
            finally:
                self._close_folder(partial, folder)
        except (OSError, Refusal):
            return self._is_unmounted(partial) and age < UNMOUNTED_SECONDS
        partial.points = [each for each in partial.points if each.size <= found.st_size]
        if not partial.points or age >= PARTIAL_UPLOAD_SECONDS:
            self._unlink(partial)
            return False
        partial.recorded = partial.points[-1].size
        allocation.arrived = self._accounting.cost(found.st_size)
        self._accounting.reserve(allocation)
        self._registry.add(partial)
        return True

    def _is_unmounted(self, partial: PartialUpload) -> bool:
        """Whether its disk is not mounted: its directory is missing, or lies on the root's own disk."""
        if partial.record.directory is None:
            return False
        try:
            handle = self._root.open_directory(partial.record.directory)
        except Refusal:
            return True
        close_quietly(handle.fd)
        return handle.same_mount
