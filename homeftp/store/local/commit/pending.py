"""Changes of names that are about to be committed, and what the audit log records about them."""

from __future__ import annotations

import os
from typing import NamedTuple, Protocol

import attrs
import msgspec

from homeftp.endpoint import Endpoint
from homeftp.model import Actor, Change, WriteRequest
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.versions.archive import ArchivedFile
from homeftp.store.policy.preconditions import required_hash


class RenameSource(Protocol):
    """A durable file that is about to be renamed."""

    fd: int
    """Its descriptor, by which it is identified after the rename."""
    directory: int
    """The descriptor of the directory that holds it."""
    name: bytes
    is_named: bool
    """Whether it has that name already."""

    def make_name(self) -> None:
        """Give it that name, if it has none. Raises OSError."""

    def renamed(self) -> None:
        """Called after the rename."""


@attrs.define(eq=False)
class PinnedFile:
    """A `RenameSource` that already has a name outside staging: a file of the store, or a version."""

    fd: int
    directory: int
    name: bytes
    is_named: bool = attrs.field(default=True, init=False)

    def make_name(self) -> None:
        """Do nothing: the file has a name."""

    def renamed(self) -> None:
        """Nothing to note."""


class PendingUnlink(msgspec.Struct, frozen=True):
    """A file or directory that is about to lose its name."""

    handle: DirHandle
    """Its directory."""
    endpoint: Endpoint
    expected: str | None
    """The signature of the file that has the expected `hash`, if there is one."""
    hash: str | None = None
    """The hash that it must have, if that is a precondition."""
    inode: int | None = None
    """Its inode, if it must be the one that was examined before."""
    at_us: int | None = None
    """The time of its version, if it shares that with what is removed with it."""


class RenameTarget(msgspec.Struct, eq=False):
    """A name that a file is about to get, and what may be there."""

    handle: DirHandle
    """Its directory."""
    endpoint: Endpoint
    precondition: str | None
    expected: str | None
    """The signature of the file that has the expected hash, if the precondition is a hash."""
    keeps_empty: bool = True
    """Whether an empty file that is replaced becomes a version: `WriteRequest.keeps_empty`."""

    @classmethod
    def of(cls, request: WriteRequest, handle: DirHandle, expected: str | None) -> RenameTarget:
        """The target of a request to write."""
        return cls(handle, request.endpoint, request.precondition, expected, request.keeps_empty)


class PreparedFile(msgspec.Struct, eq=False):
    """A durable file that is about to get a name."""

    source: RenameSource
    size: int
    hash: str | None
    """The hash of its content; an old file with the same content is not archived."""
    hashed_ns: int
    """When the hashing began, in nanoseconds since 1970."""
    before: os.stat_result | None = None
    """Its stat when its hash was known; the hash is dropped if it changed. None: no other program can change it."""
    counted: bool = False
    """Whether its bytes are part of the used quota already."""


class PendingRename(msgspec.Struct, eq=False):
    """A file that is about to get its final name, by the request of an actor."""

    file: PreparedFile
    target: RenameTarget
    actor: Actor
    unlink: PendingUnlink | None = None
    """The name that it loses, if it is a file of the store."""
    version_us: int | None = None
    """The time that it had as a version, if it is one that is put back."""
    changed_ns: int = 0
    """When it got its name, where its stat may be that of the file before: for the hash cache."""

    @property
    def known_hash(self) -> str | None:
        """The hash of its content, if it is known."""
        return self.file.hash if self.unlink is None else self.unlink.hash


class ExistingTarget(NamedTuple):
    """The file that a rename replaces, if there is one."""

    found: os.stat_result | None
    archived: ArchivedFile | None
    claimed: bool = False
    """Whether the new name counts as present already: `NameCollisions.check`."""


NEW_NAME, KNOWN_NAME = ExistingTarget(None, None, True), ExistingTarget(None, None)
"""Where nothing exists: made once, as most files of a batch are new."""


def rename_change(pending: PendingRename, existing: ExistingTarget) -> Change:
    """The change that a rename made."""
    if pending.unlink is not None:
        what, endpoint, to, content_hash = "move", pending.unlink.endpoint, pending.target.endpoint, pending.unlink.hash
    else:
        what, endpoint, to, content_hash = "add", pending.target.endpoint, None, pending.file.hash
    if existing.found is None:
        return Change(what, "file", endpoint, pending.actor, to, pending.file.size, content_hash)
    return Change(
        "replace" if to is None else what,
        "file",
        endpoint,
        pending.actor,
        to,
        pending.file.size,
        content_hash,
        existing.found.st_size,
        required_hash(pending.target.precondition),
    )


def unlink_change(pending: PendingUnlink, found: os.stat_result, actor: Actor) -> Change:
    """The change that removing a file made."""
    return Change("delete", "file", pending.endpoint, actor, old_size=found.st_size, old_hash=pending.hash)
