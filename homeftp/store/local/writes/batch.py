"""Many small files at once: all are written, made durable by one sync, renamed, and made durable in their directories.

This is the group commit of databases: the wait for the disk is paid once, and
each file is as safe as one alone. An item that is refused leaves the others be.
"""

from __future__ import annotations

import os
import time
from typing import Callable, Iterable, Sequence, TypeVar

import attrs

from homeftp.endpoint import Endpoint
from homeftp.hashing.filehash import hash_bytes
from homeftp.hashing.hashcache import CachedHash
from homeftp.model import ABSENT, Actor, Entry, WriteRequest
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import FULL, catch, refusal
from homeftp.store.local.disk.saferoot import DirHandle
from homeftp.store.local.staging.tempfile import TempFile
from homeftp.store.local.writes.commit import in_doubt, stat_after
from homeftp.store.local.writes.pending import pending_rename
from homeftp.store.local.writes.replacing import Replacing, close_all, free_bytes, wrong_hash, wrong_size

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 128
"""Files in one sync: twice what one connection has under way. Each holds a descriptor meanwhile."""


def put_together(replacing: Replacing, puts: Sequence[tuple[WriteRequest, bytes]]) -> list[Entry | Exception]:
    """Put these files in their places; one result for each, in order. Each `Entry` survives a power cut."""
    results: list[Entry | Exception] = []
    for start in range(0, len(puts), AT_ONCE):
        results.extend(_Batch(replacing, puts[start : start + AT_ONCE]).run())
    return results


@attrs.define(eq=False)
class _Written:
    """A file whose content is on the disk, under a draft's name; and its stat, once it has its own."""

    put: WriteRequest
    hash: str
    place: DirHandle
    draft: TempFile
    expected: str | None
    found: os.stat_result | None = None


class _Batch:
    """What goes through the disk together, step by step; each step goes on with what the one before has left."""

    def __init__(self, replacing: Replacing, puts: Sequence[tuple[WriteRequest, bytes]]) -> None:
        self._replacing = replacing
        self._puts = puts
        self._parents = [put.endpoint.parent for put, _ in puts]
        self._results: dict[int, Entry | Exception] = {}
        self._places: dict[Endpoint, DirHandle | Exception] = {}
        self._expected: dict[int, str | Exception | None] = {}
        self._drafts: list[TempFile] = []
        self._claimed: dict[int, int] = {}
        self._token = os.urandom(16).hex()

    def run(self) -> list[Entry | Exception]:
        """The results, in order."""
        began = time.time_ns()
        try:
            hashed = self._each(enumerate(self._puts), self._hash)
            self._open_places([number for number, _ in hashed])
            self._expect([number for number, _ in hashed])
            self._finish(self._publish(self._sync(self._each(hashed, self._write))), began)
        finally:
            for draft in self._drafts:
                draft.close()
            close_all(self._places.values())
            self._replacing.space.release(sum(self._claimed.values()))
        return [self._results[number] for number in range(len(self._puts))]

    def _each(self, items: Iterable[tuple[int, T]], step: Callable[[int, T], R]) -> list[tuple[int, R]]:
        """What `step` makes of numbered items; what it raises ends that item."""
        done = []
        for number, item in items:
            result = catch(step, number, item)
            if isinstance(result, Exception):
                self._fail(number, result)
            else:
                done.append((number, result))
        return done

    def _fail(self, number: int, error: Exception) -> None:
        """End one item, in words for its client."""
        if isinstance(error, OSError):
            put = self._puts[number][0]
            place = self._places.get(self._parents[number])
            free = free_bytes(place.fd) if isinstance(place, DirHandle) else None
            error = refusal(error, put.endpoint, size=put.known_size, free=free)
        self._results[number] = error

    def _hash(self, number: int, item: tuple[WriteRequest, bytes]) -> str:
        """Its hash, if it can be put: before anything touches the disk."""
        put, content = item
        self._replacing.check(put)
        if len(content) != put.known_size:
            raise wrong_size(put, len(content))
        content_hash = hash_bytes(content)
        if put.hash is not None and put.hash != content_hash:
            raise wrong_hash(put)
        return content_hash

    def _open_places(self, numbers: Sequence[int]) -> None:
        """Open the directories; made is only what one item at least does not expect to be there."""
        make: dict[Endpoint, Actor | None] = {}
        for number in numbers:
            parent, put = self._parents[number], self._puts[number][0]
            make[parent] = make.get(parent) or (put.actor if put.precondition in (None, ABSENT) else None)
        self._places = self._replacing.places(make)

    def _expect(self, numbers: Sequence[int]) -> None:
        """Find out what stands where something is expected."""
        placed = {number: self._places[self._parents[number]] for number in numbers}
        puts = ((place, self._puts[number][0]) for number, place in placed.items() if isinstance(place, DirHandle))
        wanted = [(place, put.endpoint, put.precondition) for place, put in puts]
        expected = iter(self._replacing.conditions.expected(wanted))
        self._expected = {n: next(expected) if isinstance(place, DirHandle) else None for n, place in placed.items()}

    def _write(self, number: int, content_hash: str) -> _Written:
        """A draft with all of its content, mode and mtime."""
        put, content = self._puts[number]
        directory = self._parents[number]
        place = self._places[directory]
        if isinstance(place, Exception):
            raise self._replacing.no_place(place, put.endpoint, put.known_size)
        expected = self._expected[number]
        if isinstance(expected, Exception):
            raise expected
        cost = self._replacing.space.usage.cost(put.known_size)
        self._replacing.space.claim(place, directory, put.endpoint, cost)
        self._claimed[number] = cost
        try:
            draft = self._draft(number, place, directory, put, content)
        except OSError as error:
            if error.errno not in FULL or not self._replacing.space.relieve(place, directory, cost):
                raise
            draft = self._draft(number, place, directory, put, content)
        return _Written(put, content_hash, place, draft, expected)

    def _draft(self, number: int, place: DirHandle, directory: Endpoint, put: WriteRequest, content: bytes) -> TempFile:
        draft = self._replacing.drafts.new(f"{self._token}-{len(self._drafts)}", place, directory, put.mode)
        self._drafts.append(draft)
        try:
            draft.write(content)
            draft.finish(put)
        except BaseException:
            draft.close()
            raise
        return draft

    def _sync(self, written: list[tuple[int, _Written]]) -> list[tuple[int, _Written]]:
        """Those whose content is durable."""
        failures = self._replacing.syncing.files([(item.draft.fd, item.place) for _, item in written])
        for (number, _), failure in zip(written, failures, strict=True):
            if failure is not None:
                self._fail(number, failure)
        return [(number, item) for number, item in written if number not in self._results]

    def _publish(self, durable: list[tuple[int, _Written]]) -> list[tuple[int, _Written]]:
        """Those that have their own name. Their stat is the descriptor's: what has the name next is another's."""
        arrivals = [pending_rename(item.put, item.draft, item.place, item.expected, item.hash) for _, item in durable]
        for (number, item), refused in zip(durable, self._replacing.publishing.publish(arrivals), strict=True):
            if refused is not None:
                self._fail(number, refused)
                continue
            self._replacing.space.settle(self._claimed.pop(number))
            found = catch(stat_after, item.draft.fd, item.put.endpoint)
            if isinstance(found, Exception):
                self._fail(number, found)
            else:
                item.found = found
        return [(number, item) for number, item in durable if item.found is not None]

    def _finish(self, named: list[tuple[int, _Written]], began: int) -> None:
        """Make the names durable, and only then call the files stored."""
        places = {item.place: self._parents[number] for number, item in named}
        failures = dict(zip(places, self._replacing.syncing.directories(list(places)), strict=True))
        spelled = {place: self._replacing.jail.spelled(directory) for place, directory in places.items()}
        rows = []
        for number, item in named:
            failure = failures[item.place]
            if failure is not None or item.found is None:
                doubt = in_doubt(item.put.endpoint)
                doubt.__cause__ = failure
                self._fail(number, doubt)
                continue
            rows.append(CachedHash(spelled[item.place], item.put.endpoint.name, item.found, item.hash, began))
            self._results[number] = entry_of(item.found, item.hash)
        self._replacing.index.record(rows)
