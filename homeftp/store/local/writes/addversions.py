"""Adds versions that another store had, each with the time that it had there: many together, with few syncs.

A version that is there already stays as it is. No file changes, so nothing is recorded.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Callable, Iterator, Sequence

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, NoSpace
from homeftp.hashing.filehash import Hasher
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.model import Actor, WriteRequest
from homeftp.store.local.commit.space import SpaceReservation
from homeftp.store.local.disk.accounting import Allocation
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.inheritance import Inheritance
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.tempfile import TOKEN_BYTES, TempFile, TempFiles
from homeftp.store.local.versions.archive import Archiver, ArchiverFactory
from homeftp.store.local.versions.folders import VersionFolders
from homeftp.store.policy.limits import check_content
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.wording import display_path


class NewVersion(msgspec.Struct, frozen=True):
    """A version that is to be added."""

    at_us: int
    """When the file was replaced or removed: microseconds since 1970 UTC."""
    request: WriteRequest
    """Its endpoint, with size, hash, mtime and mode."""
    pieces: Callable[[], Iterator[bytes]]
    """Gives its content; may raise refusals."""


class _UnnamedVersion(msgspec.Struct, frozen=True):
    """A content without a name."""

    version: NewVersion
    mount: Endpoint
    top: DirHandle
    temp_file: TempFile
    hash: str
    began_ns: int


class VersionAdder(msgspec.Struct, frozen=True):
    """Adds versions. Thread-safe."""

    root: SafeRoot
    folders: VersionFolders
    temp_files: TempFiles
    space: SpaceReservation
    fsync: Fsync
    archivers: ArchiverFactory
    cache: HashCache

    def add(self, versions: Sequence[NewVersion], actor: Actor) -> list[Exception | None]:
        """Add versions, durably: None for each, or why it was not added."""
        results: list[Exception | None] = [None] * len(versions)
        with contextlib.ExitStack() as opened:
            tops: dict[Endpoint, DirHandle] = {}
            written: dict[int, _UnnamedVersion] = {}
            for number, version in enumerate(versions):
                done = catch(self._write, version, actor, tops, opened)
                if isinstance(done, Exception):
                    results[number] = done
                else:
                    written[number] = done
            failures = self.fsync.files([(each.temp_file.fd, each.top) for each in written.values()])
            named: dict[int, CachedHash] = {}
            with self.archivers() as archiver:
                for (number, each), failure in zip(written.items(), failures, strict=True):
                    row = catch(self._name, archiver, each, actor) if failure is None else failure
                    if isinstance(row, Exception):
                        results[number] = row
                    else:
                        named[number] = row
                undurable = archiver.make_durable(self.fsync)
            if undurable is not None:
                results = [undurable if number in named else result for number, result in enumerate(results)]
            else:
                self.cache.record(named.values())
        return [self._worded(each, version) for each, version in zip(results, versions, strict=True)]

    def _worded(self, error: Exception | None, version: NewVersion) -> Exception | None:
        """An error in words for the owner."""
        if isinstance(error, OSError):
            return refusal(error, version.request.endpoint, size=version.request.known_size)
        return error

    def _write(
        self, version: NewVersion, actor: Actor, tops: dict[Endpoint, DirHandle], opened: contextlib.ExitStack
    ) -> _UnnamedVersion:
        request, began_ns = version.request, time.time_ns()
        mount = self.folders.mount_at(request.endpoint)
        if mount not in tops:
            tops[mount] = self.root.open_directory(mount)
            opened.callback(close_quietly, tops[mount].fd)
        top = tops[mount]
        allocation = Allocation(actor, request.endpoint)
        self.space.reserve_whole(allocation, top, mount, request.known_size)
        opened.callback(self.space.release, allocation, committed=False)  # versions count by themselves
        temp_file = self.temp_files.create(os.urandom(TOKEN_BYTES).hex(), top, mount, request.mode)
        opened.callback(temp_file.close)
        hasher, size = Hasher(), 0
        for piece in version.pieces():
            temp_file.write(piece)
            hasher.update(piece)
            size += len(piece)
        check_content(request, size, hasher.hash(), request.hash)
        temp_file.set_metadata(request, size, Inheritance.of(self.root.disks, top), None)
        return _UnnamedVersion(version, mount, top, temp_file, hasher.hash(), began_ns)

    def _name(self, archiver: Archiver, each: _UnnamedVersion, actor: Actor) -> CachedHash:
        endpoint, temp_file = each.version.request.endpoint, each.temp_file
        temp_file.make_name()
        source = DirHandle(temp_file.directory, each.top.same_mount)
        found = os.fstat(temp_file.fd)
        try:
            place = archiver.add(source, endpoint, temp_file.name, found, actor, each.mount, each.version.at_us)
        except FileExistsError as error:
            raise Changed(f"there is another version of {display_path(endpoint)} of that time already") from error
        if place is None:
            raise NoSpace(f"this version of {display_path(endpoint)} is larger than all versions together may be")
        temp_file.renamed()
        return CachedHash(place[0], os.fsdecode(place[1]), os.fstat(temp_file.fd), each.hash, each.began_ns)
