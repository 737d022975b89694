"""The cluster store: `IStore` over a PostgreSQL database and a bucket, for any number of servers at once."""

from __future__ import annotations

import copy
from functools import partial
from typing import Callable, Generator, Iterator, Sequence

from msgspec import structs
from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, ROOT, Endpoint, FolderSet
from homeftp.errors import Refusal
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.importing import IImportingStore, Imported
from homeftp.interfaces.store import IDraft, IHistory, IOpenFile, IStore, IUpload
from homeftp.interfaces.usage import IActiveStore, IProbedStore, SpaceReport, StoreActivity
from homeftp.model import (
    SERVER,
    Actor,
    Capabilities,
    Damage,
    Entry,
    ListingPage,
    ResumePoint,
    Verification,
    Version,
    WriteRequest,
)
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import Names, NodeRow
from homeftp.store.cluster.history import ClusterHistory
from homeftp.store.cluster.reading.opened import StoredContent, find_with_parts, not_kept
from homeftp.store.cluster.reading.reader import ClusterReader
from homeftp.store.cluster.tables import contents, uploads, usage
from homeftp.store.cluster.upkeep import expiry, garbage, integrity
from homeftp.store.cluster.writes import arrived, directories, importing, packs, removal
from homeftp.store.cluster.writes.committer import ClusterCommitter
from homeftp.store.cluster.writes.draft import ClusterDraft
from homeftp.store.cluster.writes.packs import StoredContents
from homeftp.store.cluster.writes.transactions import change
from homeftp.store.cluster.writes.upload import ClusterUpload, check_space
from homeftp.store.policy import limits, wording
from homeftp.store.policy.disclosure import account_space
from homeftp.store.policy.outcomes import catch, only
from homeftp.workers.deadline import under


@implementer(IStore, IActiveStore, IProbedStore, IImportingStore)
class ClusterStore:
    """A share of a cluster. Every server that has it open may change it."""

    def __init__(self, context: ClusterContext) -> None:
        self._context = context
        self._reader = ClusterReader(context)
        self.actor = SERVER
        """The actor of changes through it."""
        self.read_only: str | None = None
        options = context.options
        self.capabilities = Capabilities(
            resume=True,
            versions=context.keeps_versions,
            metadata=True,
            atomic_directory_move=True,
            atomic_directory_removal=True,
            similar_names=not options.similar_names,
            edit=True,
            copy=True,
            unique_tags=True,
            verify=True,
            quota=options.quota is not None,
            path_bytes=context.limits.path_bytes,
            account_quotas=True,
        )

    def bind(self, actor: Actor) -> ClusterStore:
        """The same store; what is changed through it is recorded as changed by `actor`."""
        bound = copy.copy(self)
        bound.actor = actor
        return bound

    # -- reading -------------------------------------------------------------------

    def paths_to(self, folder: Endpoint) -> Sequence[Endpoint]:
        """A folder has one name."""
        return (folder,)

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint; None where nothing exists."""
        return self._reader.stat(endpoint)

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`stat` for several at once."""
        return self._reader.stat_many(endpoints)

    def open(self, endpoint: Endpoint) -> IOpenFile:
        """Open a file for reading."""
        return self._reader.open(endpoint)

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open` for several at once."""
        return self._reader.open_many(endpoints, inline)

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries, page by page."""
        return self._reader.list(endpoint, recursive, hidden)

    def list_for_digests(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """All entries beneath a directory: no digests are kept."""
        return self._reader.list(endpoint, True, hidden)

    def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
        """The versions of a file, or of all beneath a directory, page by page."""
        for _ in removal.finish(self._context, endpoint.parts, hidden):
            yield ()
        yield from self._reader.versions(endpoint, hidden)

    def history(self) -> IHistory | None:
        """The versions by time; None where none are kept."""
        return ClusterHistory(self._context, self.actor) if self._context.keeps_versions else None

    def verify(self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        """Read everything at an endpoint and beneath it again."""
        for _ in removal.finish(self._context, endpoint.parts, hidden):
            yield Verification()
        yield from integrity.ClusterVerifier(self._context, self.actor, endpoint, since_us, hidden).steps()

    def damaged(self) -> Sequence[Damage]:
        """All files that are marked as damaged."""
        return self._reader.damaged()

    def resume_point(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """How much of a content arrived earlier from the bound actor's account, in whatever server."""
        database, share = self._context.database, self._context.share
        row = uploads.furthest(database, share.id, endpoint.parts, self.actor.owner, hash, size, mtime_us)
        return None if row is None else ResumePoint(row.arrived, row.prefix_hash)

    def space(self) -> SpaceReport:
        """The space that the quotas leave; not known without one: a bucket does not tell how much it holds."""
        context, allotment = self._context, self.actor.allotment
        shared = [] if context.options.quota is None else [self._space_of((), context.options.quota)]
        own = None
        if allotment is not None and allotment.quota is not None:
            own = self._space_of(allotment.home.parts, allotment.quota)
        return account_space(shared, own, self.actor)

    def _space_of(self, top: Names, quota: int) -> SpaceReport:
        database, share = self._context.database, self._context.share
        usage.ensure(database, share.id, share.root, top)
        used = usage.covering(database, share.id, [top]).get(top, 0)
        return SpaceReport(free=quota - used, used=used)

    # -- contents ------------------------------------------------------------------

    def upload(self, request: WriteRequest) -> IUpload:
        """Begin to write a file."""
        request = self._acting(request)
        self._begin(request)
        return ClusterUpload(self._context, request, arrived.earlier(self._context, request))

    def _begin(self, request: WriteRequest) -> NodeRow | None:
        """Refuse what can be refused early; returns the current file."""
        self._context.limits.check(request)
        self._context.log.ensure_recorded()
        return check_space(self._context, request, request.size or 0)

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        """Write small files and make directories, in one transaction."""
        asked = [(self._acting(request), content) for request, content in requests]
        checked = [catch(self._checked, request, content) for request, content in asked]
        pieces = [
            b"" if content is None or isinstance(hash, Exception) else content
            for (_, content), hash in zip(asked, checked, strict=True)
        ]
        if all(isinstance(each, Exception) for each in checked):
            return [each for each in checked if isinstance(each, Exception)]
        stored = packs.store(self._context, pieces)

        def put(committer: ClusterCommitter, number: int) -> Entry:
            (request, content), hash = asked[number], checked[number]
            if isinstance(hash, Exception):
                raise hash
            if content is None:
                return committer.make_directory(limits.directory_request(request)).entry()
            name = partial(committer.workspace.add_content, stored.parts[number])
            return committer.put(request, len(content), hash, name).entry()

        def work(committer: ClusterCommitter) -> Sequence[Entry | Exception]:
            committer.workspace.offer(stored.objects, stored.since_us)
            results = [_put_or_refuse(put, committer, number) for number in range(len(asked))]
            done = [
                request
                for each, (request, content) in zip(results, asked, strict=True)
                if isinstance(each, Entry) and content is not None
            ]
            arrived.drop_similar(committer, done)
            return results

        endpoints = [request.endpoint for request, _ in asked]
        return change(self._context, endpoints, work, [request.actor for request, _ in asked])

    def _checked(self, request: WriteRequest, content: bytes | None) -> str:
        """The hash of a content that may be written, as far as that shows without looking at what exists."""
        if content is None:
            limits.directory_request(request)
            return ""
        self._context.limits.check(structs.replace(request, size=len(content)))
        hash = hash_bytes(content)
        limits.check_content(request, len(content), hash, request.hash)
        return hash

    def edit(self, request: WriteRequest) -> IDraft:
        """Begin to change a file's content at any offset."""
        request = self._acting(structs.replace(request, size=None, hash=None, offset=0))
        context = self._context
        named_us = 0 if request.empty else contents.now_us(context.database)  # the base has a name then, or later
        node, parts = find_with_parts(
            context.database,
            partial(self._begin, request),
            lambda node: [] if node is None or node.damaged or request.empty else [node],
        )
        if node is not None and node.damaged and not request.empty:
            raise wording.damaged(request.endpoint)
        content = None if node is None or request.empty else node.content
        if content is not None and content not in parts:
            raise not_kept()
        since_us = 0 if content is None else named_us
        base = StoredContent(context.bucket, [] if content is None else parts[content])

        def commit(stored: StoredContents, hash: str, mtime_us: int | None, mode: int | None) -> Entry:
            size = sum(part.size for part in stored.parts[0])

            def work(committer: ClusterCommitter) -> Entry:
                committer.workspace.offer(stored.objects, stored.since_us)
                name = partial(committer.workspace.add_content, stored.parts[0])
                asked = request.with_metadata(mtime_us, mode)
                if asked.mode is None and node is not None and committer.workspace.get(request.endpoint) is None:
                    asked = structs.replace(asked, mode=node.mode)  # it was removed meanwhile
                return committer.put(asked, size, hash, name).entry()

            return change(context, [request.endpoint], work, [request.actor])

        def check_size(size: int) -> None:
            context.limits.check_size(request.endpoint, size)
            check_space(context, request, size)

        return ClusterDraft(context, base, since_us, check_size=check_size, commit=commit)

    # -- names ---------------------------------------------------------------------

    def make_directory(self, request: WriteRequest) -> Entry:
        """Make a directory and its missing parents; one that exists gets the metadata."""
        request = limits.directory_request(self._acting(request))
        return change(
            self._context,
            [request.endpoint],
            lambda committer: committer.make_directory(request).entry(),
            [request.actor],
        )

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
    ) -> Entry:
        """Change mtime and mode; None leaves the value."""
        request = WriteRequest(endpoint=endpoint, mtime_us=mtime_us, mode=mode, precondition=precondition)
        return only(self.set_metadata_many([request]))

    def set_metadata_many(self, requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
        """`set_metadata` for several, in one transaction."""

        def put(committer: ClusterCommitter, number: int) -> Entry:
            request = requests[number]
            limits.check_mtime(request.mtime_us)
            limits.check_not_top(request.endpoint)
            if committer.source(request.endpoint, request.precondition).damaged:
                raise wording.damaged(request.endpoint)
            actor = request.acting(self.actor)
            return committer.set_metadata(request.endpoint, request.mtime_us, request.mode, actor).entry()

        def work(committer: ClusterCommitter) -> Sequence[Entry | Exception]:
            return [_put_or_refuse(put, committer, number) for number in range(len(requests))]

        return change(self._context, [request.endpoint for request in requests], work)

    def copy(
        self, source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Iterator[int | Entry]:
        """Copy a file's content, mtime and mode: both have the same objects."""
        limits.check_copy(source, target)
        self._context.limits.check(WriteRequest(endpoint=target))

        def work(committer: ClusterCommitter) -> Entry:
            node = committer.source(source, source_precondition)
            if node.directory:
                raise wording.is_directory(source)
            if node.damaged:
                raise wording.damaged(source)
            workspace = committer.workspace
            parts = contents.parts(workspace.transaction, node.content)
            made = structs.replace(node, id=workspace.number(), tag=workspace.number(), made_us=workspace.now_us)
            name = partial(workspace.add_content, parts)
            return committer.place(target, made, name, target_precondition, self.actor).entry()

        yield change(self._context, [source, target], work, [self.actor])

    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Give a file or a directory another name."""
        return directories.move(self._context, source, target, source_precondition, target_precondition, self.actor)

    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Remove a file, or a directory at once with all that is in it; its versions are made step by step."""
        return removal.remove(self._context, endpoint, precondition, recursive, self.actor)

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Put a version back, and remove it from the versions."""
        return ClusterHistory(self._context, self.actor).restore(endpoint, at_us, precondition)

    def add_many(self, items: Sequence[Imported]) -> Sequence[bool | Exception]:
        """Add what another store has, with its times."""
        return importing.add_many(self._context, items, self.actor)

    # -- upkeep --------------------------------------------------------------------

    def maintain(self) -> None:
        """Remove versions and uploads that were kept long enough, and what no file names any more."""
        with under(None):  # no request waits for it, and it takes as long as it takes
            removal.finish_all(self._context)
            expiry.expire(self._context)
            garbage.collect(self._context)

    def activity(self) -> StoreActivity:
        """Changes that this server has made, and its connections to the database."""
        return structs.replace(self._context.log.activity(), database=self._context.database.usage())

    def probe(self) -> None:
        """Ask the database and the bucket. Raises `Busy` (51)."""
        self._reader.stat(ROOT)
        self._context.bucket.probe()

    def close(self) -> None:
        """Close the connections; raises `UnrecordedChanges`."""
        try:
            self._context.log.close()
        finally:
            self._context.database.close()

    def _acting(self, request: WriteRequest) -> WriteRequest:
        return structs.replace(request, actor=request.acting(self.actor))


def _put_or_refuse(
    put: Callable[[ClusterCommitter, int], Entry], committer: ClusterCommitter, number: int
) -> Entry | Refusal:
    """The result of one of many items; any other fault than a refusal is one of the transaction, which ends by it."""
    try:
        return put(committer, number)
    except Refusal as refusal:
        return refusal
