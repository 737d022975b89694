"""`Files`: what an account's requests do with its store, as calls that never block.

Scheduling only: which calls are batched, which go piece by piece, and which are refused once access was revoked. What
an account may see and change is the store's own rule.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, Sequence, TypeVar

import attrs
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from homeftp.config import SMALL_FILE, STREAM_PIECE
from homeftp.endpoint import Endpoint
from homeftp.errors import TooLarge
from homeftp.files.batches import Batches, StatItem, WriteItem
from homeftp.files.budget import MemoryBudget
from homeftp.files.download import FileStream, never
from homeftp.files.edit import FileDraft
from homeftp.files.pages import Pages, Steps
from homeftp.files.refusals import RecordRefusal, RefusedChange, recorded
from homeftp.files.revocation import RevocableJobs
from homeftp.files.turns import Turns, detached
from homeftp.files.upload import Progress, TrailingHash, upload
from homeftp.interfaces import IFiles, IOpenFile, IPayload, IStore
from homeftp.model import Actor, Capabilities, Entry, ListingPage, ResumePoint, Version, WriteRequest

T = TypeVar("T")


@implementer(IFiles)
@attrs.frozen(eq=False)
class Files:
    """The files of `shared`, as `actor` changes them."""

    _shared: IStore
    """The same for all logins of an account, so that their small calls go together."""
    _actor: Actor
    _jobs: RevocableJobs
    _batches: Batches
    _budget: MemoryBudget
    _record_refusal: RecordRefusal
    _store: IStore = attrs.field(init=False)
    """The same store; changes are recorded as those of `actor`."""

    @_store.default
    def _bind(self) -> IStore:
        return self._shared.bind(self._actor)

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return self._store.capabilities

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed; None where it can be."""
        return self._store.read_only

    def _own(self, request: WriteRequest) -> WriteRequest:
        """The request as one of this login's: no caller speaks for another actor."""
        return attrs.evolve(request, actor=self._actor)

    # -- reading -------------------------------------------------------------------

    async def stat(self, endpoint: Endpoint) -> Entry | None:
        """What is at an endpoint."""
        self._jobs.require_unrevoked()
        entry, _ = await self._batches.stats.run((self._shared, StatItem(endpoint)))
        return entry

    async def stat_with_resume(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> tuple[Entry | None, ResumePoint | None]:
        """What is at an endpoint, and how much of a content has arrived for it."""
        self._jobs.require_unrevoked()
        return await self._batches.stats.run((self._shared, StatItem(endpoint, hash, size, mtime_us)))

    async def hash(self, endpoint: Endpoint, cancelled: Callable[[], bool] = never) -> Entry:
        """The entry of a file, with its hash."""
        stream = await self.open(endpoint)
        try:
            await stream.hash(cancelled)
            return await stream.verify(cancelled)
        finally:
            await stream.close()

    async def open(self, endpoint: Endpoint) -> FileStream:
        """Open a file for reading; a small one is read at once."""
        self._jobs.require_unrevoked()
        file = await detached(self._batches.opens.run((self._shared, endpoint)), self._close_unwanted)
        return FileStream(file, Turns(self._jobs), self._budget)

    def _close_unwanted(self, file: IOpenFile) -> None:
        """Who asked for it does not wait any more."""
        if file.content is None:
            self._jobs.run_cleanup(file.close)

    async def read(self, endpoint: Endpoint, limit: int) -> bytes:
        """All of a file of at most `limit` bytes."""
        limit = min(limit, STREAM_PIECE)
        stream = await self.open(endpoint)
        try:
            size = stream.entry.size
            if size > limit:
                raise TooLarge(f"{endpoint} has {size} bytes; at most {limit} are allowed here")
            content = await stream.read(0, size)
            await stream.verify()
            return content
        finally:
            await stream.close()

    def list(self, endpoint: Endpoint, recursive: bool = False) -> Pages[ListingPage]:
        """The entries of a directory, page by page."""
        return Pages(Turns(self._jobs), partial(self._store.list, endpoint, recursive))

    def versions(self, endpoint: Endpoint) -> Pages[Sequence[Version]]:
        """The versions of what was at an endpoint and beneath it, page by page."""
        return Pages(Turns(self._jobs), partial(self._store.versions, endpoint))

    def free_space(self) -> Deferred[int | None]:
        """Bytes that can still be stored."""
        return self._jobs.run(self._store.free_space)

    # -- writing -------------------------------------------------------------------

    def write(self, request: WriteRequest, content: bytes) -> Deferred[Entry]:
        """Write a small file, durable together with others."""
        writing: Deferred[Entry]
        if len(content) > SMALL_FILE:
            writing = fail(TooLarge(f"{len(content)} bytes at once: at most {SMALL_FILE}; a larger file is uploaded"))
        else:
            writing = self._batches.writes.run((self._shared, WriteItem(self._own(request), content, self._jobs)))
        return self._recorded(writing, RefusedChange.of(request))

    async def upload(
        self,
        request: WriteRequest,
        payload: IPayload,
        progress: Progress | None = None,
        trailing_hash: TrailingHash | None = None,
    ) -> Entry:
        """Write a file of any size as it arrives."""
        if request.offset or request.size is None or request.size > SMALL_FILE:
            work = upload(self._jobs, self._store, self._own(request), payload, progress, trailing_hash)
            return await self._recorded(Deferred.fromCoroutine(work), RefusedChange.of(request))
        content = await payload.read_all(SMALL_FILE)
        if trailing_hash is not None:
            request = attrs.evolve(request, hash=trailing_hash())
        return await self.write(request, content)

    def make_directory(self, request: WriteRequest) -> Deferred[Entry]:
        """Make a directory and its parents."""
        making = self._jobs.run_change(self._store.make_directory, self._own(request))
        return self._recorded(making, RefusedChange.of(request))

    async def edit(self, request: WriteRequest) -> FileDraft:
        """Begin to change a file's content at any offset."""
        change = RefusedChange.of(request)
        begun = self._recorded(self._jobs.run_change(self._store.edit, self._own(request)), change)
        draft = await detached(begun, lambda late: self._jobs.run_cleanup(late.abort))
        return FileDraft(draft, self._jobs, lambda work: self._recorded(work, change))

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None = None
    ) -> Deferred[Entry]:
        """Change the mtime and the mode of a file or a directory."""
        change = partial(self._store.set_metadata, mtime_us=mtime_us, mode=mode, precondition=precondition)
        changing = self._jobs.run_change(change, endpoint)
        return self._recorded(changing, RefusedChange(endpoint, precondition=precondition))

    def copy(
        self,
        source: Endpoint,
        target: Endpoint,
        *,
        source_precondition: str | None = None,
        target_precondition: str | None = None,
    ) -> Deferred[Entry]:
        """Copy a file."""
        copy = partial(
            self._store.copy, source_precondition=source_precondition, target_precondition=target_precondition
        )
        change = RefusedChange(source, target, precondition=target_precondition)
        return self._recorded(self._jobs.run_change(copy, source, target), change)

    def move(
        self,
        source: Endpoint,
        target: Endpoint,
        *,
        source_precondition: str | None = None,
        target_precondition: str | None = None,
    ) -> Deferred[Entry]:
        """Rename a file or a directory."""
        moving = self._jobs.run_change(self._store.move, source, target, source_precondition, target_precondition)
        return self._recorded(moving, RefusedChange(source, target, precondition=source_precondition))

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None = None) -> Deferred[Entry]:
        """Put a version back."""
        restoring = self._jobs.run_change(self._store.restore, endpoint, at_us, precondition)
        return self._recorded(restoring, RefusedChange(endpoint, precondition=precondition))

    def remove(self, endpoint: Endpoint, precondition: str | None = None, recursive: bool = False) -> Deferred[int]:
        """Remove a file or a directory, step by step."""
        removing = Deferred.fromCoroutine(self._remove(endpoint, precondition, recursive))
        return self._recorded(removing, RefusedChange(endpoint, precondition=precondition))

    async def _remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> int:
        steps = Steps(partial(self._store.remove, endpoint, precondition, recursive))
        removed = 0
        try:
            while (count := await self._jobs.run_change(steps.next)) is not None:
                removed += count
            return removed
        finally:
            await self._jobs.run_cleanup(steps.close)

    def _recorded(self, work: Deferred[T], change: RefusedChange) -> Deferred[T]:
        return recorded(work, change, self._record_refusal)
