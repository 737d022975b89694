"""What replacing one file and replacing many have in common: the condition, the parents, the moment of the rename.

The order of every replacement: fsync of the draft < rename < fsync of the
directory, and of each new directory's parent < the answer. An fsync that
failed is never tried again: the kernel may have dropped what it could not
write, and would call the second one a success (fsync(2), Linux; PostgreSQL's
"fsyncgate" of 2018).
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from threading import Lock
from typing import Callable, Iterable, Mapping, Sequence

import attrs

from homeftp.errors import BadRequest, Changed, ContentMismatch, Internal, TooLarge, WrongKind
from homeftp.index import Index, Row
from homeftp.store.drafts import Draft, Drafts
from homeftp.store.entries import Filetypes
from homeftp.store.faults import attempt, in_units, refusal, shown
from homeftp.store.jail import Jail, Place, kind_problem, raw
from homeftp.syscalls import System
from homeftp.tree import digest, same_content, signature
from homeftp.values import Put
from homeftp.wire.endpoint import Endpoint
from homeftp.wire.messages import ABSENT

FEW = 3
"""Up to so many files or directories are made durable one by one; more of them by one syncfs.

That writes what others left in memory too, and still measured faster from four on.
"""

_MTIME_US = 2**63 // 1000
"""Nanoseconds since 1970 in 64 bits, as the kernel has them: up to the year 2262."""


@attrs.frozen
class Replacing:
    """The shared tools of all that write into one share. Safe in several threads."""

    jail: Jail
    drafts: Drafts
    index: Index
    system: System
    filetypes: Filetypes
    file_size: int | None
    """Bytes of the largest file that is taken."""
    whole: bool
    """Whether syncfs may stand for many fsyncs on the root's file system."""
    _publishing: Lock = attrs.field(factory=Lock, init=False)
    _making: Lock = attrs.field(factory=Lock, init=False)

    def check(self, put: Put) -> None:
        """What can be refused without the disk."""
        if not put.endpoint.parts:
            raise WrongKind("the share's root is a directory")
        self.filetypes.check(put.endpoint)
        if self.file_size is not None and put.size > self.file_size:
            limit = in_units(self.file_size)
            raise TooLarge(f"{shown(put.endpoint)} is too large: files of up to {limit} are taken here")
        check_mtime(put)

    def expected(self, puts: Sequence[tuple[Place, Put]]) -> list[str | Exception | None]:
        """For each its place and what is put there: the signature of the content that `if_hash` names.

        None where it names none, `Changed` (44) where something else stands.
        Hashes the files that the index does not know.
        """
        standing = [attempt(self._standing, place, put) for place, put in puts]
        asked: dict[Endpoint, dict[str, os.stat_result]] = {}
        for (_, put), found in zip(puts, standing, strict=True):
            if isinstance(found, os.stat_result):
                asked.setdefault(put.endpoint.parent, {})[put.endpoint.name] = found
        known = {parent: self.index.lookup(self.jail.spelled(parent), files) for parent, files in asked.items()}
        results: list[str | Exception | None] = []
        for (place, put), found in zip(puts, standing, strict=True):
            if isinstance(found, os.stat_result):
                content_hash = known[put.endpoint.parent].get(put.endpoint.name)
                results.append(attempt(self._signature, place, put, found, content_hash))
            else:
                results.append(found)
        return results

    def _standing(self, place: Place, put: Put) -> os.stat_result | None:
        """The stat of the file that `put` expects; None where it expects none."""
        if put.if_hash is None or put.if_hash == ABSENT:
            return None
        found = self.jail.look_in(place.fd, put.endpoint)
        check_file(put.endpoint, found)
        if found is None:
            raise gone(put.endpoint)
        return found

    def _signature(self, place: Place, put: Put, found: os.stat_result, content_hash: str | None) -> str:
        """The signature of the file that stands there, if it is the expected one."""
        if content_hash is None:
            fd, found = self.jail.file_in(place.fd, put.endpoint)
            try:
                began = time.time_ns()
                content_hash = digest(fd, found.st_size)
                before, found = found, os.fstat(fd)
            finally:
                os.close(fd)
            if not same_content(before, found):
                raise Changed(f"{shown(put.endpoint)} is changing at this moment")
            self.index.record(
                [Row(self.jail.spelled(put.endpoint.parent), put.endpoint.name, found, content_hash, began)]
            )
        if content_hash != put.if_hash:
            raise Changed(f"{shown(put.endpoint)} has changed on the server: compare again")
        return signature(found)

    def places(self, endpoints: Mapping[Endpoint, bool]) -> dict[Endpoint, Place | Exception]:
        """These directories, open; made durably where they are missing and may be made. The caller closes them.

        A directory that was found may be one that another thread has just
        made: it counts only when that thread has made it durable, hence the
        lock.
        """
        found: dict[Endpoint, Place | Exception] = {}
        missing = []
        for endpoint, make in endpoints.items():
            nearest = attempt(self.jail.nearest, endpoint)
            if isinstance(nearest, Exception):
                found[endpoint] = nearest
            elif nearest[1] == len(endpoint.parts):
                found[endpoint] = nearest[0]
            else:
                os.close(nearest[0].fd)
                found[endpoint] = gone(endpoint)
                if make:
                    missing.append(endpoint)
        with self._making:
            found.update(self._make(missing))
        return found

    def _make(self, missing: Sequence[Endpoint]) -> dict[Endpoint, Place | Exception]:
        """Make these directories; where one of them cannot be made durable, none is there afterwards."""
        results: dict[Endpoint, Place | Exception] = {}
        parents: dict[tuple[str, ...], Place] = {}
        made: list[tuple[Place, str]] = []
        for endpoint in missing:
            chain = attempt(self.jail.make, endpoint)
            if isinstance(chain, Exception):
                results[endpoint] = chain
                continue
            results[endpoint] = chain.pop()
            for depth, place in enumerate(chain, len(endpoint.parts) - len(chain)):
                if parents.setdefault(endpoint.parts[:depth], place) is not place:
                    os.close(place.fd)
                made.append((parents[endpoint.parts[:depth]], endpoint.parts[depth]))
        failures = [error for error in self.sync_directories(list(parents.values())) if error is not None]
        if failures:
            for parent, name in reversed(made):
                with contextlib.suppress(OSError):
                    os.rmdir(raw(name), dir_fd=parent.fd)
            close_all(results.values())
            results = {endpoint: refusal(failures[0], endpoint) for endpoint in results}
        close_all(parents.values())
        return results

    def publish(self, draft: Draft, place: Place, put: Put, expected: str | None) -> None:
        """Give a durable draft its name. Raises `Changed` (44), `WrongKind` (43), OSError.

        Among our own threads the condition and the rename are one step; "absent"
        is exact for everyone.
        """
        name = raw(put.endpoint.name)
        with self._publishing:
            if put.if_hash == ABSENT:
                try:
                    self.system.rename_new(draft.name, name, source_dir=draft.directory, target_dir=place.fd)
                except FileExistsError:
                    check_file(put.endpoint, self.jail.look_in(place.fd, put.endpoint))
                    raise occupied(put.endpoint) from None
            else:
                found = self.jail.look_in(place.fd, put.endpoint)
                check_file(put.endpoint, found)
                if put.if_hash is not None and (found is None or signature(found) != expected):
                    raise Changed(f"{shown(put.endpoint)} has changed on the server: compare again")
                self.system.rename(draft.name, name, source_dir=draft.directory, target_dir=place.fd)
            draft.renamed()

    def sync_drafts(self, drafts: Sequence[tuple[Draft, Place]]) -> list[OSError | None]:
        """Make drafts durable; one result for each. Their places were opened before they were written."""
        return self._sync([(draft.fd, place) for draft, place in drafts], self.system.fsync)

    def sync_directories(self, places: Sequence[Place]) -> list[OSError | None]:
        """Make new names durable; one result for each of the directories that they are in."""
        return self._sync([(place.fd, place) for place in places], self.system.fsync_directory)

    def _sync(self, opened: Sequence[tuple[int, Place]], fsync: Callable[[int], None]) -> list[OSError | None]:
        local = [place.fd for _, place in opened if place.local]
        together = self.whole and len(local) > FEW
        failure = _failure(self.system.syncfs, local[0]) if together else None
        return [failure if together and place.local else _failure(fsync, fd) for fd, place in opened]


def _failure(sync: Callable[[int], None], fd: int) -> OSError | None:
    try:
        sync(fd)
    except OSError as error:
        return error
    return None


def close_all(places: Iterable[Place | Exception]) -> None:
    """Close those of `places` that are open."""
    for place in places:
        if isinstance(place, Place):
            os.close(place.fd)


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


def check_file(endpoint: Endpoint, found: os.stat_result | None) -> None:
    """Raise `WrongKind` (43) for what a file must not replace."""
    if found is None or stat.S_ISREG(found.st_mode):
        return
    problem = kind_problem(found) or "is a directory: a file cannot replace it"
    raise WrongKind(f"{shown(endpoint)} {problem}")


def gone(endpoint: Endpoint) -> Changed:
    """The refusal where something was expected."""
    return Changed(f"{shown(endpoint)} is not there any more")


def occupied(endpoint: Endpoint) -> Changed:
    """The refusal where nothing was expected."""
    return Changed(f"{shown(endpoint)} exists on the server: compare first, or push without a condition")


def in_doubt(endpoint: Endpoint, cause: OSError | None) -> Internal:
    """The refusal after a rename that may not survive a power cut."""
    refused = Internal(f"the server's disk failed: whether {shown(endpoint)} has its new content for good is in doubt")
    refused.__cause__ = cause
    return refused


def wrong_size(put: Put, size: int) -> ContentMismatch:
    """The refusal of a payload that is not as long as was declared."""
    return ContentMismatch(
        f"{shown(put.endpoint)}: {put.size} bytes were declared and {size} came: the old content stands"
    )


def wrong_hash(put: Put) -> ContentMismatch:
    """The refusal of a payload that is not the declared one."""
    return ContentMismatch(f"{shown(put.endpoint)}: what came does not have the declared hash: the old content stands")
