"""Copies a file inside the store."""

from __future__ import annotations

import os
from typing import Iterator

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.hashing.filehash import at_rest, same_content, signature
from homeftp.hashing.hashcache import HashCache
from homeftp.metadata.kept import in_range
from homeftp.metadata.modes import MODE_BITS
from homeftp.model import Actor, Entry, WriteRequest
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.writes.staged import StagedFiles
from homeftp.store.local.writes.target import TargetChecker
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import check_copy
from homeftp.store.policy.preconditions import changed, check_source, required_hash
from homeftp.store.policy.wording import damaged


class Copier(msgspec.Struct, frozen=True):
    """Copies files. Thread-safe."""

    root: SafeRoot
    filetypes: Filetypes
    preconditions: Preconditions
    cache: HashCache
    targets: TargetChecker
    files: StagedFiles

    def copy(
        self,
        source: Endpoint,
        target: Endpoint,
        source_precondition: str | None,
        target_precondition: str | None,
        actor: Actor,
    ) -> Iterator[int | Entry]:
        """Copy content, mtime and mode, durably, as `IStore.copy`; a file at `target` becomes a version.

        Raises `NotFound` (40), `Changed` (44), `WrongKind` (43), `Damaged` (46), `BadRequest` (20), `NoSpace` (52).
        """
        check_copy(source, target)
        fd, found, content_hash = self._open(source, source_precondition)
        try:
            request = WriteRequest(
                endpoint=target,
                size=found.st_size,
                mtime_us=in_range(found.st_mtime_ns // 1000),
                mode=found.st_mode & MODE_BITS,
                precondition=target_precondition,
            )
            yield from self._copy(source, fd, found, content_hash, request, actor)
        finally:
            close_quietly(fd)

    def _open(self, source: Endpoint, precondition: str | None) -> tuple[int, os.stat_result, str | None]:
        """Open the source, if it meets its precondition; also returns its stat, and its hash if it is known."""
        handle = self.root.open_directory(source.parent)
        try:
            fd, found = self.root.open_file_in(handle.fd, source)
            try:
                found = at_rest(fd, found)
                self.filetypes.check(source)
                check_source(source, "file", precondition)
                if self.preconditions.is_damaged(source, found):
                    raise damaged(source)
                (expected,) = self.preconditions.expected([(handle, source, precondition)])
                if isinstance(expected, Exception):
                    raise expected
                if expected is None:
                    known = self.cache.lookup(self.root.cache_path(source.parent), {source.name: found})
                    return fd, found, known.get(source.name)
                if signature(found) != expected:
                    raise changed(source)
                return fd, found, required_hash(precondition)
            except BaseException:
                close_quietly(fd)
                raise
        finally:
            close_quietly(handle.fd)

    def _copy(
        self,
        source: Endpoint,
        fd: int,
        found: os.stat_result,
        content_hash: str | None,
        request: WriteRequest,
        actor: Actor,
    ) -> Iterator[int | Entry]:
        target = self.targets.check(request)
        staged = None
        try:
            staged = self.files.create(request, actor, target)
            yield from staged.copy_from(fd, found.st_size)
            if not same_content(found, os.fstat(fd)):
                raise changed(source)
            yield staged.commit(content_hash)
        except OSError as error:
            raise refusal(error, request.endpoint, size=found.st_size) from error
        finally:
            if staged is None:
                close_quietly(target.nearest.fd)
            else:
                staged.close()
