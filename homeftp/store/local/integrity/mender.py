"""Puts the content of a damaged file back: from a version of it, or from another file that has the same hash.

It is an upload like any other, by the server to itself: the copy is hashed while
it is written, and takes the name only if it is the right one; what was damaged
becomes a version. After a crash, on a full disk, or from a damaged copy nothing
is changed.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import Callable, ContextManager, Generator, Iterator

import attrs
from twisted.logger import Logger

from homeftp.config import PIECE
from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal
from homeftp.hashing.filehash import read_at, signature
from homeftp.hashing.hashcache import HashCache, StoredHash
from homeftp.model import MENDER, Verification, WriteRequest
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.handles import raw
from homeftp.store.local.disk.privatefiles import open_private_file
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.catalog import VersionFinder
from homeftp.store.local.writes.upload import Uploads

Source = Callable[[], ContextManager[int]]
"""Opens a file that may have the content."""


@attrs.frozen
class Mender:
    """Mends the damaged files of one store. Thread-safe."""

    root: SafeRoot
    cache: HashCache
    versions: VersionFinder
    uploads: Uploads
    _log = Logger()

    def mend(self, endpoint: Endpoint, content_hash: str, found: os.stat_result) -> Generator[Verification, None, bool]:
        """Put the content with that hash at the endpoint of the damaged file, piece by piece; whether that was done."""
        entry = entry_of(found, self.root.disks)
        request = WriteRequest(
            endpoint=endpoint,
            size=entry.size,
            hash=content_hash,
            mtime_us=entry.mtime_us,
            mode=entry.mode,
            precondition=content_hash,
        )
        for source in self._sources(endpoint, content_hash, found.st_size):
            if (yield from self._mend_from(source, request)):
                return True
        return False

    def _mend_from(self, source: Source, request: WriteRequest) -> Generator[Verification, None, bool]:
        try:
            with source() as fd:
                yield from self._copy(fd, request)
        except (Refusal, OSError) as reason:
            where = request.endpoint.whole
            self._log.info("{where} was not mended from one of its copies: {reason}", where=where, reason=reason)
            return False
        return True

    def _sources(self, endpoint: Endpoint, content_hash: str, size: int) -> Iterator[Source]:
        for version in self.versions.find(endpoint, below=False):
            if version.found.st_size == size and not version.damaged and version.hash in (None, content_hash):
                yield partial(self.versions.open_file, version)
        for row in self.cache.with_hash(content_hash):
            yield partial(self._open, row)

    @contextlib.contextmanager
    def _open(self, row: StoredHash) -> Iterator[int]:
        """Open a file of the store that had the hash, if it is still the same. Raises OSError."""
        names = self.root.names_of(row.directory)
        if names is None:
            raise FileNotFoundError(f"{row.directory} is not in the shared folder")
        with self.root.open_below(self.root.fd, names) as directory:
            fd = open_private_file(directory, raw(row.name), make=False)
        try:
            if signature(os.fstat(fd)) != row.signature:
                raise FileNotFoundError(f"{row.name} was changed")
            yield fd
        finally:
            close_quietly(fd)

    def _copy(self, fd: int, request: WriteRequest) -> Iterator[Verification]:
        upload = self.uploads.begin(request, MENDER)
        try:
            offset = 0
            while data := read_at(fd, offset, PIECE):
                upload.write(data)
                offset += len(data)
                yield Verification(size=len(data))
            upload.commit()
        finally:
            upload.abort()
