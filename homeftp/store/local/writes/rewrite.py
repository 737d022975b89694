"""Writes the content of a version again, under the name that it has: the disk has not kept it."""

from __future__ import annotations

import contextlib
import os
import time

import msgspec

from homeftp.errors import Changed
from homeftp.hashing.filehash import Hasher
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.hashing.signatures import is_unchanged
from homeftp.model import Actor, Change, WriteRequest
from homeftp.store.local.commit.outcome import in_doubt
from homeftp.store.local.commit.space import SpaceReservation
from homeftp.store.local.disk.accounting import Allocation
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.inheritance import Inheritance
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.tempfile import TOKEN_BYTES, TempFile, TempFiles
from homeftp.store.local.versions.catalog import StoredVersion, VersionFinder
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.limits import check_content
from homeftp.store.policy.wording import display_path
from homeftp.syscalls import System


class VersionRewriter(msgspec.Struct, frozen=True):
    """Rewrites versions. Thread-safe."""

    root: SafeRoot
    system: System
    catalog: VersionFinder
    archive: VersionArchive
    temp_files: TempFiles
    space: SpaceReservation
    fsync: Fsync
    changelog: ChangeLog
    cache: HashCache

    def begin(self, version: StoredVersion, request: WriteRequest, actor: Actor) -> VersionRewrite:
        """Begin to write a version's content and metadata again. Raises `NoSpace` (52), and OSError."""
        self.changelog.ensure_recorded()
        allocation = Allocation(actor, request.endpoint, version.found.st_dev)
        with contextlib.ExitStack() as opened:
            top = self.root.open_directory(version.mount)
            opened.callback(close_quietly, top.fd)
            self.space.reserve(allocation, top, version.mount, request.known_size)
            opened.callback(self.space.release, allocation, committed=False)
            with self.catalog.open_file(version) as fd:
                inheritance = Inheritance.of_file(self.root.disks, fd)
            temp_file = self.temp_files.create(os.urandom(TOKEN_BYTES).hex(), top, version.mount, request.mode)
            opened.callback(temp_file.close)
            return VersionRewrite(self, version, request, actor, temp_file, top, inheritance, opened.pop_all())


class VersionRewrite:
    """A version that is being written again; `VersionRewriter.begin` makes one. For one thread at a time."""

    def __init__(
        self,
        rewriter: VersionRewriter,
        version: StoredVersion,
        request: WriteRequest,
        actor: Actor,
        temp_file: TempFile,
        top: DirHandle,
        inheritance: Inheritance,
        opened: contextlib.ExitStack,
    ) -> None:
        self._rewriter = rewriter
        self._version = version
        self._request = request
        self._actor = actor
        self._temp_file = temp_file
        self._top = top
        self._inheritance = inheritance
        self._opened = opened
        self._hasher = Hasher()
        self._size = 0
        self._began = time.time_ns()

    def write(self, data: bytes) -> None:
        """Append the next bytes. Raises OSError."""
        self._rewriter.root.expect_attached()
        self._temp_file.write(data)
        self._hasher.update(data)
        self._size += len(data)

    def commit(self) -> None:
        """Take the version's name, durably, if this is its content.

        Raises `ContentMismatch` (45); `Changed` (44) if the version was removed or restored meanwhile, or is being
        restored; `Internal` (50) if it is in doubt whether it survives a power cut; and OSError.
        """
        request, rewriter = self._request, self._rewriter
        content_hash = self._hasher.hash()
        check_content(request, self._size, content_hash, request.hash)
        self._temp_file.set_metadata(request, self._size, self._inheritance, self._version.found)
        (failure,) = rewriter.fsync.files([(self._temp_file.fd, self._top)])
        if failure is not None:
            raise failure
        with (
            rewriter.archive.lock,
            rewriter.catalog.folders.open(self._version.mount) as version_dir,
            rewriter.root.open_below(version_dir.fd, self._version.names) as folder,
        ):
            self._rename(DirHandle(folder, self._top.same_mount), content_hash)

    def _rename(self, folder: DirHandle, content_hash: str) -> None:
        """The content was lost, so nothing is kept of what is replaced."""
        version, rewriter, temp_file = self._version, self._rewriter, self._temp_file
        now = os.stat(version.file, dir_fd=folder.fd, follow_symlinks=False)
        change_time = rewriter.root.disks.of(now.st_dev).change_time
        if not is_unchanged(version.found, now, change_time) or rewriter.archive.is_pinned(now.st_ino):
            raise Changed(f"the version of {display_path(self._request.endpoint)} is not the one that was damaged")
        temp_file.make_name()
        with rewriter.changelog.changing() as record:
            rewriter.system.rename(temp_file.name, version.file, source_dir=temp_file.directory, target_dir=folder.fd)
            temp_file.renamed()
            change = Change("mend", "version", version.endpoint, self._actor, size=self._size, hash=content_hash)
            record(change)
        (failure,) = rewriter.fsync.directories([folder])
        if failure is not None:
            raise in_doubt(self._request.endpoint, failure)
        path = rewriter.catalog.folders.cache_path(version.mount, version.names)
        found = os.fstat(temp_file.fd)
        row = CachedHash(path, os.fsdecode(version.file), found, content_hash, self._began)
        rewriter.cache.record_reads([row._replace(read_us=rewriter.system.wall_us())])

    def abort(self) -> None:
        """Discard it, unless it was committed. May be called twice."""
        self._opened.close()
