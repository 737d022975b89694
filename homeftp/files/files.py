"""`Files`: what an account's requests do with its store, as calls that never block.

Scheduling only: which calls are batched, which go piece by piece, and which are refused once access was revoked. What
an account may see and change is the store's own rule.
"""

from __future__ import annotations

from functools import partial
from typing import AsyncGenerator, Callable, Iterator, Sequence, TypeVar

import attrs
from msgspec import structs
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from homeftp.config import SMALL_FILE
from homeftp.endpoint import Endpoint
from homeftp.errors import TooLarge
from homeftp.files.budget import MemoryBudget
from homeftp.files.bulk import BulkReader, BulkWriter, Decode
from homeftp.files.download import FileStream, read_whole
from homeftp.files.edit import FileDraft
from homeftp.files.filehasher import ATTEMPTS, FileHasher, unsteady
from homeftp.files.hashes import SharedHashes, never
from homeftp.files.history.past import list_past, open_past
from homeftp.files.history.pruning import prune
from homeftp.files.history.restoring import restore_tree
from homeftp.files.jobs.batches import StatItem, WriteItem
from homeftp.files.jobs.deferredwork import with_deferred
from homeftp.files.jobs.lookups import Lookups
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.jobs.share import AccountResources
from homeftp.files.jobs.turns import Turns, detached
from homeftp.files.pages import Pages, StorePages, TreeSteps, copied, opened, total, tree_digest
from homeftp.files.refusals import ChangeStep, RecordRefusal, RefusedChange, record_no_refusal, recorded, recorded_steps
from homeftp.files.upload import Progress, TrailingHash, upload
from homeftp.files.verifications import SharedVerifications, VerificationPages
from homeftp.files.watches.hub import ChangeHub
from homeftp.files.watches.watch import EndpointWatch
from homeftp.history.changes import PruneStep, RestoreStep
from homeftp.interfaces import (
    FileContent,
    IDraft,
    IFiles,
    IIncomingPayload,
    IPayload,
    IScopedStore,
    IStore,
    IUpload,
    SpaceReport,
)
from homeftp.model import (
    Actor,
    Capabilities,
    Entry,
    ListingPage,
    ResumePoint,
    TreeDigest,
    TreeProgress,
    Verification,
    Version,
    WriteRequest,
)
from homeftp.store.policy.preconditions import names_content

T = TypeVar("T")
S = TypeVar("S", bound=ChangeStep)

RecordRead = Callable[[str, Endpoint], None]
"""Records that a "file", a "directory" or "versions" at an endpoint are read. Blocks; raises `Internal` (50)."""


@implementer(IFiles)
@attrs.frozen(eq=False)
class Files:
    """The files of `shared`, as `actor` changes them."""

    _shared: IStore
    """The same object for all logins of an account, so that their small calls are batched together."""
    _actor: Actor
    _jobs: RevocableJobs
    _share: AccountResources
    _hashes: SharedHashes
    _verifications: SharedVerifications
    _budget: MemoryBudget
    _hub: ChangeHub
    _record_refusal: RecordRefusal
    _record_read: RecordRead | None = None
    _records_raised: bool = True
    """Whether refusals that a call raises are recorded here, rather than by the caller."""
    _hasher: FileHasher = attrs.field(init=False)
    _store: IStore = attrs.field(init=False)
    """The same store; changes are recorded as those of `actor`."""
    _lookups: Lookups = attrs.field(init=False)

    @_lookups.default
    def _make_lookups(self) -> Lookups:
        return Lookups(self._shared, self._share.batches, self._jobs)

    @_hasher.default
    def _make_hasher(self) -> FileHasher:
        return FileHasher(self._share, self._hashes, self._jobs, self.capabilities.unique_tags)

    @_store.default
    def _bind(self) -> IStore:
        return self._shared.bind(self._actor)

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the store."""
        return self._shared.capabilities

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed; None where it can be."""
        return self._store.read_only

    def _own(self, request: WriteRequest) -> WriteRequest:
        """The request as one of this login's: no caller speaks for another actor."""
        return structs.replace(request, actor=self._actor)

    # -- reading -------------------------------------------------------------------

    async def stat(self, endpoint: Endpoint, hashed: bool = True) -> Entry | None:
        """The entry at an endpoint."""
        return await self._lookups.stat(endpoint, hashed)

    def is_new(self, endpoint: Endpoint) -> bool:
        """Whether the store knows without a job that nothing is there."""
        return self._lookups.is_new(endpoint)

    async def stat_with_resume(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> tuple[Entry | None, ResumePoint | None]:
        """The entry at an endpoint, and the part of a content that has arrived for it."""
        self._jobs.require_unrevoked()
        return await self._lookups.stat_with_resume(StatItem(endpoint, hash, size, mtime_us))

    async def hash(self, endpoint: Endpoint, cancelled: Callable[[], bool] = never) -> Entry:
        """The entry of a file, with its hash."""
        self._jobs.require_unrevoked()
        for _ in range(ATTEMPTS):
            entry = await self._hash(endpoint, cancelled)
            if entry is not None:
                return entry
        raise unsteady(endpoint)

    async def _hash(self, endpoint: Endpoint, cancelled: Callable[[], bool]) -> Entry | None:
        """`hash`, once; None where the file is another one than the one whose hashing was joined."""
        opened = await self._hasher.open(partial(self._lookups.open_by_job, endpoint))
        file = opened.file
        if file.content is not None or file.entry.hash is not None:
            self._hasher.release()
            stream = FileStream(file, Turns(self._jobs), self._budget)
            try:
                return await stream.close_verified(cancelled)
            finally:
                await stream.close()
        joined, entry = await self._hasher.hash(opened, cancelled)
        await self._jobs.confirm()
        if not joined:
            return entry
        found = await self.stat(endpoint)
        return structs.replace(found, hash=entry.hash) if found is not None and found.tag == entry.tag else None

    async def open(self, endpoint: Endpoint, as_of_us: int | None = None, hashed: bool = True) -> FileStream:
        """Open a file for reading, or what it was at a time; a small one is read at once."""
        self._jobs.require_unrevoked()
        if as_of_us is None:
            file = await self._lookups.open(endpoint, hashed)
        else:
            file = await opened(self._jobs, partial(open_past, self._store, endpoint, as_of_us), self._lookups.close)
        if self._record_read is not None:
            try:
                await self._jobs.run(self._record_read, "file", endpoint)
            except BaseException:
                self._lookups.close(file)
                raise
        shared = partial(self.hash, endpoint) if self.capabilities.unique_tags and as_of_us is None else None
        return FileStream(file, Turns(self._jobs), self._budget, shared)

    async def read(self, endpoint: Endpoint, limit: int) -> bytes:
        """All of a file of at most `limit` bytes."""
        return await read_whole(await self.open(endpoint), str(endpoint), limit)

    def read_batch(
        self, endpoints: Sequence[Endpoint], encode: Callable[[Sequence[FileContent | Exception]], T]
    ) -> AsyncGenerator[T, None]:
        """Small files, many at a time."""
        return BulkReader(self._shared, self._jobs, self._budget, self._record_read).read(endpoints, encode)

    def list(self, endpoint: Endpoint, recursive: bool = False, as_of_us: int | None = None) -> Pages[ListingPage]:
        """The entries of a directory, or those that it had at a time, page by page."""
        listing = self._store.list if as_of_us is None else partial(list_past, self._store, as_of_us)
        return self._pages(partial(listing, endpoint, recursive), "directory", endpoint)

    def tree_digest(
        self, endpoint: Endpoint, cancelled: Callable[[], bool] = never
    ) -> AsyncGenerator[TreeProgress | TreeDigest, None]:
        """The digests of a directory and everything beneath it, step by step."""
        tree = TreeSteps(partial(self._store.list_for_digests, endpoint))
        pages = self._pages(tree.steps, "directory", endpoint)
        return tree_digest(endpoint, tree, pages, partial(self.hash, cancelled=cancelled), self.stat)

    def versions(self, endpoint: Endpoint) -> Pages[Sequence[Version]]:
        """The versions of what was at an endpoint and beneath it, page by page."""
        return self._pages(partial(self._store.versions, endpoint), "versions", endpoint)

    def verify(self, endpoint: Endpoint) -> Pages[Verification]:
        """Read everything at an endpoint and beneath it again, step by step, with all of the account who ask for it."""
        store = self._shared
        scope = IScopedStore(store).scope(endpoint) if IScopedStore.providedBy(store) else (store, endpoint)
        own = self._actor.owner, scope
        join = partial(self._verifications.join, own, partial(self._store.verify, endpoint))
        return VerificationPages(Turns(self._jobs), join, self._share.hashing, self._jobs.closed, self._jobs.confirm)

    def _pages(self, begin: Callable[[], Iterator[T]], kind: str, endpoint: Endpoint) -> Pages[T]:
        def begin_recorded() -> Iterator[T]:
            if self._record_read is not None:
                self._record_read(kind, endpoint)
            return begin()

        return self._steps(begin_recorded)

    def _steps(self, begin: Callable[[], Iterator[T]]) -> Pages[T]:
        return StorePages(Turns(self._jobs), begin, self._share.listing, self._jobs.closed)

    def watch(self, endpoint: Endpoint) -> EndpointWatch:
        """The changes at an endpoint and beneath it from now on."""
        return self._hub.watch(endpoint, self._shared, self._actor.account, self._jobs)

    def space(self) -> Deferred[SpaceReport]:
        """The space that is left, and the space in use."""
        return self._jobs.run(self._store.space)

    # -- writing -------------------------------------------------------------------

    def write(self, request: WriteRequest, content: bytes) -> Deferred[Entry]:
        """Write a small file, durable together with others."""
        return self._recorded(self._write(request, content), RefusedChange.of(request))

    def _write(self, request: WriteRequest, content: bytes) -> Deferred[Entry]:
        if len(content) > SMALL_FILE:
            return fail(TooLarge(f"{len(content)} bytes at once: at most {SMALL_FILE}; a larger file is uploaded"))
        request = self._own(request)

        def write(precondition: str | None) -> Deferred[Entry]:
            item = WriteItem(structs.replace(request, precondition=precondition), content, self._jobs)
            return self._share.batches.writes.run((self._shared, item))

        if names_content(request.precondition):
            return self._hasher.change(request.endpoint, write, request.precondition)
        return write(request.precondition)

    def write_batch(self, decode: Decode) -> Deferred[Sequence[Entry | Exception]]:
        """Write small files and make directories, as one job."""
        writer = BulkWriter(self._store, self._jobs, self._share.commits, self._write, self._record_refusal)
        return Deferred.fromCoroutine(writer.write(decode))

    async def upload(
        self,
        request: WriteRequest,
        payload: IPayload,
        progress: Progress | None = None,
        trailing_hash: TrailingHash | None = None,
    ) -> Entry:
        """Write a file of any size as it arrives."""
        try:
            return await self._upload(request, payload, progress, trailing_hash)
        finally:
            if IIncomingPayload.providedBy(payload):
                payload.discard()  # its memory is needed for others

    async def _upload(
        self, request: WriteRequest, payload: IPayload, progress: Progress | None, trailing_hash: TrailingHash | None
    ) -> Entry:
        if request.offset or request.size is None or request.size > SMALL_FILE:
            work = self._upload_large(self._own(request), payload, progress, trailing_hash)
            return await self._recorded(Deferred.fromCoroutine(work), RefusedChange.of(request))
        content = await payload.read_all(SMALL_FILE)
        if trailing_hash is not None:
            request = structs.replace(request, hash=trailing_hash())
        return await self.write(request, content)

    async def _upload_large(
        self, request: WriteRequest, payload: IPayload, progress: Progress | None, trailing_hash: TrailingHash | None
    ) -> Entry:
        def begin(precondition: str | None) -> Deferred[IUpload]:
            begun = self._jobs.run_next(self._store.upload, structs.replace(request, precondition=precondition))
            return detached(begun, lambda late: self._jobs.run_cleanup(late.abort))

        incoming = await self._hasher.change(request.endpoint, begin, request.precondition)
        return await upload(self._jobs, incoming, request, payload, progress, trailing_hash)

    def make_directory(self, request: WriteRequest) -> Deferred[Entry]:
        """Make a directory and its parents."""
        making = self._jobs.run(self._store.make_directory, self._own(request))
        return self._recorded(making, RefusedChange.of(request))

    async def edit(self, request: WriteRequest) -> FileDraft:
        """Begin to change a file's content at any offset."""
        request = self._own(request)
        change = RefusedChange.of(request)

        def edit(precondition: str | None) -> Deferred[IDraft]:
            begun = self._jobs.run_slice(self._store.edit, structs.replace(request, precondition=precondition))
            return detached(begun, lambda late: self._jobs.run_cleanup(late.abort))

        draft = await self._change(change, edit, request.precondition)
        return FileDraft(draft, self._jobs, lambda work: self._recorded(work, change))

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None = None
    ) -> Deferred[Entry]:
        """Change the mtime and the mode of a file or a directory."""

        def change(asked: str | None) -> Deferred[Entry]:
            request = WriteRequest(endpoint=endpoint, mtime_us=mtime_us, mode=mode, precondition=asked)
            return self._share.batches.writes.run((self._shared, WriteItem(self._own(request), None, self._jobs)))

        return self._change(RefusedChange(endpoint, precondition=precondition), change, precondition)

    def copy(
        self,
        source: Endpoint,
        target: Endpoint,
        *,
        source_precondition: str | None = None,
        target_precondition: str | None = None,
    ) -> Deferred[Entry]:
        """Copy a file."""

        def copy(of: str | None, at: str | None) -> Deferred[Entry]:
            begin = partial(self._store.copy, source, target, source_precondition=of, target_precondition=at)
            return Deferred.fromCoroutine(copied(self._jobs, begin))

        change = RefusedChange(source, target, precondition=target_precondition)
        return self._change(change, copy, source_precondition, target_precondition)

    def move(
        self,
        source: Endpoint,
        target: Endpoint,
        *,
        source_precondition: str | None = None,
        target_precondition: str | None = None,
    ) -> Deferred[Entry]:
        """Rename a file or a directory."""

        def move(of: str | None, at: str | None) -> Deferred[Entry]:
            return self._jobs.run_next(self._store.move, source, target, of, at)

        change = RefusedChange(source, target, precondition=source_precondition)
        done = self._change(change, move, source_precondition, target_precondition)
        return with_deferred(done, self._store, self._jobs)

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None = None) -> Deferred[Entry]:
        """Put a version back."""

        def restore(asked: str | None) -> Deferred[Entry]:
            return self._jobs.run_next(self._store.restore, endpoint, at_us, asked)

        return self._change(RefusedChange(endpoint, precondition=precondition), restore, precondition)

    def restore_tree(
        self, endpoint: Endpoint, as_of_us: int | None, *, dry_run: bool = False
    ) -> AsyncGenerator[RestoreStep, None]:
        """Put a directory back as it was at a time, or before its last change, step by step."""
        return self._changes(partial(restore_tree, as_of_us=as_of_us), endpoint, dry_run)

    def prune(
        self, endpoint: Endpoint, *, before_us: int | None = None, keep: int = 0, dry_run: bool = False
    ) -> AsyncGenerator[PruneStep, None]:
        """Remove versions for good, step by step."""
        return self._changes(partial(prune, before_us=before_us, keep=keep), endpoint, dry_run)

    def remove(self, endpoint: Endpoint, precondition: str | None = None, recursive: bool = False) -> Deferred[int]:
        """Remove a file or a directory, step by step."""

        def remove(asked: str | None) -> Deferred[int]:
            begin = partial(self._store.remove, endpoint, asked, recursive)
            return Deferred.fromCoroutine(total(self._jobs, begin, self._share.listing if recursive else None))

        return self._change(RefusedChange(endpoint, precondition=precondition), remove, precondition)

    def _changes(self, begin: Callable[..., Iterator[S]], endpoint: Endpoint, dry_run: bool) -> AsyncGenerator[S, None]:
        """The steps of a change of many files, whose refusals are recorded. A dry run changes, and records, nothing."""
        steps = self._steps(partial(begin, self._store, endpoint, dry_run=dry_run))
        record = record_no_refusal if dry_run else self._record_refusal
        return recorded_steps(steps, RefusedChange(endpoint), record, records_raised=self._records_raised)

    def _change(
        self, change: RefusedChange, call: Callable[..., Deferred[T]], *preconditions: str | None
    ) -> Deferred[T]:
        """`FileHasher.change`, where a refusal is recorded."""
        return self._recorded(self._hasher.change(change.endpoint, call, *preconditions), change)

    def _recorded(self, work: Deferred[T], change: RefusedChange) -> Deferred[T]:
        return recorded(work, change, self._record_refusal) if self._records_raised else work
