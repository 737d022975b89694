"""Uploads of large files, piece by piece, possibly continuing an upload that was interrupted."""

from __future__ import annotations

import time
from typing import Iterator, NoReturn

import attrs
from zope.interface import implementer

from homeftp.config import MIB
from homeftp.errors import Changed
from homeftp.hashing.filehash import Hasher, hash_slices
from homeftp.interfaces import IUpload
from homeftp.model import Actor, Entry, ResumePoint, WriteRequest
from homeftp.store.local.commit.committer import Committer
from homeftp.store.local.commit.pending import acting
from homeftp.store.local.commit.space import SpaceReservation
from homeftp.store.local.disk.errnos import FULL, close_quietly, refusal
from homeftp.store.local.disk.handles import free_bytes
from homeftp.store.local.staging.partial import not_resumable
from homeftp.store.local.staging.partialfile import PartialFile
from homeftp.store.local.staging.partials import PartialUploads
from homeftp.store.local.writes.target import Target, TargetFinder
from homeftp.store.policy.limits import WriteLimits, check_content, wrong_size
from homeftp.store.policy.wording import display_path
from homeftp.syscalls import System

_WRITEBACK = 8 * MIB
"""Bytes after which the disk is asked to begin writing: the fsync of a gigabyte at the end would take as long again."""

_GROWTH = 8 * MIB
"""Bytes that are reserved at a time for an upload of unknown size."""


@attrs.frozen
class Uploads:
    """Begins uploads. Thread-safe."""

    targets: TargetFinder
    limits: WriteLimits
    partials: PartialUploads
    space: SpaceReservation
    system: System
    committer: Committer

    def begin(self, request: WriteRequest, actor: Actor) -> LocalUpload:
        """Begin or continue an upload; refuse at once what could not be committed at the end.

        Raises the refusals of `TargetFinder.find`, and `NoSpace` (52).
        """
        actor = acting(request, actor)
        target = self.targets.find(request)
        try:
            file = self._open(request, actor, target)
        except OSError as error:
            free = free_bytes(target.nearest.fd)
            close_quietly(target.nearest.fd)
            raise refusal(error, request.endpoint, size=request.size or 0, free=free) from error
        except BaseException:
            close_quietly(target.nearest.fd)
            raise
        return LocalUpload(self, request, actor, file, target)

    def _open(self, request: WriteRequest, actor: Actor, target: Target) -> PartialFile:
        """A new partial upload, or the account's own to continue, with space reserved for the rest."""
        cost = self.space.usage.cost(_GROWTH if request.size is None else request.size)
        if not request.offset:
            self.space.reserve(target.nearest, target.directory, request.endpoint, cost)
            try:
                return self.partials.begin(request, target.nearest, target.directory, cost, actor.account)
            except BaseException:
                self.space.release(cost)
                raise
        partial = self.partials.find(request.endpoint, request.hash, request.size, request.mtime_us, actor.account)
        if partial is None or partial.points[-1].size < request.offset:
            raise not_resumable(request.endpoint)
        file = self.partials.resume(partial, request.offset)
        try:
            self.space.reserve(target.nearest, target.directory, request.endpoint, cost - partial.reserved)
            partial.reserved = cost
        except BaseException:
            file.suspend()
            file.close()
            raise
        return file


@implementer(IUpload)
class LocalUpload:
    """A large file that is being uploaded; `Uploads.begin` makes one. It closes the target's directory."""

    def __init__(
        self, uploads: Uploads, request: WriteRequest, actor: Actor, file: PartialFile, target: Target
    ) -> None:
        self._limits = uploads.limits
        self._space = uploads.space
        self._system = uploads.system
        self._committer = uploads.committer
        self._request = request
        self._actor = actor
        self._file = file
        self._target = target
        self._hasher = Hasher()
        self._hashed = 0
        self._size = request.offset
        self._started = request.offset
        self._began = time.time_ns()
        self._unwritten = (file.partial.reserved if request.size is None else request.size) - request.offset
        self._verified = not request.offset
        self._ended = False
        self._space.expect(target.device, self._unwritten)

    def verify_resumed(self) -> Iterator[int]:
        """Hash what arrived earlier, in slices, before anything is written: yields how many bytes were hashed.

        Raises `Changed` (44) if the disk lost some of it, or another upload
        took over; then less can be resumed, or nothing.
        """
        if self._verified:
            return
        points = [each for each in self._file.partial.points if each.size <= self._request.offset]
        good = None
        try:
            for each in points:
                yield from self._hash_up_to(each.size)
                if self._hasher.hash() != each.hash:
                    raise Changed("")
                good = each
            yield from self._hash_up_to(self._request.offset)
        except Changed:
            if good is not None:
                self._file.suspend(good)
            self.abort()
            raise Changed(
                f"the partial upload of {display_path(self._request.endpoint)} is damaged: compare again and resume"
            ) from None
        except OSError as error:
            self._fail(error)
        try:
            self._file.start_at(ResumePoint(self._hashed, self._hasher.hash()))
            self._verified = True
        except OSError as error:
            self._fail(error)

    def _hash_up_to(self, end: int) -> Iterator[int]:
        for _ in hash_slices(self._hasher, self._file.fd, self._hashed, end):
            yield self._hashed
        self._hashed = end
        yield end

    def write(self, data: bytes) -> None:
        """Append the next bytes. On any error the upload is aborted.

        Raises `ContentMismatch` (45) past the declared size, `TooLarge` (22), `NoSpace` (52).
        """
        size = self._size + len(data)
        if self._request.size is None:
            self._grow(size)
        elif size > self._request.size:
            self.abort()
            raise wrong_size(self._request, size)
        try:
            self._write(data)
        except OSError as error:
            self._fail(error)
        self._hasher.update(data)
        self._size = size
        self._expect(-len(data))
        if self._size - self._started >= _WRITEBACK:
            self._system.start_writeback(self._file.fd, self._started, self._size - self._started)
            self._started = self._size
        if self._request.size is not None:
            self._file.checkpoint(self._size, self._hasher)

    def _grow(self, size: int) -> None:
        """Reserve more space for an upload of unknown size."""
        partial, endpoint = self._file.partial, self._request.endpoint
        more = size - partial.reserved
        try:
            self._limits.check_size(endpoint, size)
            if more > 0:
                more = self._space.usage.cost(max(more, _GROWTH))
                self._space.reserve(self._target.nearest, self._target.directory, endpoint, more)
                partial.reserved += more
                self._expect(more)
        except BaseException:
            self.abort()
            raise

    def _expect(self, size: int) -> None:
        self._unwritten += size
        self._space.expect(self._target.device, size)

    def _write(self, data: bytes) -> None:
        """Write, and try once more if space could be freed."""
        try:
            self._file.write(data)
        except OSError as error:
            needed = len(data) if self._request.size is None else self._request.size - self._size
            target = self._target
            if error.errno not in FULL or not self._space.evict_for(target.nearest, target.directory, needed):
                raise
            self._file.truncate(self._size)
            self._file.write(data)

    def commit(self, hash: str | None = None) -> Entry:
        """Check size and hash, make it durable, and give it its name; on any error the upload is aborted."""
        declared = self._request.hash if hash is None else hash
        try:
            content_hash = self._hasher.hash()
            check_content(self._request, self._size, content_hash, declared)
            self._file.seal()
            if self._request.size is None:
                self._shrink()
            return self._committer.commit_temp_file(
                self._request,
                self._file,
                self._target.nearest,
                actor=self._actor,
                expected=self._target.expected,
                content_hash=content_hash,
                hashed_ns=self._began,
                size=self._size,
            )
        except OSError as error:
            self._fail(error)
        finally:
            self.abort()

    def _shrink(self) -> None:
        """Give up the reserved space beyond the final size."""
        surplus = self._file.partial.reserved - self._space.usage.cost(self._size)
        self._space.release(surplus)
        self._file.partial.reserved -= surplus

    def suspend(self) -> None:
        """Keep what has arrived for a day, if it is large enough and its size was declared; otherwise abort."""
        if self._request.size is not None:
            self._file.suspend(ResumePoint(self._size, self._hasher.hash()) if self._verified else None)
        self.abort()

    def abort(self) -> None:
        """Discard it, unless it was committed or suspended."""
        self._file.close()
        if not self._ended:
            self._ended = True
            self._space.expect(self._target.device, -self._unwritten)
            close_quietly(self._target.nearest.fd)

    def _fail(self, error: OSError) -> NoReturn:
        free = None if self._ended else free_bytes(self._target.nearest.fd)
        self.abort()
        available = None if free is None else free + self._size
        size = self._size if self._request.size is None else self._request.size
        raise refusal(error, self._request.endpoint, size=size, free=available) from error
