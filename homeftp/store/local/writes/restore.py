"""Puts a version back; the current file becomes a version itself."""

from __future__ import annotations

import os
import time

import attrs

from homeftp.config import SLICE
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed
from homeftp.hashing.filehash import digest_slices, same_content
from homeftp.model import Actor, Entry
from homeftp.store.local.commit.committer import Committer
from homeftp.store.local.commit.directories import Directories
from homeftp.store.local.commit.outcome import InDoubt
from homeftp.store.local.commit.pending import PendingRename, PinnedFile
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.privatefiles import complete_mode, open_private_file
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.catalog import StoredVersion, VersionCatalog
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import check_not_root
from homeftp.store.policy.wording import damaged_version


@attrs.frozen
class Restorer:
    """Restores versions. Thread-safe."""

    root: SafeRoot
    filetypes: Filetypes
    catalog: VersionCatalog
    archive: VersionArchive
    directories: Directories
    preconditions: Preconditions
    fsync: Fsync
    committer: Committer

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None, actor: Actor) -> Entry:
        """Put back the version of that time, or the newest, durably.

        Raises `NotFound` (40), `Changed` (44), and `Damaged` (46) for a version that is known to be.
        """
        check_not_root(endpoint)
        self.filetypes.check(endpoint)
        try:
            with (
                self.catalog.open(endpoint, at_us) as version,
                self.directories.opened(endpoint.parent, actor, target=endpoint, size=0) as handle,
            ):
                return self._restore(endpoint, handle, version, precondition, actor)
        except OSError as error:
            raise refusal(error, endpoint) from error

    def _restore(
        self, endpoint: Endpoint, handle: DirHandle, version: StoredVersion, precondition: str | None, actor: Actor
    ) -> Entry:
        (expected,) = self.preconditions.expected([(handle, endpoint, precondition)])
        if isinstance(expected, Exception):
            raise expected
        if version.damaged:
            raise damaged_version(endpoint)
        pinned = self.root.open_pinned(version.folder, version.file)
        try:
            found = os.fstat(pinned)
            complete_mode(version.folder, version.file, found)
            known = version.hash if same_content(version.found, found) else None
            known = known or self._hash(version, found)
            self.fsync.existing_file(version.folder, version.file, handle)
            pending = PendingRename(
                source=PinnedFile(pinned, version.folder, version.file),
                handle=handle,
                endpoint=endpoint,
                precondition=precondition,
                expected=expected,
                hash=known,
                hashed_ns=time.time_ns(),
                size=found.st_size,
                actor=actor,
                before=found,
                counted=True,
            )
            (result,) = self.committer.commit([pending])
        finally:
            close_quietly(pinned)
        if isinstance(result, Entry | InDoubt):
            self.archive.subtract(version.mount, version.found.st_size)
        if isinstance(result, Exception):
            raise result
        return result

    def _hash(self, version: StoredVersion, found: os.stat_result) -> str | None:
        """The hash of a version; None if it is large, cannot be read, or is being written."""
        if found.st_size > SLICE:
            return None  # a request that needs it hashes the file in slices
        try:
            fd = open_private_file(version.folder, version.file, make=False)
        except PermissionError:
            return None
        try:
            (content_hash,) = filter(None, digest_slices(fd, found.st_size))
            return content_hash if same_content(found, os.fstat(fd)) else None
        except Changed:
            return None
        finally:
            close_quietly(fd)
