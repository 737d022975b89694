"""Drafts: the content of one file, changed at any offset before it is committed."""

from __future__ import annotations

import contextlib
import os
from typing import Iterator

import msgspec
from msgspec import structs
from zope.interface import implementer

from homeftp.endpoint import Endpoint
from homeftp.hashing.filehash import at_rest, read_at, same_content
from homeftp.interfaces import IDraft
from homeftp.model import Actor, Entry, WriteRequest
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.writes.staged import StagedFile, StagedFiles
from homeftp.store.local.writes.target import Target, TargetChecker
from homeftp.store.policy.limits import check_range
from homeftp.store.policy.preconditions import changed
from homeftp.store.policy.wording import damaged


class Editor(msgspec.Struct, frozen=True):
    """Begins drafts. Thread-safe."""

    root: SafeRoot
    targets: TargetChecker
    files: StagedFiles

    def begin(self, request: WriteRequest, actor: Actor) -> LocalDraft:
        """A draft with the current content. Raises `Changed` (44), `Damaged` (46), `WrongKind` (43), `NoSpace` (52)."""
        target = self.targets.check(structs.replace(request, size=None, hash=None, offset=0))
        staged = None
        try:
            staged = self.files.create(request, actor, target)
            if target.found is not None and not request.empty:
                self._copy_content(request.endpoint, target, staged)
            return LocalDraft(request.endpoint, staged)
        except BaseException as error:
            if staged is None:
                close_quietly(target.nearest.fd)
            else:
                staged.close()
            if isinstance(error, OSError):
                raise refusal(error, request.endpoint) from error
            raise

    def _copy_content(self, endpoint: Endpoint, target: Target, staged: StagedFile) -> None:
        """Copy the current content; raises `Changed` (44) if it is not the expected one, or changes meanwhile."""
        fd, found = self.root.open_file_in(target.nearest.fd, endpoint)
        try:
            found = at_rest(fd, found)
            if self.targets.preconditions.is_damaged(endpoint, found):
                raise damaged(endpoint)
            for _ in staged.copy_from(fd, found.st_size):
                pass
            if not same_content(found, os.fstat(fd)):
                raise changed(endpoint)
        finally:
            close_quietly(fd)


@implementer(IDraft)
class LocalDraft:
    """A draft in a temp file; `Editor.begin` makes one. For one thread at a time."""

    def __init__(self, endpoint: Endpoint, staged: StagedFile) -> None:
        self._endpoint = endpoint
        self._staged = staged

    @property
    def size(self) -> int:
        """Bytes of the draft now."""
        return self._staged.size

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes at `offset`, fewer only at the end."""
        self._expect_open()
        check_range(offset, length)
        with self._refusals():
            return read_at(self._staged.fd, offset, max(0, min(length, self.size - offset)))

    def write(self, offset: int, data: bytes) -> None:
        """Replace or append bytes at `offset`; a gap behind the end reads as zeros."""
        self._expect_open()
        check_range(offset, offset + len(data))
        with self._refusals(len(data)):
            self._staged.write(offset, data)

    def truncate(self, size: int) -> None:
        """Cut the draft to `size` bytes, or extend it with zeros."""
        self._expect_open()
        check_range(size)
        with self._refusals():
            self._staged.truncate(size)

    def prepare(self) -> Iterator[int]:
        """There are no steps: a content that was not hashed as it came is hashed when somebody asks for it."""
        return iter(())

    def commit(self, *, mtime_us: int | None = None, mode: int | None = None) -> Entry:
        """Make the content durable and give it the file's name; on any error the draft is aborted."""
        self._expect_open()
        with self._refusals(self.size):
            return self._staged.commit(mtime_us=mtime_us, mode=mode)

    def abort(self) -> None:
        """Discard the draft. May be called twice, and after `commit`."""
        self._staged.close()

    def _expect_open(self) -> None:
        if self._staged.closed:
            raise ValueError("this draft has ended")

    @contextlib.contextmanager
    def _refusals(self, size: int = 0) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise refusal(error, self._endpoint, size=size) from error
