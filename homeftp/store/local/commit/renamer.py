"""The system calls of the commit point: atomic rename, exchange and unlink, counted in the quotas."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets

import msgspec

from homeftp.endpoint import Endpoint, folded
from homeftp.errors import Forbidden
from homeftp.model import ABSENT, Actor
from homeftp.store.local.commit.outcome import in_doubt
from homeftp.store.local.commit.pending import ExistingTarget, PendingRename, PendingUnlink
from homeftp.store.local.commit.preconditions import check_file
from homeftp.store.local.disk.accounting import Marks, QuotaAccounting
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, raw
from homeftp.store.local.disk.privatefiles import create_file
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.tempfile import TOKEN_BYTES
from homeftp.store.local.versions.archive import NO_LINK, ArchivedFile, Archiver
from homeftp.store.policy.preconditions import occupied
from homeftp.store.policy.wording import display_path
from homeftp.syscalls import System

NO_VERSIONS = (
    "the disk of the shared folder cannot keep the old content of a file as a version, so that no file on it can be "
    "replaced: it has neither hard links nor an exchange of two files. Restart the server with --keep-versions 0"
)
"""A problem of a store, for its owner."""


def can_keep_versions(system: System, folder: int) -> bool:
    """Whether the file system of an open folder of the server's own can keep what a rename replaces.

    True also where that cannot be found out, such as on a full disk. Raises nothing.
    """
    token = secrets.token_hex(TOKEN_BYTES)
    one, other, linked = (f"{token}-{each}".encode() for each in ("one", "other", "linked"))
    try:
        for name in (one, other):
            close_quietly(create_file(folder, name, 0o600))
        with contextlib.suppress(OSError):
            system.exchange(one, other, one_dir=folder, other_dir=folder)
            return True
        system.link(one, linked, source_dir=folder, target_dir=folder)
    except OSError as error:
        return error.errno not in NO_LINK
    finally:
        for name in (one, other, linked):
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
    return True


class TargetAppeared(Exception):
    """Another program created the target after it was found to be missing, or removed it after it was found."""


class Renamer(msgspec.Struct, frozen=True):
    """Changes one name at a time. The caller has checked everything and holds the namespace's lock."""

    root: SafeRoot
    system: System
    fsync: Fsync
    accounting: QuotaAccounting

    def rename(self, pending: PendingRename, existing: ExistingTarget, name: bytes) -> None:
        """Give a file its final name, in one step. Raises `TargetAppeared`, `Changed` (44), `InDoubt`, OSError.

        `name` is the name that the directory has for the endpoint, or gets.
        """
        source, target, handle = pending.file.source, pending.target, pending.target.handle
        marks = self.accounting.mark() if existing.found is not None or pending.file.counted else {}
        if existing.found is not None:
            source.make_name()
        if existing.found is None:
            try:
                if source.is_named:
                    self.system.rename_new(source.name, name, source_dir=source.directory, target_dir=handle.fd)
                else:
                    self.system.name_new(source.fd, name, target_dir=handle.fd)
            except FileExistsError:
                if target.precondition != ABSENT:
                    raise TargetAppeared from None
                check_file(target.endpoint, self.root.stat_in(handle.fd, target.endpoint))
                raise occupied(target.endpoint) from None
        elif existing.archived is not None and not existing.archived.linked:
            self._exchange(pending, name, existing.archived)
        elif pending.unlink is not None and self.is_other_link(pending, existing.found):
            os.unlink(source.name, dir_fd=source.directory)
        else:
            self.system.rename(source.name, name, source_dir=source.directory, target_dir=handle.fd)
        self._count_removed(target.endpoint, existing.found, existing.archived is not None, marks)
        if pending.file.counted:
            source_endpoint = target.endpoint if pending.unlink is None else pending.unlink.endpoint
            self.accounting.moved(source_endpoint, target.endpoint, self.accounting.cost(pending.file.size), marks)

    def is_other_link(self, pending: PendingRename, found: os.stat_result) -> bool:
        """Whether what is `found` at the target is another name of the file itself: rename(2) would leave both.

        On a disk that ignores case it may be the same name. Raises OSError.
        """
        source = os.fstat(pending.file.source.fd)
        if source.st_nlink < 2 or not os.path.samestat(source, found):
            return False
        one, other = os.fsdecode(pending.file.source.name), pending.target.endpoint.name
        return folded(one) != folded(other) or {one, other} <= set(os.listdir(pending.target.handle.fd))

    def remove(
        self, pending: PendingUnlink, name: bytes, found: os.stat_result, archiver: Archiver, actor: Actor
    ) -> None:
        """Make a file of that name a version for an actor, or remove it. Raises OSError."""
        marks = self.accounting.mark()
        archived = archiver.move(pending.handle, pending.endpoint, name, found, actor, pending.at_us)
        self._count_removed(pending.endpoint, found, archived, marks)

    def rename_directory(self, pending: PendingUnlink, name: bytes, handle: DirHandle, endpoint: Endpoint) -> None:
        """Give a directory of that name another one where nothing exists. Raises FileExistsError, OSError."""
        marks = self.accounting.mark()
        self.system.rename_new(name, raw(endpoint.name), source_dir=pending.handle.fd, target_dir=handle.fd)
        self.accounting.moved(pending.endpoint, endpoint, None, marks)

    def remove_directory(self, parent: DirHandle, name: bytes, endpoint: Endpoint) -> None:
        """Remove the empty directory of that name. Raises OSError."""
        marks = self.accounting.mark()
        os.rmdir(name, dir_fd=parent.fd)
        self.accounting.directory_removed(endpoint.parent, marks)

    def _count_removed(self, endpoint: Endpoint, found: os.stat_result | None, archived: bool, marks: Marks) -> None:
        """Subtract a file that lost its name, unless it is a version now or has other names."""
        if found is not None and archived:
            self.accounting.kept(endpoint, self.accounting.cost(found.st_size), marks)
        elif found is not None and found.st_nlink == 1:
            self.accounting.removed(endpoint, self.accounting.cost(found.st_size), marks)

    def _exchange(self, pending: PendingRename, name: bytes, archived: ArchivedFile) -> None:
        """Exchange both files if the old one cannot be linked; then move the old one to its version folder."""
        source, handle, endpoint = pending.file.source, pending.target.handle, pending.target.endpoint
        try:
            self.system.exchange(source.name, name, one_dir=source.directory, other_dir=handle.fd)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                raise Forbidden(
                    f"{display_path(endpoint)} cannot be replaced: its disk cannot keep the old content as a "
                    "version. The server's owner can turn versions off with --keep-versions 0."
                ) from error
            raise
        try:
            self.system.rename_new(
                source.name, archived.file, source_dir=source.directory, target_dir=archived.handle.fd
            )
        except OSError:
            self.system.exchange(source.name, name, one_dir=source.directory, other_dir=handle.fd)
            raise
        (failure,) = self.fsync.directories([archived.handle])
        if failure is not None:
            raise in_doubt(endpoint, failure)
