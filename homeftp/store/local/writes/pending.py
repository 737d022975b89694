"""What is to get a name in the share, or to lose it; and what the audit log is to hear when it has."""

from __future__ import annotations

import os
from typing import NamedTuple, Protocol

import attrs

from homeftp.endpoint import Endpoint
from homeftp.model import Actor, Change, WriteRequest
from homeftp.store.local.disk.saferoot import DirHandle
from homeftp.store.local.versions.archive import ArchivedFile


class RenameSource(Protocol):
    """A file under a name of our own."""

    directory: int
    name: bytes

    def renamed(self) -> None:
        """It has another name now."""


@attrs.frozen
class PendingUnlink:
    """Something of the share that is to lose its name."""

    place: DirHandle
    endpoint: Endpoint
    expected: str | None
    """The signature of what `hash` names, where that is given."""
    hash: str | None = None
    """What it must have, where that is asked for."""
    inode: int | None = None
    """Its number, where it must be the one that was looked at."""


@attrs.frozen(kw_only=True)
class PendingRename:
    """A file that is durable under a name of our own, and is to have another."""

    source: RenameSource
    place: DirHandle
    """The directory that it is to be in."""
    endpoint: Endpoint
    if_hash: str | None
    expected: str | None
    """The signature of what `if_hash` names, where it names a content."""
    hash: str | None
    """Of its own content; nothing is kept of an old one that is the same."""
    size: int
    """Its own bytes."""
    actor: Actor
    """Who asks for it."""
    leaves: PendingUnlink | None = None
    """What it is called now, where it is a file of the share."""
    counted: bool = False
    """Whether its bytes were the share's already."""


def pending_rename(
    put: WriteRequest, source: RenameSource, place: DirHandle, expected: str | None, content_hash: str
) -> PendingRename:
    """What was put, once it is durable."""
    return PendingRename(
        source=source,
        place=place,
        endpoint=put.endpoint,
        if_hash=put.precondition,
        expected=expected,
        hash=content_hash,
        size=put.known_size,
        actor=put.actor,
    )


class ExistingTarget(NamedTuple):
    """What has a name that something else is to have."""

    found: os.stat_result | None
    kept: ArchivedFile | None


def named(arrival: PendingRename, stood: ExistingTarget) -> Change:
    """What has been done when it has its name."""
    if arrival.leaves is not None:
        what, endpoint, to, content_hash = "move", arrival.leaves.endpoint, arrival.endpoint, arrival.leaves.hash
    else:
        what, endpoint, to, content_hash = "add", arrival.endpoint, None, arrival.hash
    if stood.found is None:
        return Change(what, "file", endpoint, arrival.actor, to, arrival.size, content_hash)
    return Change(
        "replace" if to is None else what,
        "file",
        endpoint,
        arrival.actor,
        to,
        arrival.size,
        content_hash,
        stood.found.st_size,
        None if arrival.expected is None else arrival.if_hash,
    )


def removed(leaving: PendingUnlink, found: os.stat_result, actor: Actor) -> Change:
    """What has been done when it has lost its name."""
    return Change("delete", "file", leaving.endpoint, actor, old_size=found.st_size, old_hash=leaving.hash)
