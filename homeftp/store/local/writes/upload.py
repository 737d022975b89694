"""Uploads of large files, piece by piece, possibly continuing an upload that was interrupted."""

from __future__ import annotations

import time
from typing import Iterator, NoReturn

import msgspec
from zope.interface import implementer

from homeftp.errors import Busy, Changed, NoSpace
from homeftp.hashing.filehash import Hasher, hash_slices
from homeftp.interfaces import IUpload
from homeftp.model import Actor, Entry, ResumePoint, WriteRequest
from homeftp.store.local.commit.committer import Committer
from homeftp.store.local.commit.space import SpaceReservation
from homeftp.store.local.disk.accounting import Allocation
from homeftp.store.local.disk.errnos import FULL, close_quietly, refusal
from homeftp.store.local.staging.partial import not_resumable
from homeftp.store.local.staging.partialfile import PartialFile
from homeftp.store.local.staging.partials import PartialUploads
from homeftp.store.local.writes.target import Target, TargetChecker
from homeftp.store.policy.limits import WriteLimits, check_content, wrong_size
from homeftp.store.policy.wording import display_path


class Uploads(msgspec.Struct, frozen=True):
    """Begins uploads. Thread-safe."""

    targets: TargetChecker
    limits: WriteLimits
    partials: PartialUploads
    space: SpaceReservation
    committer: Committer

    def begin(self, request: WriteRequest, actor: Actor) -> LocalUpload:
        """Begin or continue an upload; refuse at once what could not be committed at the end.

        Raises the refusals of `TargetChecker.check`, and `NoSpace` (52).
        """
        actor = request.acting(actor)
        target = self.targets.check(request)
        try:
            file = self._open(request, actor, target)
        except OSError as error:
            close_quietly(target.nearest.fd)
            raise refusal(error, request.endpoint, size=request.size or 0) from error
        except BaseException:
            close_quietly(target.nearest.fd)
            raise
        return LocalUpload(self, request, actor, file, target)

    def _open(self, request: WriteRequest, actor: Actor, target: Target) -> PartialFile:
        """A new partial upload, or the account's own to continue, if what is still to come would fit."""
        if not request.offset:
            allocation = Allocation(actor, request.endpoint, target.device)
            self.space.reserve(allocation, target.nearest, target.directory, request.size or 0)
            try:
                return self.partials.create(request, target.nearest, target.directory, allocation)
            except BaseException:
                self.space.discard(allocation)
                raise
        known = (request.hash, request.size, request.mtime_us)
        partial = self.partials.find(request.endpoint, *known, actor.owner)
        if partial is None or partial.points[-1].size < request.offset:
            raise not_resumable(request.endpoint)
        file = self.partials.resume(partial, request.offset)
        try:
            partial.allocation.actor, partial.allocation.device = actor, target.device
            self.space.reserve(partial.allocation, target.nearest, target.directory, request.known_size)
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
        self._committer = uploads.committer
        self._request = request
        self._actor = actor
        self._file = file
        self._target = target
        self._hasher = Hasher()
        self._hashed = 0
        self._size = request.offset
        self._began = time.time_ns()
        self._verified = not request.offset
        self._ended = False

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
        """Append the next bytes. On any error the upload is aborted; where there is no space, suspended.

        Raises `ContentMismatch` (45) past the declared size, `TooLarge` (22), `NoSpace` (52).
        """
        self._expect_open()
        size = self._size + len(data)
        if self._request.size is not None and size > self._request.size:
            self.abort()
            raise wrong_size(self._request, size)
        try:
            self._committer.root.expect_attached()
            self._limits.check_size(self._request.endpoint, size)
            self._space.grow(self._file.partial.allocation, self._target.nearest, self._target.directory, size)
            self._write(data)
            self._file.writeback.grown(size)
        except (NoSpace, Busy):
            self.suspend()
            raise
        except OSError as error:
            if error.errno in FULL:
                self.suspend()
            self._fail(error)
        except BaseException:
            self.abort()
            raise
        self._hasher.update(data)
        self._size = size
        if self._request.size is not None:
            self._file.checkpoint(self._size, self._hasher)

    def _write(self, data: bytes) -> None:
        """Write, and try once more if space could be freed."""
        try:
            self._file.write(data)
        except OSError as error:
            target, actor = self._target, self._file.partial.allocation.actor
            if error.errno not in FULL or not self._space.evict_for(actor, target.nearest, target.directory, len(data)):
                raise
            self._file.truncate(self._size)
            self._file.write(data)

    def commit(self, hash: str | None = None) -> Entry:
        """Check size and hash, make it durable, and give it its name; on any error the upload is aborted."""
        self._expect_open()
        declared = self._request.hash if hash is None else hash
        try:
            content_hash = self._hasher.hash()
            check_content(self._request, self._size, content_hash, declared)
            target = self._target
            self._space.grow(self._file.partial.allocation, target.nearest, target.directory, self._size)
            self._file.seal()
            return self._committer.commit_temp_file(
                self._request,
                self._file,
                self._target.nearest,
                actor=self._actor,
                expected=self._target.expected,
                content_hash=content_hash,
                hashed_ns=self._began,
                size=self._size,
                replaced=self._target.found,
            )
        except OSError as error:
            self._fail(error)
        finally:
            self.abort()

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
            close_quietly(self._target.nearest.fd)

    def _expect_open(self) -> None:
        if self._ended:
            raise ValueError("this upload has ended")

    def _fail(self, error: OSError) -> NoReturn:
        self.abort()
        size = self._size if self._request.size is None else self._request.size
        raise refusal(error, self._request.endpoint, size=size) from error
