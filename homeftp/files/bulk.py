"""Many small files of one request: each job decodes, writes or reads, and encodes some hundred of them.

What a file costs is spent in the pool: on the reactor's thread nothing is done for each. Every file has a result of
its own.
"""

from __future__ import annotations

from typing import AsyncGenerator, Callable, Sequence, TypeVar

import attrs
import msgspec
from msgspec import structs
from twisted.internet.defer import Deferred, fail, gatherResults

from homeftp.config import BATCH_JOB, SMALL_FILE
from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal, TooLarge
from homeftp.files.budget import MemoryBudget
from homeftp.files.jobs.groupcommits import GroupCommits
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.files.refusals import RecordRefusal, RefusedChange, recorded
from homeftp.interfaces import BatchWrite, FileContent, HashNeeded, IOpenFile, IStore
from homeftp.model import SERVER, Entry, HashCondition, WriteRequest
from homeftp.store.policy.outcomes import catch, results_of
from homeftp.store.policy.preconditions import names_content
from homeftp.workers import items_per_job

T = TypeVar("T")

_MOST_AT_ONCE = 256
"""Files that are opened together, at most."""

Decode = Callable[[int], Sequence["BatchWrite | Refusal"]]
"""Gives what is to be stored next, at most so many. Called in the pool."""

Encode = Callable[[Sequence["FileContent | Exception"]], T]
"""Makes what is sent of what was read. Called in the pool."""


class _BulkWritten(msgspec.Struct, frozen=True):
    """The results of one job."""

    results: list[Entry | Exception]
    unfinished: dict[int, BatchWrite]
    """The writes that failed, by their number in the results: refusals of the store are recorded, hashes are found."""


@attrs.frozen(eq=False)
class BulkWriter:
    """Writes what many entries of one request bring, as one login."""

    _store: IStore
    """Bound to the actor."""
    _jobs: RevocableJobs
    _commits: GroupCommits
    _write_alone: Callable[[WriteRequest, bytes], Deferred[Entry]]
    """Writes one file for whose precondition a large file must be hashed first."""
    _record_refusal: RecordRefusal
    """A refusal is one result among others, which callers do not record."""

    async def write(self, decode: Decode) -> Sequence[Entry | Exception]:
        """As `IFiles.write_batch`."""
        written = await self._jobs.run_slice(self._write, decode, items_per_job(self._jobs.workers, BATCH_JOB))
        if written.unfinished:
            finished = [
                Deferred.fromCoroutine(self._finish(each, written.results[number]))
                for number, each in written.unfinished.items()
            ]
            for number, result in zip(written.unfinished, await gatherResults(finished), strict=True):
                written.results[number] = result
        return written.results

    async def _finish(self, item: BatchWrite, result: Entry | Exception) -> Entry | Exception:
        assert isinstance(result, Exception)
        work: Deferred[Entry]
        if isinstance(result, HashNeeded) and item.content is not None:
            work = self._write_alone(item.request, item.content)
        else:
            work = fail(result)
        try:
            return await recorded(work, RefusedChange.of(item.request), self._record_refusal)
        except Exception as refused:  # noqa: BLE001 (whatever it is, it is this one file's result)
            return refused

    def _write(self, decode: Decode, most: int) -> _BulkWritten:
        """In a worker."""
        items = [each if isinstance(each, Refusal) else _own(each) for each in decode(most)]
        results: dict[int, Entry | Exception] = {}
        asked: dict[int, tuple[WriteRequest, bytes | None]] = {}
        for number, item in enumerate(items):
            if isinstance(item, Refusal):
                results[number] = item
            elif item.content is not None and len(item.content) > SMALL_FILE:
                results[number] = TooLarge(f"{len(item.content)} bytes at once: at most {SMALL_FILE}")
            else:
                asked[number] = _stored(item)
        results.update(zip(asked, self._commits.write_many(self._store, list(asked.values())), strict=True))
        unfinished = {
            number: item
            for number, item in enumerate(items)
            if isinstance(item, BatchWrite) and isinstance(results[number], Exception)
        }
        return _BulkWritten([results[number] for number in range(len(items))], unfinished)


def _own(item: BatchWrite) -> BatchWrite:
    """A write as one of this login's: no caller speaks for another actor."""
    if item.request.actor is SERVER:
        return item
    return item._replace(request=structs.replace(item.request, actor=SERVER))


def _stored(item: BatchWrite) -> tuple[WriteRequest, bytes | None]:
    """The request to the store, which does not hash a large file for a precondition, but asks for its hash."""
    request, content = item
    if content is not None and names_content(request.precondition):
        request = structs.replace(request, precondition=HashCondition(str(request.precondition)))
    return request, content


@attrs.frozen(eq=False)
class BulkReader:
    """Reads what one request asks for, as one login."""

    _store: IStore
    _jobs: RevocableJobs
    _budget: MemoryBudget
    _record_read: Callable[[str, Endpoint], None] | None

    async def read(self, endpoints: Sequence[Endpoint], encode: Encode[T]) -> AsyncGenerator[T, None]:
        """As `IFiles.read_batch`."""
        self._jobs.require_unrevoked()
        start = 0
        try:
            while start < len(endpoints):
                files = endpoints[start : start + items_per_job(self._jobs.workers, BATCH_JOB)]
                count, encoded = await self._jobs.run_slice(self._read, files, self._budget.grant(self), encode)
                start += count
                yield encoded
        finally:
            self._budget.leave(self)

    def _read(self, endpoints: Sequence[Endpoint], size: int, encode: Encode[T]) -> tuple[int, T]:
        """In a worker: the first files, until they have about `size` bytes: how many, and what they are encoded as.

        As many are opened together as have `size` bytes in all, by the average so far. A file that is much larger is
        opened once more, alone.
        """
        at_once = least = max(1, size // SMALL_FILE)
        results: list[FileContent | Exception] = []
        left = size
        while len(results) < len(endpoints) and left > 0:
            some = endpoints[len(results) : len(results) + at_once]
            left -= self._read_some(some, left, SMALL_FILE if at_once == least else left // at_once, results)
            average = (size - left) // len(results) + 1
            at_once = min(max(least, left // (2 * average)), _MOST_AT_ONCE)
        return len(results), encode(results)

    def _read_some(
        self, endpoints: Sequence[Endpoint], most: int, inline: int, results: list[FileContent | Exception]
    ) -> int:
        """Add files to `results` until they have `most` bytes; those of at most `inline` are read together. The bytes.

        Files that are left after that are closed: they are read in another step.
        """
        size = 0
        for endpoint, file in zip(endpoints, self._open(endpoints, inline), strict=True):
            if isinstance(file, Exception):
                if size < most:
                    results.append(file)
            elif size < most:
                result = catch(self._content, endpoint, file)
                results.append(result)
                size += len(result.content) if isinstance(result, FileContent) else 0
            else:
                file.close()
        return size

    def _open(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        return results_of(lambda some: self._store.open_many(some, inline), endpoints)

    def _content(self, endpoint: Endpoint, file: IOpenFile) -> FileContent:
        if file.content is None and file.entry.size <= SMALL_FILE:
            file.close()
            (again,) = self._open([endpoint], SMALL_FILE)
            if isinstance(again, Exception):
                raise again
            file = again
        try:
            if file.content is None:
                raise TooLarge(f"it has more than {SMALL_FILE:,} bytes: get it in a request of its own")
            if self._record_read is not None:
                self._record_read("file", endpoint)
            return FileContent(file.entry, file.content)
        finally:
            file.close()
