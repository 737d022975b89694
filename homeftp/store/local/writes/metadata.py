"""Makes directories, and changes mtime and mode of files and directories."""

from __future__ import annotations

import os

import attrs

from homeftp.endpoint import Endpoint
from homeftp.model import ABSENT, PRESENT, Actor, Change, Entry, WriteRequest
from homeftp.store.local.commit.directories import Directories
from homeftp.store.local.commit.namespace import Namespace
from homeftp.store.local.commit.pending import PendingUnlink
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.disk.entries import entry_of, kind_of
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, set_mode
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import check_mtime, check_not_top, directory_request
from homeftp.store.policy.preconditions import check_source, names_content, no_hash, required_hash
from homeftp.store.policy.wording import damaged, not_found


@attrs.frozen
class MetadataWriter:
    """Makes directories and changes metadata. Thread-safe."""

    root: SafeRoot
    filetypes: Filetypes
    preconditions: Preconditions
    directories: Directories
    namespace: Namespace
    fsync: Fsync

    def make_directory(self, request: WriteRequest, actor: Actor) -> Entry:
        """Make a directory and its parents, durably; an existing one gets the metadata of the request.

        Raises `Changed` (44) if the precondition does not hold, and `WrongKind`
        (43) for a hash as the precondition, or if a file exists there.
        """
        request = directory_request(request)
        endpoint, actor = request.endpoint, request.acting(actor)
        if names_content(request.precondition):
            raise no_hash(endpoint)
        if request.precondition == ABSENT:
            opened = self.directories.made(endpoint, actor)
        elif request.precondition == PRESENT:
            opened = self.directories.existing(endpoint)
        else:
            opened = self.directories.opened(endpoint, actor, target=endpoint, size=0)
        with opened as handle:
            return self._set_on_directory(handle, endpoint, request.mtime_us, request.mode, actor)

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
            if mode is not None or mtime_us is not None:
                change = Change("metadata", "directory", endpoint, actor)
                self.namespace.change_directory(handle, lambda: self._set(handle.fd, mtime_us, mode), change)
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
                lambda: self._set(fd, mtime_us, mode),
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

    def _set(self, fd: int, mtime_us: int | None, mode: int | None) -> bool:
        """Set mode and mtime of an open file or directory, as far as they can be set; whether that changed any.

        Those of another user's stay as they are, and nothing is recorded then. Raises OSError.
        """
        before = os.fstat(fd)
        if mode is not None:
            set_mode(self.root.disks, fd, mode)
        if mtime_us is not None:
            self.root.disks.set_mtime(fd, mtime_us)
        after = os.fstat(fd)
        return (before.st_mode, before.st_mtime_ns) != (after.st_mode, after.st_mtime_ns)
