"""Changes mtime and mode of files and directories: of many files together, as `batch.py` writes them."""

from __future__ import annotations

import os
from functools import partial
from typing import Sequence

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.model import Actor, Change, Entry, WriteRequest
from homeftp.store.local.commit.namespace import FileChange, Namespace
from homeftp.store.local.commit.pending import PendingUnlink
from homeftp.store.local.commit.preconditions import Preconditions
from homeftp.store.local.disk.entries import entry_of, kind_of
from homeftp.store.local.disk.errnos import close_quietly, refusal
from homeftp.store.local.disk.fsync import Fsync
from homeftp.store.local.disk.handles import DirHandle, close_all, set_metadata
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.writes.runs import runs
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.filetypes import Filetypes
from homeftp.store.policy.limits import check_mtime, check_not_top
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.preconditions import check_source, required_hash
from homeftp.store.policy.wording import damaged, not_found


class MetadataWriter(msgspec.Struct, frozen=True):
    """Changes metadata. Thread-safe."""

    root: SafeRoot
    filetypes: Filetypes
    preconditions: Preconditions
    namespace: Namespace
    fsync: Fsync
    changelog: ChangeLog

    def set_many(self, requests: Sequence[WriteRequest], actor: Actor) -> list[Entry | Exception]:
        """Change mtime and mode of each, durably; None leaves the value. A result for each, in order.

        Errors are `NotFound` (40), `Changed` (44), and `Forbidden` (33) for the root, or the home of an account.
        """
        results: dict[int, Entry | Exception] = {}
        for run in runs([(request, b"") for request in requests]):
            batch = _MetadataBatch(self, [requests[number] for number in run], actor)
            results.update(zip(run, batch.run(), strict=True))
        return [results[number] for number in range(len(requests))]


class _FoundFile(msgspec.Struct, frozen=True):
    """A file whose metadata is to be changed."""

    fd: int
    found: os.stat_result
    handle: DirHandle
    """Its directory."""
    request: WriteRequest


class _MetadataBatch:
    """One run: no endpoint is in it twice, and none beneath another. Each step continues with what was not refused."""

    def __init__(self, writer: MetadataWriter, requests: Sequence[WriteRequest], actor: Actor) -> None:
        self._writer = writer
        self._requests = requests
        self._actor = actor
        self._disks = writer.root.disks
        self._results: dict[int, Entry | Exception] = {}
        self._handles: dict[Endpoint, DirHandle] = {}
        self._files: dict[int, _FoundFile] = {}
        """The files that were not refused, by the number of their request."""

    def run(self) -> list[Entry | Exception]:
        """Run all steps; the results, in order."""
        try:
            for number, request in enumerate(self._requests):
                found = catch(self._find, request)
                if isinstance(found, _FoundFile):
                    self._files[number] = found
                else:
                    self._end(number, found)
            for step in (self._change, self._sync):
                if self._files:
                    self._refuse(step(list(self._files.values())))
            for number, file in self._files.items():
                # Its hash is not remembered: another program's write just before this would go unnoticed.
                self._end(number, catch(lambda fd: entry_of(os.fstat(fd), self._disks), file.fd))
        finally:
            for file in self._files.values():
                close_quietly(file.fd)
            close_all(self._handles.values())
        return [self._results[number] for number in range(len(self._requests))]

    def _end(self, number: int, result: Entry | Exception) -> None:
        """One change has ended; an error is put in words for its client."""
        if isinstance(result, OSError):
            result = refusal(result, self._requests[number].endpoint)
        self._results[number] = result

    def _refuse(self, failures: Sequence[Exception | None]) -> None:
        """End those of the files that failed; there is one failure, or None, for each file."""
        for number, failure in zip(list(self._files), failures, strict=True):
            if failure is not None:
                close_quietly(self._files.pop(number).fd)
                self._end(number, failure)

    def _find(self, request: WriteRequest) -> _FoundFile | Entry:
        """Open a file; change a directory. Raises refusals and OSError."""
        endpoint, root = request.endpoint, self._writer.root
        check_mtime(request.mtime_us)
        check_not_top(endpoint)
        found = root.stat(endpoint)
        if found is None:
            raise not_found(endpoint)
        kind = kind_of(endpoint, found)
        if kind == "file":
            self._writer.filetypes.check(endpoint)
        check_source(endpoint, kind, request.precondition)
        if kind == "directory":
            return self._change_directory(request)
        if endpoint.parent not in self._handles:
            self._handles[endpoint.parent] = root.open_directory(endpoint.parent)
        handle = self._handles[endpoint.parent]
        return _FoundFile(*root.open_any_in(handle.fd, endpoint), handle, request)

    def _change_directory(self, request: WriteRequest) -> Entry:
        writer = self._writer
        handle = writer.root.open_directory(request.endpoint)
        try:
            writer.changelog.ensure_recorded()
            apply = partial(set_metadata, self._disks, handle.fd, request.mtime_us, request.mode)
            change = Change("metadata", "directory", request.endpoint, request.acting(self._actor))
            (failure,) = writer.namespace.change_directories([(handle, apply, change)])
            if failure is None:
                (failure,) = writer.fsync.directories([handle])
            if failure is not None:
                raise failure
            return entry_of(os.fstat(handle.fd), self._disks)
        finally:
            close_quietly(handle.fd)

    def _change(self, files: Sequence[_FoundFile]) -> list[Exception | None]:
        """Set mtime and mode of those that have the expected hash and are not damaged."""
        preconditions = self._writer.preconditions
        asked = [(each.handle, each.request.endpoint, each.request.precondition) for each in files]
        expected = preconditions.expected(asked)
        damages = preconditions.damaged({each.request.endpoint: each.found for each in files})
        results: list[Exception | None] = [
            found if isinstance(found, Exception) else damaged(endpoint) if endpoint in damages else None
            for (_, endpoint, _), found in zip(asked, expected, strict=True)
        ]
        changes = [
            self._file_change(file, found)
            for file, found, refused in zip(files, expected, results, strict=True)
            if refused is None and not isinstance(found, Exception)
        ]
        done = catch(self._writer.namespace.change_files, changes)
        changed = iter([done] * len(changes) if isinstance(done, Exception) else done)
        return [next(changed) if refused is None else refused for refused in results]

    def _file_change(self, file: _FoundFile, expected: str | None) -> FileChange:
        request, found = file.request, file.found
        content_hash = required_hash(request.precondition)
        return (
            PendingUnlink(file.handle, request.endpoint, expected, content_hash, found.st_ino),
            partial(set_metadata, self._disks, file.fd, request.mtime_us, request.mode),
            Change(
                "metadata",
                "file",
                request.endpoint,
                request.acting(self._actor),
                size=found.st_size,
                hash=content_hash,
            ),
        )

    def _sync(self, files: Sequence[_FoundFile]) -> list[OSError | None]:
        return self._writer.fsync.files([(each.fd, each.handle) for each in files])
