"""The files of one share, as dispatchers see them: the store's only face."""

from __future__ import annotations

import contextlib
import copy
from typing import Generator, Iterator, Sequence

import attrs
from zope.interface import implementer

from homeftp.config import Retention
from homeftp.endpoint import RESERVED, Endpoint
from homeftp.errors import Forbidden, OperatorError
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IDraft, IStore
from homeftp.interfaces.store import RecordChanges, record_nothing
from homeftp.model import SERVER, Actor, Capabilities, Entry, ListingPage, ResumePoint, Version, WriteRequest
from homeftp.store.local.disk.entries import Filetypes
from homeftp.store.local.disk.errnos import catch
from homeftp.store.local.disk.metadir import MetadataDir, ReadOnlyRoot
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.history import history
from homeftp.store.local.listing import DirectoryLister
from homeftp.store.local.read import FileReader, LocalFile
from homeftp.store.local.writes.batch import put_together
from homeftp.store.local.writes.mkdir import make_directory
from homeftp.store.local.writes.rename import move, remove
from homeftp.store.local.writes.replacing import Replacing, free_bytes
from homeftp.store.local.writes.replacing import replacing as make_replacing
from homeftp.store.local.writes.restore import restore
from homeftp.store.local.writes.upload import LocalUpload, begin_upload
from homeftp.store.policy.changelog import ChangeLog
from homeftp.syscalls import System


@implementer(IStore)
class LocalStore:
    """The folder `root`, for one server alone, until `close`. Blocks; safe in several threads.

    `filetypes` are the suffixes that files must have, none: any; `file_size`
    is the largest that is taken, and `quota` what there may be of all, in
    bytes. `record` is told of every change, in their order. The caller closes
    `index`. Raises `OperatorError` for a root that is missing, is no directory,
    cannot be used, or is shared by another server already; one that cannot be
    written is `read_only`.
    """

    def __init__(
        self,
        root: str,
        index: HashCache,
        *,
        filetypes: tuple[str, ...] = (),
        file_size: int | None = None,
        retention: Retention = Retention(),  # noqa: B008 (frozen)
        quota: int | None = None,
        similar_names: bool = False,
        system: System | None = None,
        record: RecordChanges = record_nothing,
    ) -> None:
        system = System() if system is None else system
        allowed = Filetypes(filetypes)
        self.read_only: str | None = None
        """Why nothing can be changed, where it is so."""
        self.capabilities = Capabilities(
            resume=True,
            versions=retention.seconds > 0,
            atomic_directory_move=True,
            similar_names=not similar_names,
            quota=quota is not None,
        )
        self._actor = SERVER
        self._replacing: Replacing | None = None
        with contextlib.ExitStack() as opened:
            jail = SafeRoot(root, system)
            opened.callback(jail.close)
            try:
                own = MetadataDir(jail, root)
                opened.callback(own.close)
                if system.syncs_whole(jail.root):
                    system.syncfs(jail.root)  # a server that was killed may have left names that are not durable yet
                self._replacing = make_replacing(
                    jail,
                    system,
                    own,
                    index,
                    filetypes=allowed,
                    file_size=file_size,
                    retention=retention,
                    quota=quota,
                    similar_names=similar_names,
                    trail=ChangeLog(record),
                )
            except ReadOnlyRoot as reason:
                self.read_only = str(reason)
            except OSError as error:
                raise OperatorError(f"cannot share {root}: what is in its folder .homeftp: {error.strerror}") from None
            self._reading = FileReader(jail, index, allowed)
            self._listing = DirectoryLister(jail, index, allowed)
            self._root = jail.root
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Release the folder, so that another server may have it; raises `UnrecordedChanges`."""
        try:
            if self._replacing is not None:
                self._replacing.trail.close()
        finally:
            self._opened.close()

    def bind(self, actor: Actor) -> LocalStore:
        """The same store; what is changed through it is recorded as changed by `actor`."""
        bound = copy.copy(self)
        bound._actor = actor
        return bound

    # -- reading -------------------------------------------------------------------

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """What stands there, with its hash where the index knows it; None when nothing does."""
        return self._reading.look(endpoint)

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`stat` for several at once."""
        return [catch(self.stat, endpoint) for endpoint in endpoints]

    def open(self, endpoint: Endpoint) -> LocalFile:
        """A file, to read."""
        return self._reading.open(endpoint)

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[LocalFile | Exception]:
        """`open` for several at once; those of at most `inline` bytes have their content and hash, and are closed."""
        return self._reading.open_many(endpoints, inline)

    def list(self, endpoint: Endpoint, recursive: bool) -> Iterator[ListingPage]:
        """A directory's entries, page by page."""
        return self._listing.pages(endpoint, recursive)

    def versions(self, endpoint: Endpoint) -> Iterator[Sequence[Version]]:
        """The versions of what stood there, and of all beneath it, page by page."""
        if self._replacing is None:
            raise Forbidden(
                f"the share is read-only, and the versions in its folder {RESERVED}/versions are not listed: "
                f"{self.read_only}"
            )
        return history(self._replacing, endpoint)

    def resume_point(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """How much of a content for that endpoint has arrived; None where nothing can be gone on with."""
        if self._replacing is None:
            return None
        fragment = self._replacing.fragments.find(endpoint, hash, size, mtime_us)
        return None if fragment is None else fragment.arrived[-1]

    def free_space(self) -> int | None:
        """Bytes that can still be stored, by the disk and the quota; None where that is not known."""
        free = free_bytes(self._root)
        left = None if self._replacing is None else self._replacing.space.usage.left()
        return free if left is None else max(0, left) if free is None else max(0, min(free, left))

    # -- writing -------------------------------------------------------------------

    def _writable(self) -> Replacing:
        if self._replacing is None:
            raise Forbidden(f"the share is read-only: {self.read_only}")
        return self._replacing

    def _by(self, request: WriteRequest) -> WriteRequest:
        """The request, with the bound actor where it names none."""
        return attrs.evolve(request, actor=self._actor) if request.actor == SERVER else request

    def upload(self, request: WriteRequest) -> LocalUpload:
        """Begin to write a large file."""
        if request.size is None:
            raise Forbidden("this store needs to know the size of a file before it is uploaded")
        return begin_upload(self._writable(), self._by(request))

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes]]) -> Sequence[Entry | Exception]:
        """Write small files and make them durable together."""
        return put_together(self._writable(), [(self._by(request), content) for request, content in requests])

    def edit(self, request: WriteRequest) -> IDraft:
        """Refused: see `capabilities`."""
        raise Forbidden("this store cannot change part of a file")

    def make_directory(self, request: WriteRequest) -> Entry:
        """Make a directory, and its parents."""
        return make_directory(self._writable(), self._by(request))

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
    ) -> Entry:
        """Refused: see `capabilities`."""
        raise Forbidden("this store cannot change the time or the mode of a file")

    def copy(
        self, source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Refused: see `capabilities`."""
        raise Forbidden("this store cannot copy files")

    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Give a file or a directory another name."""
        return move(self._writable(), source, target, source_precondition, target_precondition, self._actor)

    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Remove a file or a directory, step by step."""
        return remove(self._writable(), self._listing, endpoint, precondition, recursive, self._actor)

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Put a version back."""
        return restore(self._writable(), endpoint, at_us, precondition, self._actor)

    # -- maintenance ---------------------------------------------------------------

    def maintain(self) -> None:
        """Remove versions and partial uploads that were kept long enough; a quota needs it before any change."""
        if self._replacing is not None:
            self._replacing.tidy()
