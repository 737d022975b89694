"""Many small files and directories at once: made durable by few syncs, whatever their number.

Directories are made and changed, and made durable by one sync; all files are written, made durable by another one,
renamed, and their directories made durable. This is the group commit of databases: the disk is waited for a few
times, and each entry is as safe as one written alone. A refused one does not affect the others.
"""

from __future__ import annotations

import os
import time
from itertools import groupby
from typing import Iterable, Mapping, Sequence

import msgspec
from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import ABSENT, PRESENT, Actor, Entry, WriteRequest
from homeftp.store.local.commit.committer import Committer
from homeftp.store.local.commit.directories import Directories, OpenDirectories
from homeftp.store.local.commit.outcome import InDoubt
from homeftp.store.local.commit.pending import PendingRename, PreparedFile, RenameTarget
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.commit.space import SpaceReservation
from homeftp.store.local.disk.accounting import Allocation
from homeftp.store.local.disk.errnos import FULL, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.inheritance import Inheritance
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.staging.tempfile import TOKEN_BYTES, TempFile, TempFiles
from homeftp.store.local.writes.runs import Contents, runs
from homeftp.store.policy.limits import WriteLimits, check_content, directory_request
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.preconditions import names_content, no_hash


class BatchWriter(msgspec.Struct, frozen=True):
    """Writes small files and makes directories, together. Thread-safe."""

    root: SafeRoot
    limits: WriteLimits
    directories: Directories
    preconditions: Preconditions
    space: SpaceReservation
    temp_files: TempFiles
    fsync: Fsync
    committer: Committer

    def write(self, requests: Contents, actor: Actor) -> list[Entry | Exception]:
        """Write these files, make these directories; a result for each, in order. Each `Entry` survives a power cut."""
        results: dict[int, Entry | Exception] = {}
        for run in runs(requests):
            results.update(zip(run, _Batch(self, [requests[number] for number in run], actor).run(), strict=True))
        return [results[number] for number in range(len(requests))]

    def make_directory(self, request: WriteRequest, actor: Actor) -> Entry:
        """`write` for one directory. Raises its error."""
        (result,) = self.write([(request, None)], actor)
        if isinstance(result, Exception):
            raise result
        return result


class _Group(msgspec.Struct, eq=False):
    """The files that one actor writes into one directory."""

    directory: Endpoint
    actor: Actor
    numbers: Sequence[int]


class _Batch:
    """One batch; each step continues with the files that the step before did not refuse."""

    def __init__(self, writer: BatchWriter, requests: Contents, actor: Actor) -> None:
        self._writer = writer
        self._requests = requests
        self._actor = actor
        self._began = time.time_ns()
        self._results: dict[int, Entry | Exception] = {}
        self._asked: dict[int, WriteRequest] = {}
        """The directories, each with its actor."""
        self._files: dict[int, tuple[WriteRequest, bytes]] = {}
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
                refused = catch(self._check, number, *item)
                if refused is not None:
                    self._refuse(number, refused)
            groups = self._groups()
            asked = {request.endpoint: request for request in self._asked.values()}
            with self._writer.directories.opened_many(self._directories(groups), asked) as opened:
                self._handles = opened.handles
                self._end_directories(opened)
                if self._files:
                    self._check_preconditions()
                    for group in groups:
                        self._write_group(group)
                    self._sync()
                    self._commit()
                    self._end_space()
                    opened.keep([group.directory for group in groups if self._stored(group.numbers)])
        finally:
            for temp_file in self._temp_files:
                temp_file.close()
            for allocation, _ in self._allocations:
                self._writer.space.release(allocation, committed=False)
        return [self._results[number] for number in range(len(self._requests))]

    def _refuse(self, number: int, error: Exception) -> None:
        """Refuse one entry, in words for its client."""
        if isinstance(error, OSError):
            request, content = self._requests[number]
            error = refusal(error, request.endpoint, size=len(content or b""))
        self._results[number] = error

    def _check(self, number: int, request: WriteRequest, content: bytes | None) -> None:
        """Refuse what can be refused before the disk is touched, and hash a file."""
        if content is None:
            request = directory_request(request)
            if names_content(request.precondition):
                raise no_hash(request.endpoint)
            self._asked[number] = structs.replace(request, actor=request.acting(self._actor))
        else:
            if request.size is None:
                request = structs.replace(request, size=len(content))
            self._hashes[number] = self._hash(request, content)
            self._files[number] = request, content

    def _hash(self, request: WriteRequest, content: bytes) -> str:
        """Check a file; returns its hash."""
        self._writer.limits.check(request)
        content_hash = hash_bytes(content)
        check_content(request, len(content), content_hash, request.hash)
        return content_hash

    def _groups(self) -> list[_Group]:
        """The files, by directory and actor."""
        folders: dict[tuple[str, ...], list[int]] = {}
        for number, (request, _) in self._files.items():
            folders.setdefault(request.endpoint.parts[:-1], []).append(number)
        return [
            _Group(self._files[numbers[0]][0].endpoint.parent, actor, list(some))
            for numbers in folders.values()
            for actor, some in groupby(numbers, lambda number: self._files[number][0].acting(self._actor))
        ]

    def _directories(self, groups: Sequence[_Group]) -> Mapping[Endpoint, Actor | None]:
        """The directories, and for whom a missing one is made: where an entry does not need something to exist."""
        wanted: dict[Endpoint, Actor | None] = {
            request.endpoint: None if request.precondition == PRESENT else request.actor
            for request in self._asked.values()
        }
        for group in groups:
            if wanted.get(group.directory) is None:
                makes = any(self._files[number][0].precondition in (None, ABSENT) for number in group.numbers)
                wanted[group.directory] = group.actor if makes else None
        return wanted

    def _end_directories(self, opened: OpenDirectories) -> None:
        """The results of the directories."""
        done = []
        for number, request in self._asked.items():
            found = opened.entries[request.endpoint]
            if isinstance(found, Exception):
                self._refuse(number, self._writer.directories.explain(found, request.endpoint, 0))
            else:
                self._results[number] = found
                done.append(request.endpoint)
        opened.keep(done)

    def _check_preconditions(self) -> None:
        """Find the existing files that must have an expected hash."""
        wanted = {}
        for number, (request, _) in self._files.items():
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
                request, content = self._files[number]
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
        allocation = Allocation(group.actor, self._files[group.numbers[0]][0].endpoint, in_parent=True)
        taken = self._writer.space.take_together(allocation, handle, self._sizes(group.numbers))
        if taken:
            self._allocations.append((allocation, group.numbers))
        return taken

    def _sizes(self, numbers: Sequence[int]) -> list[int]:
        return [len(self._files[number][1]) for number in numbers]

    def _write(
        self, number: int, group: _Group, handle: DirHandle, inheritance: Inheritance | Exception, has_space: bool
    ) -> PendingRename:
        """Write a temp file with the content, mode and mtime."""
        request, content = self._files[number]
        expected = self._expected.get(number)
        if isinstance(expected, Exception):
            raise expected
        if isinstance(inheritance, Exception):
            raise inheritance
        space = self._writer.space
        if not has_space:
            allocation = Allocation(group.actor, request.endpoint)
            self._allocations.append((allocation, [number]))
            space.reserve_whole(allocation, handle, group.directory, len(content))
        try:
            temp_file = self._write_temp_file(handle, group.directory, request, content, inheritance)
        except OSError as error:
            needed = space.accounting.cost(len(content))
            if error.errno not in FULL or not space.evict_for(group.actor, handle, group.directory, needed):
                raise
            temp_file = self._write_temp_file(handle, group.directory, request, content, inheritance)
        file = PreparedFile(temp_file, len(content), self._hashes[number], self._began)
        return PendingRename(file, RenameTarget.of(request, handle, expected), group.actor)

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
        failures = self._writer.fsync.files(
            [(each.file.source.fd, each.target.handle) for each in self._pendings.values()]
        )
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
        """The files among those given that have their names."""
        return [number for number in numbers if isinstance(self._results[number], Entry | InDoubt)]

    def _end_space(self) -> None:
        """Count the files that were stored, and no longer the others."""
        for allocation, numbers in self._allocations:
            self._writer.space.release_together(allocation, self._sizes(self._stored(numbers)))
