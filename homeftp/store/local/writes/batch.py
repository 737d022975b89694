"""Many small files at once: all are written, made durable by one sync, renamed, and their directories made durable.

This is the group commit of databases: the disk is waited for once, and each
file is as safe as one written alone. A refused file does not affect the others.
"""

from __future__ import annotations

import os
import time
from itertools import groupby
from typing import Iterable, Iterator, Mapping, Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import ABSENT, Actor, Entry, WriteRequest
from homeftp.store.local.commit.committer import Committer
from homeftp.store.local.commit.directories import Directories
from homeftp.store.local.commit.outcome import InDoubt
from homeftp.store.local.commit.pending import PendingRename
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.commit.space import SpaceReservation
from homeftp.store.local.disk.books import Allocation
from homeftp.store.local.disk.errnos import FULL, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import WAYS_PARTS, DirHandle, per_job
from homeftp.store.local.disk.inheritance import Inheritance
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.tempfile import TOKEN_BYTES, TempFile, TempFiles
from homeftp.store.policy.limits import WriteLimits, check_content
from homeftp.store.policy.outcomes import catch

Contents = Sequence["tuple[WriteRequest, bytes]"]

BATCH = 512
"""Files in one sync; beyond a few hundred more of them save nothing. Each holds a descriptor meanwhile."""


@attrs.frozen
class BatchWriter:
    """Writes small files together. Thread-safe."""

    root: SafeRoot
    limits: WriteLimits
    directories: Directories
    preconditions: Preconditions
    space: SpaceReservation
    temp_files: TempFiles
    fsync: Fsync
    committer: Committer

    def write(self, requests: Contents, actor: Actor) -> list[Entry | Exception]:
        """Write these files; a result for each, in order. Each `Entry` survives a power cut."""
        results: list[Entry | Exception] = []
        for batch in _batches(requests):
            results.extend(_Batch(self, batch, actor).run())
        return results


def _batches(requests: Contents) -> Iterator[Contents]:
    """Runs of distinct endpoints: a second write of an endpoint must find the first one's content.

    They have at most `BATCH` files, and their directories at most `WAYS_PARTS` parts.
    """
    start = parts = 0
    most_files, most_parts = per_job(BATCH), per_job(WAYS_PARTS)
    seen: set[tuple[str, ...]] = set()
    parents: set[tuple[str, ...]] = set()
    for number, (request, _) in enumerate(requests):
        endpoint = request.endpoint.parts
        parent = endpoint[:-1]
        more = 0 if parent in parents else len(parent)
        is_full = number - start == most_files or (number > start and parts + more > most_parts)
        if endpoint in seen or is_full:
            yield requests[start:number]
            start, parts, more = number, 0, len(parent)
            seen.clear()
            parents.clear()
        seen.add(endpoint)
        parents.add(parent)
        parts += more
    if start < len(requests):
        yield requests[start:]


def _sized(request: WriteRequest, content: bytes) -> WriteRequest:
    """The request with the size of its content, where it declares none."""
    return request if request.size is not None else attrs.evolve(request, size=len(content))


@attrs.define(eq=False)
class _Group:
    """The files that one actor writes into one directory."""

    directory: Endpoint
    actor: Actor
    numbers: Sequence[int]


class _Batch:
    """One batch; each step continues with the files that the step before did not refuse."""

    def __init__(self, writer: BatchWriter, requests: Contents, actor: Actor) -> None:
        self._writer = writer
        self._requests = [(_sized(request, content), content) for request, content in requests]
        self._actor = actor
        self._began = time.time_ns()
        self._results: dict[int, Entry | Exception] = {}
        self._hashes: dict[int, str] = {}
        self._handles: Mapping[Endpoint, DirHandle | Exception] = {}
        self._expected: Mapping[int, str | Exception | None] = {}
        self._temp_files: list[TempFile] = []
        self._pendings: dict[int, PendingRename] = {}
        self._allocations: list[tuple[Allocation, Sequence[int]]] = []
        self._token = os.urandom(TOKEN_BYTES).hex()

    def run(self) -> list[Entry | Exception]:
        """Run all steps; the results, in order."""
        try:
            for number, item in enumerate(self._requests):
                found = catch(self._hash, *item)
                if isinstance(found, str):
                    self._hashes[number] = found
                else:
                    self._refuse(number, found)
            groups = self._groups()
            with self._writer.directories.opened_many(self._directories(groups)) as opened:
                self._handles = opened.handles
                self._check_preconditions()
                for group in groups:
                    self._write_group(group)
                self._sync()
                self._commit()
                self._end_space()
                for group in groups:
                    if self._stored(group.numbers):
                        opened.keep(group.directory)
        finally:
            for temp_file in self._temp_files:
                temp_file.close()
            for allocation, _ in self._allocations:
                self._writer.space.end(allocation, committed=False)
        return [self._results[number] for number in range(len(self._requests))]

    def _refuse(self, number: int, error: Exception) -> None:
        """Refuse one file, in words for its client."""
        if isinstance(error, OSError):
            request = self._requests[number][0]
            error = refusal(error, request.endpoint, size=request.known_size)
        self._results[number] = error

    def _hash(self, request: WriteRequest, content: bytes) -> str:
        """Check a file before the disk is touched; returns its hash."""
        self._writer.limits.check(request)
        content_hash = hash_bytes(content)
        check_content(request, len(content), content_hash, request.hash)
        return content_hash

    def _groups(self) -> list[_Group]:
        """The files, by directory and actor."""
        folders: dict[tuple[str, ...], list[int]] = {}
        for number in self._hashes:
            folders.setdefault(self._requests[number][0].endpoint.parts[:-1], []).append(number)
        return [
            _Group(self._requests[numbers[0]][0].endpoint.parent, actor, list(some))
            for numbers in folders.values()
            for actor, some in groupby(numbers, lambda number: self._requests[number][0].acting(self._actor))
        ]

    def _directories(self, groups: Sequence[_Group]) -> Mapping[Endpoint, Actor | None]:
        """The directories, and for whom a missing one is made: where a file does not need something to exist in it."""
        wanted: dict[Endpoint, Actor | None] = {}
        for group in groups:
            if wanted.get(group.directory) is None:
                makes = any(self._requests[number][0].precondition in (None, ABSENT) for number in group.numbers)
                wanted[group.directory] = group.actor if makes else None
        return wanted

    def _check_preconditions(self) -> None:
        """Find the existing files that must have an expected hash."""
        wanted = {}
        for number in self._hashes:
            request = self._requests[number][0]
            if request.precondition not in (None, ABSENT):
                handle = self._handles[request.endpoint.parent]
                if isinstance(handle, DirHandle):
                    wanted[number] = handle, request.endpoint, request.precondition
        found = self._writer.preconditions.expected(list(wanted.values()))
        self._expected = dict(zip(wanted, found, strict=True))

    def _write_group(self, group: _Group) -> None:
        """Write the files of a group; their space is taken at once where there is plenty, otherwise one by one."""
        handle = self._handles[group.directory]
        if isinstance(handle, Exception):
            for number in group.numbers:
                request, content = self._requests[number]
                self._refuse(number, self._writer.directories.explain(handle, request.endpoint, len(content)))
            return
        # What refuses them together is raised again for each.
        together = len(group.numbers) > 1 and catch(self._take_together, group, handle) is True
        inheritance = catch(Inheritance.of, self._writer.root.disks, handle)
        for number in group.numbers:
            pending = catch(self._write, number, group, handle, inheritance, together)
            if isinstance(pending, Exception):
                self._refuse(number, pending)
            else:
                self._pendings[number] = pending

    def _take_together(self, group: _Group, handle: DirHandle) -> bool:
        """Take the space of all files of a group. Raises what `SpaceReservation.take_together` raises."""
        allocation = Allocation(group.actor, self._requests[group.numbers[0]][0].endpoint, in_parent=True)
        taken = self._writer.space.take_together(allocation, handle, self._sizes(group.numbers))
        if taken:
            self._allocations.append((allocation, group.numbers))
        return taken

    def _sizes(self, numbers: Sequence[int]) -> list[int]:
        return [len(self._requests[number][1]) for number in numbers]

    def _write(
        self, number: int, group: _Group, handle: DirHandle, inheritance: Inheritance | Exception, has_space: bool
    ) -> PendingRename:
        """Write a temp file with the content, mode and mtime."""
        request, content = self._requests[number]
        expected = self._expected.get(number)
        if isinstance(expected, Exception):
            raise expected
        if isinstance(inheritance, Exception):
            raise inheritance
        space = self._writer.space
        if not has_space:
            allocation = Allocation(group.actor, request.endpoint)
            self._allocations.append((allocation, [number]))
            space.begin_whole(allocation, handle, group.directory, len(content))
        try:
            temp_file = self._write_temp_file(handle, group.directory, request, content, inheritance)
        except OSError as error:
            needed = space.books.cost(len(content))
            if error.errno not in FULL or not space.evict_for(group.actor, handle, group.directory, needed):
                raise
            temp_file = self._write_temp_file(handle, group.directory, request, content, inheritance)
        return PendingRename(
            source=temp_file,
            handle=handle,
            endpoint=request.endpoint,
            precondition=request.precondition,
            expected=expected,
            hash=self._hashes[number],
            hashed_ns=self._began,
            size=len(content),
            actor=group.actor,
        )

    def _write_temp_file(
        self, handle: DirHandle, directory: Endpoint, request: WriteRequest, content: bytes, inheritance: Inheritance
    ) -> TempFile:
        token = f"{self._token}-{len(self._temp_files)}"
        temp_file = self._writer.temp_files.create(token, handle, directory, request.mode)
        self._temp_files.append(temp_file)
        try:
            temp_file.write(content)
            replaced = (
                None if request.precondition == ABSENT else self._writer.root.stat_in(handle.fd, request.endpoint)
            )
            temp_file.set_metadata(request, len(content), inheritance, replaced)
        except BaseException:
            temp_file.close()
            raise
        return temp_file

    def _sync(self) -> None:
        """Make the contents durable."""
        failures = self._writer.fsync.files([(each.source.fd, each.handle) for each in self._pendings.values()])
        for number, failure in zip(list(self._pendings), failures, strict=True):
            if failure is not None:
                del self._pendings[number]
                self._refuse(number, failure)

    def _commit(self) -> None:
        """Give the files their names, durably."""
        results = self._writer.committer.commit(list(self._pendings.values()))
        for number, result in zip(self._pendings, results, strict=True):
            if isinstance(result, Exception):
                self._refuse(number, result)
            else:
                self._results[number] = result

    def _stored(self, numbers: Iterable[int]) -> list[int]:
        """Those of some files that have their names."""
        return [number for number in numbers if isinstance(self._results[number], Entry | InDoubt)]

    def _end_space(self) -> None:
        """Count the files that were stored, and no longer the others."""
        for allocation, numbers in self._allocations:
            self._writer.space.end_together(allocation, self._sizes(self._stored(numbers)))
