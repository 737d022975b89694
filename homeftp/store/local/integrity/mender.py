"""Puts the content of a damaged file or version back: from a version, or from another file that has the same hash.

For a file it is an upload like any other, by the server to itself: what was damaged becomes a version. A version is
written again under its name. In both cases the copy is hashed while it is written, and takes the name only if it is the
right one. After a crash, on a full disk, or from a damaged copy nothing is changed.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import Callable, ContextManager, Generator, Iterator, Protocol

import msgspec
from twisted.logger import Logger

from homeftp.config import PIECE
from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal
from homeftp.hashing.filehash import read_at
from homeftp.hashing.hashcache import HashCache, StoredHash
from homeftp.hashing.signatures import is_same
from homeftp.model import MENDER, Verification, WriteRequest
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.privatefiles import open_private_file
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.catalog import StoredVersion, VersionFinder
from homeftp.store.local.writes.rewrite import VersionRewriter
from homeftp.store.local.writes.upload import Uploads

Source = Callable[[], ContextManager[int]]
"""Opens a file that may have the content."""


class _Copy(Protocol):
    """The target of a content that is copied."""

    def write(self, data: bytes) -> None:
        """Append the next bytes."""

    def commit(self) -> object:
        """Give it its name, if it is the content that was asked for."""

    def abort(self) -> None:
        """Discard it, unless it was committed."""


class Mender(msgspec.Struct, frozen=True):
    """Mends the damaged files and versions of one store. Thread-safe."""

    root: SafeRoot
    cache: HashCache
    versions: VersionFinder
    uploads: Uploads
    rewriter: VersionRewriter
    _log = Logger()

    def mend(
        self,
        endpoint: Endpoint,
        version: StoredVersion | None,
        content_hash: str,
        found: os.stat_result,
        *,
        from_others: bool = True,
    ) -> Generator[Verification, None, bool]:
        """Put the content with that hash at the endpoint of the damaged file, or into its damaged version.

        Piece by piece; returns whether that was done. Without `from_others` only from versions of that file.
        """
        entry = entry_of(found, self.root.disks)
        request = WriteRequest(
            endpoint=endpoint,
            size=entry.size,
            hash=content_hash,
            mtime_us=entry.mtime_us,
            mode=entry.mode,
            precondition=content_hash,
        )
        begin: Callable[[], _Copy] = partial(self.uploads.begin, request, MENDER)
        if version is not None:
            begin = partial(self.rewriter.begin, version, request, MENDER)
        for source in self._sources(endpoint, content_hash, found, from_others=from_others):
            if (yield from self._mend_from(source, begin, endpoint)):
                return True
        return False

    def _mend_from(
        self, source: Source, begin: Callable[[], _Copy], endpoint: Endpoint
    ) -> Generator[Verification, None, bool]:
        try:
            with source() as fd:
                yield from _copy(fd, begin())
        except (Refusal, OSError) as reason:
            where = endpoint.whole
            self._log.info("{where} was not mended from one of its copies: {reason}", where=where, reason=reason)
            return False
        return True

    def _sources(
        self, endpoint: Endpoint, content_hash: str, damaged: os.stat_result, *, from_others: bool
    ) -> Iterator[Source]:
        for version in self.versions.find(endpoint, below=False):
            if os.path.samestat(version.found, damaged) or version.found.st_size != damaged.st_size:
                continue
            if not version.damaged and version.hash in (None, content_hash):
                yield partial(self.versions.open_file, version)
        for row in self.cache.with_hash(content_hash) if from_others else ():
            yield partial(self._open, row)

    @contextlib.contextmanager
    def _open(self, row: StoredHash) -> Iterator[int]:
        """Open a file of the store that had the hash, if it is still the same. Raises OSError."""
        names = self.root.names_of(row.directory)
        if names is None:
            raise FileNotFoundError(f"{row.directory} is not in the shared folder")
        with self.root.open_below(self.root.fd, names) as directory:
            name = self.root.stored_name(directory, Endpoint((row.name,)))
            fd = open_private_file(directory, name, make=False)
        try:
            if not is_same(row.signature, self.cache.signature(os.fstat(fd))):
                raise FileNotFoundError(f"{row.name} was changed")
            yield fd
        finally:
            close_quietly(fd)


def _copy(fd: int, copy: _Copy) -> Iterator[Verification]:
    """Copy an open file, piece by piece."""
    try:
        offset = 0
        while data := read_at(fd, offset, PIECE):
            copy.write(data)
            offset += len(data)
            yield Verification(size=len(data))
        copy.commit()
    finally:
        copy.abort()
