"""What all that write into one share have in common: what may be put, the directories for it, and the tools."""

from __future__ import annotations

import contextlib
import os
from threading import Lock
from typing import Iterable, Mapping, Sequence

import attrs

from homeftp.config import Retention
from homeftp.endpoint import Endpoint
from homeftp.errors import BadRequest, ContentMismatch, NoSpace, Refusal, TooLarge, WrongKind
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Actor, Change, WriteRequest
from homeftp.store.local.disk.entries import Filetypes
from homeftp.store.local.disk.errnos import catch, close_quietly, display_path, format_size, no_space, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.metadir import MetadataDir
from homeftp.store.local.disk.quota import QuotaUsage
from homeftp.store.local.disk.saferoot import DirHandle, SafeRoot, raw
from homeftp.store.local.staging.partials import PartialUploads
from homeftp.store.local.staging.tempfile import TempFiles
from homeftp.store.local.versions.retention import VersionArchive
from homeftp.store.local.writes.commit import Committer
from homeftp.store.local.writes.preconditions import Preconditions, gone
from homeftp.store.local.writes.similarnames import NameCollisions
from homeftp.store.local.writes.space import SpaceReservation
from homeftp.store.policy.changelog import ChangeLog
from homeftp.syscalls import System

_MTIME_US = 2**63 // 1000
"""Nanoseconds since 1970 in 64 bits, as the kernel has them: up to the year 2262."""


@attrs.frozen(kw_only=True)
class Replacing:
    """The shared tools of all that write into one share. Safe in several threads."""

    jail: SafeRoot
    system: System
    index: HashCache
    drafts: TempFiles
    fragments: PartialUploads
    space: SpaceReservation
    syncing: Fsync
    conditions: Preconditions
    publishing: Committer
    versions: VersionArchive
    trail: ChangeLog
    unordered: Sequence[DirHandle]
    """Folders of our own, where a directory may be made only once what was removed from them is so on the disk too.

    Without a journal the inode of a removed file can be a new directory's
    while the file's name is still on the disk; after a power cut e2fsck takes
    one name from it, and may take the right one.
    """
    filetypes: Filetypes
    file_size: int | None
    """Bytes of the largest file that is taken."""
    _making: Lock = attrs.field(factory=Lock, init=False)

    def tidy(self) -> None:
        """Throw away what has been kept for long enough, and once a day count what there is. Raises OSError."""
        self.fragments.expire()
        self.versions.expire()
        self.space.usage.refresh()

    def check(self, put: WriteRequest) -> None:
        """What can be refused without the disk."""
        if not put.endpoint.parts:
            raise WrongKind("the share's root is a directory")
        self.filetypes.check(put.endpoint)
        if self.file_size is not None and put.known_size > self.file_size:
            limit = format_size(self.file_size)
            raise TooLarge(f"{display_path(put.endpoint)} is too large: files of up to {limit} are taken here")
        check_mtime(put)

    def places(self, endpoints: Mapping[Endpoint, Actor | None]) -> dict[Endpoint, DirHandle | Exception]:
        """These directories, open; made durably for whom is said where they are missing. The caller closes them.

        A directory that was found may be one that another thread has just
        made: it counts only when that thread has made it durable, hence the
        lock.
        """
        found: dict[Endpoint, DirHandle | Exception] = {}
        missing: dict[Endpoint, Actor] = {}
        for endpoint, actor in endpoints.items():
            nearest = catch(self.jail.nearest, endpoint)
            if isinstance(nearest, Exception):
                found[endpoint] = nearest
            elif nearest[1] == len(endpoint.parts):
                found[endpoint] = nearest[0]
            else:
                close_quietly(nearest[0].fd)
                found[endpoint] = gone(endpoint)
                if actor is not None:
                    missing[endpoint] = actor
        with self._making:
            failure = next(filter(None, self.syncing.directories(self.unordered)), None) if missing else None
            found.update(self._make(missing) if failure is None else _all_refused(missing, failure))
        return found

    def make_durable(self, directory: int, name: bytes, place: DirHandle) -> None:
        """A file that is to have another name: another program may have written it, and nobody told the disk. OSError.

        `place` is on the same file system.
        """
        try:
            fd = self.jail.own_file(directory, name, make=False)
        except PermissionError:
            if not (self.syncing.whole and place.local):
                raise
            self.system.syncfs(directory)  # one that may not be read may still be moved
            return
        try:
            (failure,) = self.syncing.files([(fd, place)])
        finally:
            close_quietly(fd)
        if failure is not None:
            raise failure

    def _make(self, missing: Mapping[Endpoint, Actor]) -> dict[Endpoint, DirHandle | Exception]:
        """Make these directories; where one of them cannot be made durable, none is there afterwards."""
        results: dict[Endpoint, DirHandle | Exception] = {}
        parents: dict[tuple[str, ...], DirHandle] = {}
        leaves: list[DirHandle] = []
        made: list[tuple[DirHandle, Endpoint, Actor]] = []
        for endpoint, actor in missing.items():
            chain = catch(self._make_one, endpoint, actor)
            if isinstance(chain, Exception):
                results[endpoint] = chain
                continue
            results[endpoint] = leaf = chain.pop()
            leaves.append(leaf)
            for depth, place in enumerate(chain, len(endpoint.parts) - len(chain)):
                if parents.setdefault(endpoint.parts[:depth], place) is not place:
                    close_quietly(place.fd)
                made.append((parents[endpoint.parts[:depth]], endpoint.first(depth + 1), actor))
        # The deepest first: without a journal a name can be durable before what it is the name of.
        new = [*leaves, *(parents[parts] for parts in sorted(parents, key=len, reverse=True))]
        failures = [error for error in self.syncing.directories(new) if error is not None]
        if failures:
            for parent, endpoint, actor in reversed(made):
                with contextlib.suppress(OSError, Refusal):
                    self.remove_directory(parent, endpoint, actor)
            close_all(results.values())
            results = _all_refused(missing, failures[0])
        close_all(parents.values())
        return results

    def remove_directory(self, parent: DirHandle, endpoint: Endpoint, actor: Actor) -> None:
        """Remove an empty directory from an open one. Raises `Changed` (44), OSError."""
        with self.trail.changing() as changed:
            self.publishing.check_places({}, (parent, endpoint))
            os.rmdir(raw(endpoint.name), dir_fd=parent.fd)
            changed(Change("delete", "directory", endpoint, actor))

    def _make_chain(self, endpoint: Endpoint, actor: Actor) -> list[DirHandle]:
        places: list[DirHandle] = []
        try:
            with self.trail.changing() as changed:
                places = self.jail.make(endpoint, lambda made: changed(Change("add", "directory", made, actor)))
        except BaseException:
            close_all(places)  # it could not be written down
            raise
        return places

    def _make_one(self, endpoint: Endpoint, actor: Actor) -> list[DirHandle]:
        """`SafeRoot.make`, unless the first of the new directories is too much like one that is there."""
        self.trail.settle()
        nearest, depth = self.jail.nearest(endpoint)
        try:
            if depth < len(endpoint.parts):
                self.publishing.check_name(nearest, endpoint.first(depth + 1))
            try:
                return self._make_chain(endpoint, actor)
            except NoSpace:
                if not self.space.relieve(nearest, endpoint.first(depth), 1):
                    raise
            return self._make_chain(endpoint, actor)
        except OSError as error:
            raise refusal(error, endpoint) from error
        finally:
            close_quietly(nearest.fd)

    def no_place(self, error: Exception, endpoint: Endpoint, size: int) -> Exception:
        """Why something of so many bytes cannot have its place, where that is why there is no directory for it."""
        if isinstance(error, NoSpace):
            return no_space(endpoint, size, free_bytes(self.jail.root))
        return error


def replacing(
    jail: SafeRoot,
    system: System,
    own: MetadataDir,
    index: HashCache,
    *,
    filetypes: Filetypes,
    file_size: int | None,
    retention: Retention,
    quota: int | None,
    similar_names: bool,
    syncing: Fsync | None = None,
    trail: ChangeLog | None = None,
) -> Replacing:
    """The tools for a root whose own folder is open. Raises OSError."""
    usage = QuotaUsage(jail, quota)
    syncing = syncing or Fsync(system, system.syncs_whole(jail.root))
    fragments = PartialUploads(jail, system, own, usage)
    versions = VersionArchive(jail, own, index, retention, usage)
    trail = trail or ChangeLog(lambda changes: None)
    return Replacing(
        jail=jail,
        system=system,
        index=index,
        drafts=TempFiles(jail, system, own),
        fragments=fragments,
        space=SpaceReservation(usage, versions, fragments),
        syncing=syncing,
        conditions=Preconditions(jail, index),
        publishing=Committer(
            jail, system, syncing, versions, NameCollisions(allowed=similar_names), index, usage, trail
        ),
        versions=versions,
        trail=trail,
        unordered=()
        if system.keeps_order(jail.root)
        else (DirHandle(own.incoming, True), DirHandle(own.partial, True)),
        filetypes=filetypes,
        file_size=file_size,
    )


def _all_refused(endpoints: Iterable[Endpoint], error: OSError) -> dict[Endpoint, DirHandle | Exception]:
    return {endpoint: refusal(error, endpoint) for endpoint in endpoints}


def close_all(places: Iterable[DirHandle | Exception]) -> None:
    """Close those of `places` that are open."""
    for place in places:
        if isinstance(place, DirHandle):
            close_quietly(place.fd)


def free_bytes(fd: int) -> int | None:
    """Bytes that we may still write to the file system of an open file; None where it does not say."""
    try:
        found = os.fstatvfs(fd)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize if found.f_blocks else None


def check_mtime(put: WriteRequest) -> None:
    """Raise `BadRequest` (20) for a time that no disk can hold."""
    if put.mtime_us is not None and not -_MTIME_US < put.mtime_us < _MTIME_US:
        raise BadRequest("the modification time is out of range: it is given in microseconds since 1970")


def wrong_size(put: WriteRequest, size: int) -> ContentMismatch:
    """The refusal of a payload that is not as long as was declared."""
    return ContentMismatch(
        f"{display_path(put.endpoint)}: {put.known_size} bytes were declared and {size} came: the old content stands"
    )


def wrong_hash(put: WriteRequest) -> ContentMismatch:
    """The refusal of a payload that is not the declared one."""
    return ContentMismatch(
        f"{display_path(put.endpoint)}: what came does not have the declared hash: the old content stands"
    )
