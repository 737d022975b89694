"""The files of one share, as dispatchers see them: the store's only face."""

from __future__ import annotations

import contextlib
from typing import Generator, Iterator, Sequence

from zope.interface import implementer

from homeftp.config import Retention
from homeftp.endpoint import RESERVED, Endpoint
from homeftp.errors import Forbidden, OperatorError, Refusal
from homeftp.hashing.hashcache import HashCache
from homeftp.interfaces import IStore
from homeftp.model import SERVER, Actor, Entry, ListingPage, ResumePoint, Version, WriteRequest
from homeftp.store.local.disk.entries import Filetypes
from homeftp.store.local.disk.metadir import MetadataDir, ReadOnlyRoot
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.history import history
from homeftp.store.local.listing import DirectoryLister
from homeftp.store.local.read import FileReader, LocalFile
from homeftp.store.local.writes.batch import put_together
from homeftp.store.local.writes.mkdir import make_directory
from homeftp.store.local.writes.rename import move, remove
from homeftp.store.local.writes.replacing import Replacing
from homeftp.store.local.writes.replacing import replacing as make_replacing
from homeftp.store.local.writes.restore import restore
from homeftp.store.local.writes.upload import LocalUpload, begin_upload
from homeftp.store.policy.changelog import ChangeLog, RecordChanges
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
        record: RecordChanges = lambda changes: None,
    ) -> None:
        system = System() if system is None else system
        allowed = Filetypes(filetypes)
        self.read_only: str | None = None
        """Why nothing can be changed, where it is so."""
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
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of the folder: another server may have it. May be called twice, but not while a job runs."""
        if self._replacing is not None:
            with contextlib.suppress(Refusal):  # what could not be written down yet, if there is anything, still cannot
                self._replacing.trail.settle()
        self._opened.close()

    # -- reading -------------------------------------------------------------------

    def stat(self, endpoint: Endpoint) -> Entry | None:
        """What stands there, with its hash where the index knows it; None when nothing does."""
        return self._reading.look(endpoint)

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

    # -- writing -------------------------------------------------------------------

    def _writable(self) -> Replacing:
        if self._replacing is None:
            raise Forbidden(f"the share is read-only: {self.read_only}")
        return self._replacing

    def upload(self, put: WriteRequest) -> LocalUpload:
        """Room for a large file."""
        return begin_upload(self._writable(), put)

    def write_many(self, puts: Sequence[tuple[WriteRequest, bytes]]) -> Sequence[Entry | Exception]:
        """Write small files and make them durable together."""
        return put_together(self._writable(), puts)

    def make_directory(self, put: WriteRequest) -> Entry:
        """Make a directory, and its parents."""
        return make_directory(self._writable(), put)

    def restore(self, endpoint: Endpoint, at_us: int | None, if_hash: str | None, actor: Actor = SERVER) -> Entry:
        """Put a version back."""
        return restore(self._writable(), endpoint, at_us, if_hash, actor)

    def remove(
        self, endpoint: Endpoint, if_hash: str | None, recursive: bool, actor: Actor = SERVER
    ) -> Generator[int, None, None]:
        """Remove a file or a directory, step by step."""
        return remove(self._writable(), self._listing, endpoint, if_hash, recursive, actor)

    def move(
        self, endpoint: Endpoint, to: Endpoint, if_hash: str | None, if_to: str | None, actor: Actor = SERVER
    ) -> Entry:
        """Give a file or a directory another name."""
        return move(self._writable(), endpoint, to, if_hash, if_to, actor)

    # -- keeping house ---------------------------------------------------------------

    def tidy(self) -> None:
        """Throw away versions and fragments that have been kept for long enough.

        To be called after the start, which a quota needs before anything can be
        changed, and from time to time.
        """
        if self._replacing is not None:
            self._replacing.tidy()
