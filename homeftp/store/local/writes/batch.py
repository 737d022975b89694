"""Many small files at once: all are written, made durable by one sync, renamed, and their directories made durable.

This is the group commit of databases: the disk is waited for once, and each
file is as safe as one written alone. A refused file does not affect the others.
"""

from __future__ import annotations

import os
import time
from typing import Callable, Iterable, Iterator, Mapping, Sequence, TypeVar

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
from homeftp.store.local.disk.errnos import FULL, catch, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import WAYS_PARTS, DirHandle, per_job
from homeftp.store.local.disk.inheritance import Inheritance
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.tempfile import TOKEN_BYTES, TempFile, TempFiles
from homeftp.store.policy.limits import WriteLimits, check_content

T = TypeVar("T")
R = TypeVar("R")

Contents = Sequence["tuple[WriteRequest, bytes]"]

BATCH = 128
"""Files in one sync: twice what one connection has in flight. Each holds a descriptor meanwhile."""


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
class _Written:
    """A file whose content is in a temp file."""

    request: WriteRequest
    hash: str
    handle: DirHandle
    temp_file: TempFile
    expected: str | None


class _Batch:
    """One batch; each step continues with the files that the step before did not refuse."""

    def __init__(self, writer: BatchWriter, requests: Contents, actor: Actor) -> None:
        self._writer = writer
        self._requests = [(_sized(request, content), content) for request, content in requests]
        self._actor = actor
        self._parents = [request.endpoint.parent for request, _ in requests]
        self._results: dict[int, Entry | Exception] = {}
        self._handles: Mapping[Endpoint, DirHandle | Exception] = {}
        self._inheritances: dict[DirHandle, Inheritance] = {}
        self._expected: dict[int, str | Exception | None] = {}
        self._temp_files: list[TempFile] = []
        self._allocations: dict[int, Allocation] = {}
        self._token = os.urandom(TOKEN_BYTES).hex()

    def run(self) -> list[Entry | Exception]:
        """Run all steps; the results, in order."""
        began = time.time_ns()
        try:
            hashed = self._each(enumerate(self._requests), self._hash)
            numbers = [number for number, _ in hashed]
            with self._writer.directories.opened_many(self._directories(numbers)) as opened:
                self._handles = opened.handles
                self._check_preconditions(numbers)
                self._commit(self._sync(self._each(hashed, self._write)), began)
                for number in numbers:
                    if isinstance(self._results[number], Entry | InDoubt):
                        opened.keep(self._parents[number])
        finally:
            for temp_file in self._temp_files:
                temp_file.close()
            for allocation in self._allocations.values():
                self._writer.space.end(allocation, committed=False)
        return [self._results[number] for number in range(len(self._requests))]

    def _each(self, items: Iterable[tuple[int, T]], step: Callable[[int, T], R]) -> list[tuple[int, R]]:
        """The results of `step` for numbered items; an item for which it raises is refused."""
        done = []
        for number, item in items:
            result = catch(step, number, item)
            if isinstance(result, Exception):
                self._refuse(number, result)
            else:
                done.append((number, result))
        return done

    def _refuse(self, number: int, error: Exception) -> None:
        """Refuse one file, in words for its client."""
        if isinstance(error, OSError):
            request = self._requests[number][0]
            error = refusal(error, request.endpoint, size=request.known_size)
        self._results[number] = error

    def _hash(self, number: int, item: tuple[WriteRequest, bytes]) -> str:
        """Check a file before the disk is touched; returns its hash."""
        request, content = item
        self._writer.limits.check(request)
        content_hash = hash_bytes(content)
        check_content(request, len(content), content_hash, request.hash)
        return content_hash

    def _directories(self, numbers: Sequence[int]) -> Mapping[Endpoint, Actor | None]:
        """The directories, and for whom a missing one is made: where a file does not need something to exist in it."""
        wanted: dict[Endpoint, Actor | None] = {}
        for number in numbers:
            parent, request = self._parents[number], self._requests[number][0]
            if wanted.get(parent) is None:
                makes = request.precondition is None or request.precondition == ABSENT
                wanted[parent] = request.acting(self._actor) if makes else None
        return wanted

    def _check_preconditions(self, numbers: Sequence[int]) -> None:
        """Find the existing files that must have an expected hash."""
        opened = {number: self._handles[self._parents[number]] for number in numbers}
        wanted = []
        for number, handle in opened.items():
            request = self._requests[number][0]
            if isinstance(handle, DirHandle):
                wanted.append((handle, request.endpoint, request.precondition))
        expected = iter(self._writer.preconditions.expected(wanted))
        self._expected = {n: next(expected) if isinstance(handle, DirHandle) else None for n, handle in opened.items()}

    def _write(self, number: int, content_hash: str) -> _Written:
        """Write a temp file with the content, mode and mtime."""
        request, content = self._requests[number]
        directory = self._parents[number]
        handle = self._handles[directory]
        if isinstance(handle, Exception):
            raise self._writer.directories.explain(handle, request.endpoint, len(content))
        expected = self._expected[number]
        if isinstance(expected, Exception):
            raise expected
        space = self._writer.space
        actor = request.acting(self._actor)
        allocation = self._allocations[number] = Allocation(actor, request.endpoint)
        space.begin_whole(allocation, handle, directory, len(content))
        try:
            temp_file = self._write_temp_file(handle, directory, request, content)
        except OSError as error:
            if error.errno not in FULL or not space.evict_for(actor, handle, directory, allocation.arrived):
                raise
            temp_file = self._write_temp_file(handle, directory, request, content)
        return _Written(request, content_hash, handle, temp_file, expected)

    def _write_temp_file(
        self, handle: DirHandle, directory: Endpoint, request: WriteRequest, content: bytes
    ) -> TempFile:
        token = f"{self._token}-{len(self._temp_files)}"
        temp_file = self._writer.temp_files.create(token, handle, directory, request.mode)
        self._temp_files.append(temp_file)
        try:
            temp_file.write(content)
            replaced = (
                None if request.precondition == ABSENT else self._writer.root.stat_in(handle.fd, request.endpoint)
            )
            temp_file.set_metadata(request, len(content), self._inheritance(handle), replaced)
        except BaseException:
            temp_file.close()
            raise
        return temp_file

    def _inheritance(self, handle: DirHandle) -> Inheritance:
        """What the files of a directory get from it, asked once in a batch."""
        if handle not in self._inheritances:
            self._inheritances[handle] = Inheritance.of(self._writer.root.disks, handle)
        return self._inheritances[handle]

    def _sync(self, written: list[tuple[int, _Written]]) -> list[tuple[int, _Written]]:
        """Make the contents durable; returns the files for which that succeeded."""
        failures = self._writer.fsync.files([(item.temp_file.fd, item.handle) for _, item in written])
        for (number, _), failure in zip(written, failures, strict=True):
            if failure is not None:
                self._refuse(number, failure)
        return [(number, item) for number, item in written if number not in self._results]

    def _commit(self, durable: list[tuple[int, _Written]], began: int) -> None:
        """Give the files their names, durably."""
        pendings = [
            PendingRename(
                source=item.temp_file,
                handle=item.handle,
                endpoint=item.request.endpoint,
                precondition=item.request.precondition,
                expected=item.expected,
                hash=item.hash,
                hashed_ns=began,
                size=item.request.known_size,
                actor=item.request.acting(self._actor),
            )
            for _, item in durable
        ]
        for (number, _), result in zip(durable, self._writer.committer.commit(pendings), strict=True):
            if isinstance(result, Entry | InDoubt):
                self._writer.space.end(self._allocations.pop(number), committed=True)
            if isinstance(result, Exception):
                self._refuse(number, result)
            else:
                self._results[number] = result
