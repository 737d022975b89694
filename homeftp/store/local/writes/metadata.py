"""Changes mtime and mode of files and directories."""

from __future__ import annotations

import os
from functools import partial

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.model import Actor, Change, Entry
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.pending import PendingUnlink
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.disk.entries import entry_of, kind_of
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, set_metadata
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import check_mtime, check_not_top
from homeftp.store.policy.preconditions import check_source, required_hash
from homeftp.store.policy.wording import damaged, not_found


class MetadataWriter(msgspec.Struct, frozen=True):
    """Changes metadata. Thread-safe."""

    root: SafeRoot
    filetypes: Filetypes
    preconditions: Preconditions
    namespace: Namespace
    fsync: Fsync
    changelog: ChangeLog

    def set_metadata(
        self, endpoint: Endpoint, mtime_us: int | None, mode: int | None, precondition: str | None, actor: Actor
    ) -> Entry:
        """Change mtime and mode, durably; None leaves the value.

        Raises `NotFound` (40), `Changed` (44), and `Forbidden` (33) for the root, or the home of an account.
        """
        check_mtime(mtime_us)
        check_not_top(endpoint)
        found = self.root.stat(endpoint)
        if found is None:
            raise not_found(endpoint)
        kind = kind_of(endpoint, found)
        if kind == "file":
            self.filetypes.check(endpoint)
        check_source(endpoint, kind, precondition)
        if kind == "file":
            return self._set_on_file(endpoint, mtime_us, mode, precondition, actor)
        handle = self.root.open_directory(endpoint)
        try:
            return self._set_on_directory(handle, endpoint, mtime_us, mode, actor)
        finally:
            close_quietly(handle.fd)

    def _set_on_directory(
        self, handle: DirHandle, endpoint: Endpoint, mtime_us: int | None, mode: int | None, actor: Actor
    ) -> Entry:
        try:
            self.changelog.ensure_recorded()
            apply = partial(set_metadata, self.root.disks, handle.fd, mtime_us, mode)
            (failure,) = self.namespace.change_directories(
                [(handle, apply, Change("metadata", "directory", endpoint, actor))]
            )
            if failure is None:
                (failure,) = self.fsync.directories([handle])
            if failure is not None:
                raise failure
            return entry_of(os.fstat(handle.fd), self.root.disks)
        except OSError as error:
            raise refusal(error, endpoint) from error

    def _set_on_file(
        self, endpoint: Endpoint, mtime_us: int | None, mode: int | None, precondition: str | None, actor: Actor
    ) -> Entry:
        handle = self.root.open_directory(endpoint.parent)
        fd = -1
        try:
            (expected,) = self.preconditions.expected([(handle, endpoint, precondition)])
            if isinstance(expected, Exception):
                raise expected
            fd, found = self.root.open_any_in(handle.fd, endpoint)
            if self.preconditions.is_damaged(endpoint, found):
                raise damaged(endpoint)
            content_hash = required_hash(precondition)
            self.namespace.change_metadata(
                PendingUnlink(handle, endpoint, expected, content_hash, found.st_ino),
                lambda: set_metadata(self.root.disks, fd, mtime_us, mode),
                Change("metadata", "file", endpoint, actor, size=found.st_size, hash=content_hash),
            )
            (failure,) = self.fsync.files([(fd, handle)])
            if failure is not None:
                raise failure
            # Its hash is not remembered: another program's write just before the mtime was set would go unnoticed.
            return entry_of(os.fstat(fd), self.root.disks)
        except OSError as error:
            raise refusal(error, endpoint) from error
        finally:
            if fd >= 0:
                close_quietly(fd)
            close_quietly(handle.fd)
