"""What all that write into one share have in common: what may be put, the directories for it, and the tools."""

from __future__ import annotations

import contextlib
import os
from threading import Lock
from typing import Iterable, Mapping, Sequence

import attrs

from homeftp.config import Retention
from homeftp.errors import BadRequest, ContentMismatch, NoSpace, Refusal, TooLarge, WrongKind
from homeftp.index import Index
from homeftp.store.conditions import Conditions, gone
from homeftp.store.drafts import Drafts
from homeftp.store.entries import Filetypes
from homeftp.store.faults import attempt, in_units, let_go, no_space, refusal, shown
from homeftp.store.fragments import Fragments
from homeftp.store.jail import Jail, Place, raw
from homeftp.store.own import Own
from homeftp.store.publishing import Publishing
from homeftp.store.siblings import Siblings
from homeftp.store.space import Space
from homeftp.store.syncing import Syncing
from homeftp.store.trail import Trail
from homeftp.store.usage import Usage
from homeftp.store.versions import Versions
from homeftp.syscalls import System
from homeftp.values import By, Change, Put
from homeftp.wire.endpoint import Endpoint

_MTIME_US = 2**63 // 1000
"""Nanoseconds since 1970 in 64 bits, as the kernel has them: up to the year 2262."""


@attrs.frozen(kw_only=True)
class Replacing:
    """The shared tools of all that write into one share. Safe in several threads."""

    jail: Jail
    system: System
    index: Index
    drafts: Drafts
    fragments: Fragments
    space: Space
    syncing: Syncing
    conditions: Conditions
    publishing: Publishing
    versions: Versions
    trail: Trail
    unordered: Sequence[Place]
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

    def check(self, put: Put) -> None:
        """What can be refused without the disk."""
        if not put.endpoint.parts:
            raise WrongKind("the share's root is a directory")
        self.filetypes.check(put.endpoint)
        if self.file_size is not None and put.size > self.file_size:
            limit = in_units(self.file_size)
            raise TooLarge(f"{shown(put.endpoint)} is too large: files of up to {limit} are taken here")
        check_mtime(put)

    def places(self, endpoints: Mapping[Endpoint, By | None]) -> dict[Endpoint, Place | Exception]:
        """These directories, open; made durably for whom is said where they are missing. The caller closes them.

        A directory that was found may be one that another thread has just
        made: it counts only when that thread has made it durable, hence the
        lock.
        """
        found: dict[Endpoint, Place | Exception] = {}
        missing: dict[Endpoint, By] = {}
        for endpoint, by in endpoints.items():
            nearest = attempt(self.jail.nearest, endpoint)
            if isinstance(nearest, Exception):
                found[endpoint] = nearest
            elif nearest[1] == len(endpoint.parts):
                found[endpoint] = nearest[0]
            else:
                let_go(nearest[0].fd)
                found[endpoint] = gone(endpoint)
                if by is not None:
                    missing[endpoint] = by
        with self._making:
            failure = next(filter(None, self.syncing.directories(self.unordered)), None) if missing else None
            found.update(self._make(missing) if failure is None else _all_refused(missing, failure))
        return found

    def make_durable(self, directory: int, name: bytes, place: Place) -> None:
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
            let_go(fd)
        if failure is not None:
            raise failure

    def _make(self, missing: Mapping[Endpoint, By]) -> dict[Endpoint, Place | Exception]:
        """Make these directories; where one of them cannot be made durable, none is there afterwards."""
        results: dict[Endpoint, Place | Exception] = {}
        parents: dict[tuple[str, ...], Place] = {}
        leaves: list[Place] = []
        made: list[tuple[Place, Endpoint, By]] = []
        for endpoint, by in missing.items():
            chain = attempt(self._make_one, endpoint, by)
            if isinstance(chain, Exception):
                results[endpoint] = chain
                continue
            results[endpoint] = leaf = chain.pop()
            leaves.append(leaf)
            for depth, place in enumerate(chain, len(endpoint.parts) - len(chain)):
                if parents.setdefault(endpoint.parts[:depth], place) is not place:
                    let_go(place.fd)
                made.append((parents[endpoint.parts[:depth]], endpoint.first(depth + 1), by))
        # The deepest first: without a journal a name can be durable before what it is the name of.
        new = [*leaves, *(parents[parts] for parts in sorted(parents, key=len, reverse=True))]
        failures = [error for error in self.syncing.directories(new) if error is not None]
        if failures:
            for parent, endpoint, by in reversed(made):
                with contextlib.suppress(OSError, Refusal):
                    self.remove_directory(parent, endpoint, by)
            close_all(results.values())
            results = _all_refused(missing, failures[0])
        close_all(parents.values())
        return results

    def remove_directory(self, parent: Place, endpoint: Endpoint, by: By) -> None:
        """Remove an empty directory from an open one. Raises `Changed` (44), OSError."""
        with self.trail.changing() as changed:
            self.publishing.check_places({}, (parent, endpoint))
            os.rmdir(raw(endpoint.name), dir_fd=parent.fd)
            changed(Change("delete", "directory", endpoint, by))

    def _make_chain(self, endpoint: Endpoint, by: By) -> list[Place]:
        places: list[Place] = []
        try:
            with self.trail.changing() as changed:
                places = self.jail.make(endpoint, lambda made: changed(Change("add", "directory", made, by)))
        except BaseException:
            close_all(places)  # it could not be written down
            raise
        return places

    def _make_one(self, endpoint: Endpoint, by: By) -> list[Place]:
        """`Jail.make`, unless the first of the new directories is too much like one that is there."""
        self.trail.settle()
        nearest, depth = self.jail.nearest(endpoint)
        try:
            if depth < len(endpoint.parts):
                self.publishing.check_name(nearest, endpoint.first(depth + 1))
            try:
                return self._make_chain(endpoint, by)
            except NoSpace:
                if not self.space.relieve(nearest, endpoint.first(depth), 1):
                    raise
            return self._make_chain(endpoint, by)
        except OSError as error:
            raise refusal(error, endpoint) from error
        finally:
            let_go(nearest.fd)

    def no_place(self, error: Exception, endpoint: Endpoint, size: int) -> Exception:
        """Why something of so many bytes cannot have its place, where that is why there is no directory for it."""
        if isinstance(error, NoSpace):
            return no_space(endpoint, size, free_bytes(self.jail.root))
        return error


def replacing(
    jail: Jail,
    system: System,
    own: Own,
    index: Index,
    *,
    filetypes: Filetypes,
    file_size: int | None,
    retention: Retention,
    quota: int | None,
    similar_names: bool,
    syncing: Syncing | None = None,
    trail: Trail | None = None,
) -> Replacing:
    """The tools for a root whose own folder is open. Raises OSError."""
    usage = Usage(jail, quota)
    syncing = syncing or Syncing(system, system.syncs_whole(jail.root))
    fragments = Fragments(jail, system, own, usage)
    versions = Versions(jail, own, index, retention, usage)
    trail = trail or Trail(lambda changes: None)
    return Replacing(
        jail=jail,
        system=system,
        index=index,
        drafts=Drafts(jail, system, own),
        fragments=fragments,
        space=Space(usage, versions, fragments),
        syncing=syncing,
        conditions=Conditions(jail, index),
        publishing=Publishing(jail, system, syncing, versions, Siblings(allowed=similar_names), index, usage, trail),
        versions=versions,
        trail=trail,
        unordered=() if system.keeps_order(jail.root) else (Place(own.incoming, True), Place(own.partial, True)),
        filetypes=filetypes,
        file_size=file_size,
    )


def _all_refused(endpoints: Iterable[Endpoint], error: OSError) -> dict[Endpoint, Place | Exception]:
    return {endpoint: refusal(error, endpoint) for endpoint in endpoints}


def close_all(places: Iterable[Place | Exception]) -> None:
    """Close those of `places` that are open."""
    for place in places:
        if isinstance(place, Place):
            let_go(place.fd)


def free_bytes(fd: int) -> int | None:
    """Bytes that we may still write to the file system of an open file; None where it does not say."""
    try:
        found = os.fstatvfs(fd)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize if found.f_blocks else None


def check_mtime(put: Put) -> None:
    """Raise `BadRequest` (20) for a time that no disk can hold."""
    if put.mtime_us is not None and not -_MTIME_US < put.mtime_us < _MTIME_US:
        raise BadRequest("mtime_us is out of range: microseconds since 1970 are meant")


def wrong_size(put: Put, size: int) -> ContentMismatch:
    """The refusal of a payload that is not as long as was declared."""
    return ContentMismatch(
        f"{shown(put.endpoint)}: {put.size} bytes were declared and {size} came: the old content stands"
    )


def wrong_hash(put: Put) -> ContentMismatch:
    """The refusal of a payload that is not the declared one."""
    return ContentMismatch(f"{shown(put.endpoint)}: what came does not have the declared hash: the old content stands")
