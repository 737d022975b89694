"""A temp file with reserved space, for writes that know their size only as they go: drafts and copies."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Iterator

import msgspec

from homeftp.config import SLICE
from homeftp.hashing.filehash import Hasher, digest
from homeftp.model import Actor, Entry, WriteRequest
from homeftp.store.local.commit.committer import Committer
from homeftp.store.local.commit.outcome import InDoubt
from homeftp.store.local.commit.space import SpaceReservation
from homeftp.store.local.disk.accounting import Allocation
from homeftp.store.local.disk.errnos import FULL, close_quietly
from homeftp.store.local.staging.tempfile import TOKEN_BYTES, TempFile, TempFiles
from homeftp.store.local.writes.target import Target
from homeftp.store.policy.limits import WriteLimits


class StagedFiles(msgspec.Struct, frozen=True):
    """Makes staged files. Thread-safe."""

    limits: WriteLimits
    space: SpaceReservation
    temp_files: TempFiles
    committer: Committer

    def create(self, request: WriteRequest, actor: Actor, target: Target) -> StagedFile:
        """A new, empty file for a target, whose directory it closes. Raises OSError."""
        token = os.urandom(TOKEN_BYTES).hex()
        temp_file = self.temp_files.create(token, target.nearest, target.directory, request.mode)
        return StagedFile(self, request, actor, target, temp_file)


class StagedFile:
    """A temp file and the space that is reserved for it; `StagedFiles.create` makes one. For one thread at a time.

    A content that is written from its beginning to its end, without a gap or a change, is hashed as it comes.
    """

    def __init__(
        self, files: StagedFiles, request: WriteRequest, actor: Actor, target: Target, temp_file: TempFile
    ) -> None:
        self.fd = temp_file.fd
        self.size = 0
        self._written = 0
        """Bytes that were written, at most `size`: the others are zeros that take no space yet, and are expected."""
        self._files = files
        self._request = request
        self._actor = actor
        self._target = target
        self._temp_file = temp_file
        self._allocation = Allocation(request.acting(actor), request.endpoint, target.device)
        self._files.space.reserve(self._allocation, target.nearest, target.directory, 0)
        self._hasher: Hasher | None = Hasher()
        self._hashing_since = time.time_ns()
        self.closed = False

    def _reserve(self, size: int, written: int) -> None:
        """Make space for `written` bytes, and expect the file to have `size`: the others are a gap of zeros.

        Raises `TooLarge` (22), `NoSpace` (52).
        """
        self._files.limits.check_size(self._request.endpoint, size)
        space, target = self._files.space, self._target
        space.grow(self._allocation, target.nearest, target.directory, written)
        space.shrink(self._allocation, written)
        try:
            space.expect(self._allocation, target.nearest, target.directory, size)
        except BaseException:
            space.shrink(self._allocation, self._written)
            raise

    def write(self, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`. Raises `TooLarge`, `NoSpace`, and OSError; then the size is unchanged."""
        end = max(self.size, offset + len(data))
        written = min(end, self._written + len(data))
        self._reserve(end, written)
        try:
            self._write(offset, data)
        except OSError as error:
            target = self._target
            if error.errno not in FULL or not self._files.space.evict_for(
                self._allocation.actor, target.nearest, target.directory, len(data)
            ):
                self._shrink_back()
                raise
            try:
                self._write(offset, data)
            except OSError:
                self._shrink_back()
                raise
        appended = offset == self.size
        self.size, self._written = end, written
        self._hash(data, appended=appended)

    def _hash(self, data: bytes, *, appended: bool) -> None:
        if self._hasher is not None and appended:
            self._hasher.update(data)
        else:
            self._hasher = None

    def _write(self, offset: int, data: bytes) -> None:
        os.lseek(self.fd, offset, os.SEEK_SET)
        self._temp_file.write(data)
        self._temp_file.writeback.grown(offset + len(data))

    def _shrink_back(self) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self.fd, self.size)
        self._reserve(self.size, self._written)

    def truncate(self, size: int) -> None:
        """Cut or extend it to `size` bytes. Raises `TooLarge`, `NoSpace`, and OSError."""
        self._reserve(max(size, self.size), self._written)
        self._forget_hash(size)
        os.ftruncate(self.fd, size)
        self._temp_file.writeback.cut(size)
        self.size, self._written = size, min(size, self._written)
        self._reserve(size, self._written)

    def _forget_hash(self, size: int) -> None:
        """Its size is set: only that of nothing, or the one that it has, leaves a hash."""
        if not size:
            self._hasher = Hasher()
        elif size != self.size:
            self._hasher = None

    def copy_from(self, fd: int, size: int) -> Iterator[int]:
        """Fill it with the first `size` bytes of an open file, as `TempFile.copy_from`. Raises what `write` raises."""
        self._hasher = None
        self._reserve(size, size)
        yield from self._temp_file.copy_from(fd, size)
        self.size = self._written = size

    def commit(self, content_hash: str | None = None, *, mtime_us: int | None = None, mode: int | None = None) -> Entry:
        """Commit it and close it. Raises what `Committer.commit_temp_file` raises."""
        try:
            self._reserve_all()
            began = time.time_ns()
            if content_hash is None and self._hasher is not None:
                began, content_hash = self._hashing_since, self._hasher.hash()
            if content_hash is None and self.size <= SLICE:
                content_hash = digest(self.fd, self.size)
            entry = self._files.committer.commit_temp_file(
                self._request.with_metadata(mtime_us, mode),
                self._temp_file,
                self._target.nearest,
                actor=self._actor,
                expected=self._target.expected,
                content_hash=content_hash,
                hashed_ns=began,
                size=self.size,
                replaced=self._target.found,
            )
            self._files.space.release(self._allocation, committed=True)
            return entry
        except InDoubt:
            self._files.space.release(self._allocation, committed=True)
            raise
        finally:
            self.close()

    def _reserve_all(self) -> None:
        """Make space for all that is to have a name, an empty file too; nothing is removed for a gap of zeros."""
        space, target, arrived = self._files.space, self._target, self._written == self.size
        space.grow(self._allocation, target.nearest, target.directory, self.size, arrived=arrived)

    def close(self) -> None:
        """Discard it unless it was committed. May be called twice."""
        if not self.closed:
            self.closed = True
            self._temp_file.close()
            self._files.space.release(self._allocation, committed=False)
            close_quietly(self._target.nearest.fd)
