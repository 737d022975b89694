"""The local store: the files of one folder, as `IStore` describes it. The package's only public class."""

from __future__ import annotations

import copy
import os
from typing import Generator, Iterator, Sequence

import attrs
from msgspec import structs
from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, RESERVED, ROOT, Endpoint, FolderSet
from homeftp.errors import Busy, Forbidden
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IStore, IStoreHealth, StoreOptions
from homeftp.interfaces.deferredwork import IDeferringStore
from homeftp.interfaces.immediate import IImmediateStore
from homeftp.interfaces.importing import IImportingStore, Imported
from homeftp.interfaces.observing import IObservableStore
from homeftp.interfaces.usage import AccountUsage, IActiveStore, IMeasuredStore, SpaceReport, StoreActivity, StoreUsage
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
from homeftp.store.local.disk.errnos import refusal
from homeftp.store.local.disk.handles import disk_space
from homeftp.store.local.history import LocalHistory
from homeftp.store.local.importing import LocalImporter
from homeftp.store.local.observing.observer import FolderObserver
from homeftp.store.local.opened import OpenFolder, SharedFolder
from homeftp.store.local.read import LocalFile
from homeftp.store.local.wiring import Operations
from homeftp.store.local.writes.edit import LocalDraft
from homeftp.store.local.writes.rename import Move
from homeftp.store.local.writes.upload import LocalUpload
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.disclosure import account_space
from homeftp.store.policy.outcomes import only
from homeftp.syscalls import System


@implementer(
    IStore,
    IImportingStore,
    IActiveStore,
    IMeasuredStore,
    IObservableStore,
    IDeferringStore,
    IImmediateStore,
    IStoreHealth,
)
class LocalStore:
    """The folder `root`, locked against other servers until `close`. Thread-safe.

    One that is `inspected` is not locked, and cannot be changed: another server may have it open.
    The caller closes `cache`, which takes the place of `options.state_dir`. Raises `OperatorError` for a root that is
    missing, is not a directory, cannot be used, is used by another server, or is known and has lost its metadata
    directory. A root that is not writable is `read_only`. While the path of the root leads elsewhere, such as to an
    empty mount point, everything is refused with `Busy` (51).
    """

    def __init__(
        self,
        root: str,
        cache: HashCache,
        options: StoreOptions = StoreOptions(),  # noqa: B008 (frozen)
        *,
        system: System | None = None,
        inspected: bool = False,
    ) -> None:
        opened_by = System() if system is None else system
        self._changelog = changelog = ChangeLog(options.record_changes)
        self._actor = SERVER
        self._cache = cache
        self._folder = SharedFolder(
            lambda known: OpenFolder(root, opened_by, cache, changelog, options, known=known, inspected=inspected),
            known=options.known,
        )
        self.capabilities = Capabilities(
            resume=True,
            versions=options.retention.seconds > 0,
            metadata=True,
            atomic_directory_move=True,
            similar_names=not options.similar_names,
            edit=True,
            copy=True,
            unique_tags=True,
            verify=True,
            quota=options.quota is not None,
            account_quotas=True,
        )

    def close(self) -> None:
        """Release the folder, so that another server may use it; raises `UnrecordedChanges`. May be called twice."""
        try:
            self._changelog.close()
        finally:
            self._folder.close()

    def bind(self, actor: Actor) -> LocalStore:
        """The same store; what is changed through it is recorded as changed by `actor`."""
        bound = copy.copy(self)
        bound._actor = actor
        return bound

    @property
    def read_only(self) -> str | None:
        """Why nothing can be changed; None if it can."""
        return self._folder.read_only

    def problems(self) -> Sequence[str]:
        """The present problems, for the owner. A disk that is back is opened again."""
        try:
            operations = self._folder.get().operations
        except Busy as error:
            return [f"the shared folder is not usable, and all requests are refused: {error.__cause__ or error}"]
        if operations is None:
            return []
        clock = operations.clock.problem()
        return [*operations.problems, *([] if clock is None else [clock]), *operations.mount_problems()]

    def observe(self) -> FolderObserver:
        """Notice what any program changes in the folder from now on."""
        return FolderObserver(self._folder.get().root)

    @property
    def _writable(self) -> Operations:
        return self._folder.get().writable

    def paths_to(self, folder: Endpoint) -> Sequence[Endpoint]:
        """The paths of a folder: more than its own where it is mounted a second time."""
        try:
            return self._folder.get().root.paths_to(folder)
        except OSError as error:
            raise refusal(error, folder) from error

    # -- what it takes up ----------------------------------------------------------

    def usage(self) -> StoreUsage:
        """The usage of the store. The first call may read all versions."""
        folder = self._folder.get()
        disk = os.fstatvfs(folder.root.fd)
        found = StoreUsage(size=disk.f_blocks * disk.f_frsize or None, free=disk.f_bavail * disk.f_frsize)
        if folder.read_only is not None:
            return found
        whole = folder.writable.accounting.whole
        try:
            versions, most = folder.writable.archive.usage()
        except OSError as error:
            raise refusal(error, ROOT) from error
        return structs.replace(
            found,
            versions=versions,
            most_versions=most,
            used=whole.taken(),
            quota=whole.quota,
            unfinished=folder.writable.partials.total_of_all(),
        )

    def activity(self) -> StoreActivity:
        """Changes that were made, and how many of them the audit log lacks."""
        return self._changelog.activity()

    def account_usage(self, actor: Actor) -> AccountUsage:
        """The usage of the actor's account. The first call counts its home where it has a quota."""
        folder = self._folder.get()
        if folder.read_only is not None:
            return AccountUsage()
        unfinished = folder.writable.partials.total(None, actor.owner)
        return structs.replace(folder.writable.accounting.usage(actor), unfinished=unfinished)

    # -- reading -------------------------------------------------------------------

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint, with its hash if it is known; None if nothing exists."""
        return self._folder.get().reader.stat(endpoint)

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`stat` for several at once."""
        return self._folder.get().reader.stat_many(endpoints)

    def open(self, endpoint: Endpoint) -> LocalFile:
        """Open a file for reading."""
        return self._folder.get().reader.open(endpoint)

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[LocalFile | Exception]:
        """`open` for several at once; files of at most `inline` bytes have their content and hash, and are closed."""
        return self._folder.get().reader.open_many(endpoints, inline)

    def stat_at_once(self, endpoint: Endpoint, hashed: bool = True) -> Entry | None:
        """The entry at an endpoint, if no disk is needed for that."""
        immediate = self._folder.at_once()
        return None if immediate is None else immediate.stat(endpoint, hashed)

    def open_at_once(self, endpoint: Endpoint, inline: int, hashed: bool = True) -> LocalFile | None:
        """A small file, read already, if no disk is needed for that."""
        immediate = self._folder.at_once()
        return None if immediate is None else immediate.open(endpoint, inline, hashed)

    def is_new_at_once(self, endpoint: Endpoint) -> bool:
        """Whether nothing has this name, nor a name that is too similar, as far as the server remembers."""
        immediate = self._folder.at_once()
        return immediate is not None and immediate.is_new(endpoint)

    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries, page by page."""
        return self._folder.get().lister.pages(endpoint, recursive, hidden)

    def list_for_digests(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """All beneath a directory, page by page, but for what is in directories whose digests are known."""
        return self._folder.get().lister.digest_pages(endpoint, hidden)

    def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
        """The versions of a file, or of all files below a directory, page by page."""
        folder = self._folder.get()
        if folder.operations is None:
            raise Forbidden(
                f"the shared folder is read-only, and the versions in its folder {RESERVED}/versions are not listed: "
                f"{self.read_only}"
            )
        return folder.operations.history.pages(endpoint, hidden)

    def history(self) -> LocalHistory | None:
        """The versions by time; None where none are kept, or the store is read-only."""
        operations = self._folder.get().operations
        if operations is None or not self.capabilities.versions:
            return None
        return attrs.evolve(operations.by_time, actor=self._actor)

    def verify(self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        """Read everything at an endpoint and beneath it again, versions too, step by step."""
        verifier = self._folder.get().verifier
        return verifier.verify(endpoint, since_us, hidden, from_others=self._actor.sees_all)

    def damaged(self) -> Sequence[Damage]:
        """All files of the store that are marked as damaged."""
        return self._folder.get().marks.damaged()

    def resume_point(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """How much of a content for that endpoint arrived in an upload of the account; None if nothing."""
        operations = self._folder.get().operations
        if operations is None:
            return None
        partial = operations.partials.find(endpoint, hash, size, mtime_us, self._actor.owner)
        return None if partial is None else partial.points[-1]

    def space(self) -> SpaceReport:
        """The space that is left, by the disk and the quotas, and the space in use."""
        folder = self._folder.get()
        shared = [disk_space(folder.root.fd)]
        own = None
        if folder.operations is not None:
            accounting = folder.operations.accounting
            shared.append(accounting.whole.space())
            home = accounting.home(self._actor)
            own = None if home is None else home.space()
        return account_space(shared, own, self._actor)

    # -- writing -------------------------------------------------------------------

    def upload(self, request: WriteRequest) -> LocalUpload:
        """Begin to write a large file."""
        return self._writable.uploads.begin(request, self._actor)

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        """Write small files, make directories, and make all of them durable together."""
        return self._writable.batch.write(requests, self._actor)

    def edit(self, request: WriteRequest) -> LocalDraft:
        """Begin to change a file's content at any offset."""
        return self._writable.editor.begin(request, self._actor)

    def make_directory(self, request: WriteRequest) -> Entry:
        """Make a directory and its missing parents."""
        return self._writable.batch.make_directory(request, self._actor)

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
    ) -> Entry:
        """Change mtime and mode of a file or a directory."""
        request = WriteRequest(endpoint=endpoint, mtime_us=mtime_us, mode=mode, precondition=precondition)
        return only(self.set_metadata_many([request]))

    def set_metadata_many(self, requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
        """Change mtime and mode of files and directories, and make all of that durable together."""
        return self._writable.metadata.set_many(requests, self._actor)

    def copy(
        self, source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Iterator[int | Entry]:
        """Copy a file's content, mtime and mode, step by step."""
        return self._writable.copier.copy(source, target, source_precondition, target_precondition, self._actor)

    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Give a file or a directory another name."""
        return self._writable.mover.move(Move(source, target, source_precondition, target_precondition, self._actor))

    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Remove a file or a directory, step by step."""
        return self._writable.remover.remove(endpoint, precondition, recursive, self._actor)

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Put back a version."""
        return self._writable.restorer.restore(endpoint, at_us, precondition, self._actor)

    def add_many(self, items: Sequence[Imported]) -> Sequence[bool | Exception]:
        """Add what another store has, with its times."""
        history = self.history()
        if history is None:
            raise Forbidden("the folder keeps no versions, and so cannot take those of another store")
        return LocalImporter(self, history, self._writable.versions, self._actor).add_many(items)

    # -- maintenance ---------------------------------------------------------------

    def do_deferred(self) -> bool:
        """Note some more hashes of files in directories that were moved, by their new names; whether any are left."""
        return self._cache.do_deferred()

    def maintain(self) -> None:
        """Remove versions and partial uploads that were kept long enough; a quota needs it before any change."""
        operations = self._folder.get().operations
        if operations is not None:
            operations.partials.expire()
            operations.archive.expire()
            operations.accounting.refresh()
            operations.clock.save()
