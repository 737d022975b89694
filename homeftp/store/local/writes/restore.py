"""Putting a version back in its place; what stands there becomes a version itself."""

from __future__ import annotations

import os
import time

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, WrongKind
from homeftp.hashing.filehash import digest_slices, same_content
from homeftp.hashing.hashcache import CachedHash
from homeftp.model import Actor, Entry
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.saferoot import DirHandle
from homeftp.store.local.versions.retention import StoredVersion
from homeftp.store.local.writes.commit import in_doubt, stat_after
from homeftp.store.local.writes.pending import PendingRename
from homeftp.store.local.writes.replacing import Replacing, close_all


@attrs.define(eq=False)
class _Version:
    """A version as something that is to have another name."""

    directory: int
    name: bytes

    def renamed(self) -> None:
        """It is none any more."""


def restore(replacing: Replacing, endpoint: Endpoint, at_us: int | None, if_hash: str | None, actor: Actor) -> Entry:
    """Put the version from that time, or the newest, in its place, durably.

    Raises `NotFound` (40) where there is none, and what a replacement does.
    """
    if not endpoint.parts:
        raise WrongKind("the share's root is a directory: only files have versions")
    replacing.filetypes.check(endpoint)
    try:
        with replacing.versions.one(endpoint, at_us) as version:
            place = replacing.places({endpoint.parent: actor})[endpoint.parent]
            if isinstance(place, Exception):
                raise replacing.no_place(place, endpoint, 0)
            try:
                return _put_back(replacing, place, version, if_hash, actor)
            finally:
                close_all([place])
    except OSError as error:
        raise refusal(error, endpoint) from error


def _hashed(replacing: Replacing, version: StoredVersion, before: os.stat_result) -> str | None:
    """Its hash, where nobody knew it yet; None where it cannot be read, or is written meanwhile."""
    try:
        fd = replacing.jail.own_file(version.folder, version.file, make=False)
    except PermissionError:
        return None
    try:
        (content_hash,) = filter(None, digest_slices(fd, before.st_size))
        return content_hash if same_content(before, os.fstat(fd)) else None
    except Changed:
        return None
    finally:
        close_quietly(fd)


def _put_back(
    replacing: Replacing, place: DirHandle, version: StoredVersion, if_hash: str | None, actor: Actor
) -> Entry:
    endpoint = version.endpoint
    (expected,) = replacing.conditions.expected([(place, endpoint, if_hash)])
    if isinstance(expected, Exception):
        raise expected
    held = replacing.jail.held_in(version.folder, version.file)
    try:
        before = os.fstat(held)
        known = version.hash if same_content(version.found, before) else None
        known = known or _hashed(replacing, version, before)
        replacing.make_durable(version.folder, version.file, place)
        source = _Version(version.folder, version.file)
        arrival = PendingRename(
            source=source,
            place=place,
            endpoint=endpoint,
            if_hash=if_hash,
            expected=expected,
            hash=known,
            size=before.st_size,
            actor=actor,
            counted=True,
        )
        (refused,) = replacing.publishing.publish([arrival])
        if refused is not None:
            raise refused
        replacing.versions.dropped(version.mount, version.found.st_size)
        # By the descriptor: what has the name by now may be another's.
        found = stat_after(held, endpoint)
    finally:
        close_quietly(held)
    (failure,) = replacing.syncing.directories([place])
    if failure is not None:
        raise in_doubt(endpoint) from failure
    if known is None or not same_content(before, found):
        return entry_of(found)
    replacing.index.record(
        [CachedHash(replacing.jail.spelled(endpoint.parent), endpoint.name, found, known, time.time_ns())]
    )
    return entry_of(found, known)
