"""The common part of all stores without capabilities: a backend adds how it reads, and what it can change."""

from __future__ import annotations

import abc
from typing import Generator, Iterator, Sequence

from msgspec import structs
from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.store import IDraft, IHistory, IOpenFile, IStore, IUpload, SpaceReport
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
from homeftp.store.buffers import BytesFile
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.wording import unsupported


@implementer(IStore)
class BasicStore(abc.ABC):
    """Keeps no versions, times, modes or partial uploads, and refuses with `Forbidden` (33) what it cannot do."""

    capabilities = Capabilities()
    """None of them; a backend that can do more says so here, and has the methods for it."""

    read_only: str | None = None

    @abc.abstractmethod
    def bind(self, actor: Actor) -> IStore:
        """The same store; what is changed through it is recorded as changed by `actor`."""

    def paths_to(self, folder: Endpoint) -> Sequence[Endpoint]:
        """A folder has one name."""
        return (folder,)

    # -- reading -------------------------------------------------------------------

    @abc.abstractmethod
    def stat(self, endpoint: Endpoint) -> Entry | None:
        """The entry at an endpoint; None where nothing exists."""

    @abc.abstractmethod
    def open(self, endpoint: Endpoint) -> IOpenFile:
        """Open a file for reading."""

    @abc.abstractmethod
    def list(self, endpoint: Endpoint, recursive: bool, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """A directory's entries, page by page."""

    def list_for_digests(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[ListingPage]:
        """All entries beneath a directory: no digests are known."""
        return self.list(endpoint, True, hidden)

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        """`stat` for several, one after the other."""
        return [catch(self.stat, endpoint) for endpoint in endpoints]

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open` for several, one after the other."""
        return [catch(self._open, endpoint, inline) for endpoint in endpoints]

    def _open(self, endpoint: Endpoint, inline: int) -> IOpenFile:
        file = self.open(endpoint)
        if file.content is not None or file.entry.size > inline:
            return file
        try:
            content = file.read(0, file.entry.size)
            hash = hash_bytes(content)
            return BytesFile(structs.replace(file.close_verified(hash), hash=hash), content, inline)
        finally:
            file.close()

    def versions(self, endpoint: Endpoint, hidden: FolderSet = NO_FOLDERS) -> Iterator[Sequence[Version]]:
        """Always empty: this store keeps no versions."""
        return iter(())

    def history(self) -> IHistory | None:
        """There are no versions."""
        return None

    def verify(self, endpoint: Endpoint, since_us: int = 0, hidden: FolderSet = NO_FOLDERS) -> Iterator[Verification]:
        """Refused: it remembers no hashes."""
        raise unsupported("verify what it holds")

    def damaged(self) -> Sequence[Damage]:
        """Nothing is known to be damaged."""
        return ()

    def resume_point(
        self, endpoint: Endpoint, hash: str | None, size: int | None, mtime_us: int | None
    ) -> ResumePoint | None:
        """Nothing of an upload that ended early is kept."""
        return None

    def space(self) -> SpaceReport:
        """Always unknown."""
        return SpaceReport()

    # -- changing ------------------------------------------------------------------

    @abc.abstractmethod
    def upload(self, request: WriteRequest) -> IUpload:
        """Begin to write a file."""

    @abc.abstractmethod
    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        """Write small files and make directories."""

    def edit(self, request: WriteRequest) -> IDraft:
        """Refuse the edit: a backend that can do it has a method of its own."""
        raise unsupported("change a part of a file")

    @abc.abstractmethod
    def make_directory(self, request: WriteRequest) -> Entry:
        """Make a directory and its missing parents."""

    def set_metadata(
        self, endpoint: Endpoint, *, mtime_us: int | None, mode: int | None, precondition: str | None
    ) -> Entry:
        """Refuse the change: a backend that can do it has a method of its own."""
        raise unsupported("keep times and modes")

    def set_metadata_many(self, requests: Sequence[WriteRequest]) -> Sequence[Entry | Exception]:
        """`set_metadata` for several, one after the other."""
        return [catch(self._set_metadata_of, request) for request in requests]

    def _set_metadata_of(self, request: WriteRequest) -> Entry:
        store = self if request.actor == SERVER else self.bind(request.actor)
        return store.set_metadata(
            request.endpoint, mtime_us=request.mtime_us, mode=request.mode, precondition=request.precondition
        )

    def copy(
        self, source: Endpoint, target: Endpoint, *, source_precondition: str | None, target_precondition: str | None
    ) -> Iterator[int | Entry]:
        """Refuse the copy: a backend that can do it has a method of its own."""
        raise unsupported("copy files")

    @abc.abstractmethod
    def move(
        self, source: Endpoint, target: Endpoint, source_precondition: str | None, target_precondition: str | None
    ) -> Entry:
        """Give a file or a directory another name."""

    @abc.abstractmethod
    def remove(self, endpoint: Endpoint, precondition: str | None, recursive: bool) -> Generator[int, None, None]:
        """Remove a file or a directory, step by step."""

    @abc.abstractmethod
    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Put a version back."""

    def maintain(self) -> None:  # noqa: B027 (most have nothing to do here)
        """Do nothing: nothing expires."""

    def close(self) -> None:  # noqa: B027 (most have nothing to do here)
        """Do nothing: there is nothing to release."""
