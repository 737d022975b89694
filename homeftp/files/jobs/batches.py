"""Small calls of many requests as one call of the store.

Calls that arrive while a job runs make up the next one (`homeftp.workers.Batcher`), whatever their connection: the
store is called once for all of it, and makes small files durable with one sync. Every item has an outcome of its own:
an exception fails that item only.
"""

from __future__ import annotations

from functools import partial
from typing import Callable, NamedTuple, Sequence, TypeVar

from homeftp.config import SMALL_FILE
from homeftp.endpoint import Endpoint
from homeftp.files.jobs.groupcommits import GroupCommits
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.interfaces import IOpenFile, IStore, IWorkers
from homeftp.interfaces.immediate import GRANTED_SECONDS
from homeftp.model import Entry, ResumePoint, WriteRequest
from homeftp.store.policy.outcomes import catch, results_of
from homeftp.workers import Batcher

T = TypeVar("T")
R = TypeVar("R")

STATS_PER_JOB = 256
"""Endpoints that one job looks up, at most."""

OPENS_PER_JOB = 64
"""Files that one job opens, and reads where they are small, at most: each holds a descriptor or its content."""

WRITES_PER_JOB = 256
"""Small files that one job makes durable together, at most: beyond it a sync costs little per file already."""


PARTS_PER_ITEM = 8
"""Parts of a path from which on a file counts for more than one: each may be a directory that the job has to make, and
all others that make any wait for it. With 128 parts a file is a job of its own."""


class StatItem(NamedTuple):
    """A look-up: an endpoint, and the content whose partial upload may be resumed there."""

    endpoint: Endpoint
    hash: str | None = None
    size: int | None = None
    mtime_us: int | None = None


StatResult = tuple["Entry | None", "ResumePoint | None"]
"""The entry at an endpoint, and how much of the content in question has arrived."""


class WriteItem(NamedTuple):
    """A small file to write, or the metadata to set of what exists: its request names who asks."""

    request: WriteRequest
    content: bytes | None
    """None: only mtime and mode are set."""
    jobs: RevocableJobs


class Batches:
    """The batches of one server: the requests of all its connections share them."""

    def __init__(self, workers: IWorkers, commits: GroupCommits | None = None) -> None:
        write = partial(write_many, commits or GroupCommits())
        self.stats: Batcher[tuple[IStore, StatItem], StatResult] = Batcher(
            workers, partial(by_store, stat_many), limit=STATS_PER_JOB
        )
        self.opens: Batcher[tuple[IStore, Endpoint], IOpenFile] = Batcher(
            workers, partial(by_store, open_many), limit=OPENS_PER_JOB
        )
        self.writes: Batcher[tuple[IStore, WriteItem], Entry] = Batcher(
            workers, partial(by_store, write), limit=WRITES_PER_JOB, weigh=_weight
        )


def _weight(item: tuple[IStore, WriteItem]) -> int:
    """The number of files of a job that a file counts for."""
    return 1 + (len(item[1].request.endpoint.parts) // PARTS_PER_ITEM) ** 2


def by_store(
    job: Callable[[IStore, Sequence[T]], Sequence[R | Exception]], items: Sequence[tuple[IStore, T]]
) -> Sequence[R | Exception]:
    """In a worker: the results of `job`, called once for each store with all items for it; in the order of the items.

    Stores that are equal are one: those of the same account's connections. A store that raises fails its own items.
    """
    first = items[0][0]
    if all(store is first for store, _ in items):  # a single connection, most of the time
        return _results(partial(job, first), [item for _, item in items])
    groups: list[tuple[IStore, list[int]]] = []  # of equal stores; a backend need not be hashable
    known: dict[int, list[int]] = {}
    for position, (store, _) in enumerate(items):
        if id(store) not in known:
            equal = next((positions for other, positions in groups if other == store), None)
            if equal is None:
                equal = []
                groups.append((store, equal))
            known[id(store)] = equal
        known[id(store)].append(position)
    results: dict[int, R | Exception] = {}
    for store, positions in groups:
        done = _results(partial(job, store), [items[position][1] for position in positions])
        results.update(zip(positions, done, strict=True))
    return [results[position] for position in range(len(items))]


def _results(many: Callable[[Sequence[T]], Sequence[R | Exception]], items: Sequence[T]) -> Sequence[R | Exception]:
    """The results of `many`; what it raises fails each of these items, and no others."""
    results = catch(many, items)
    return [results] * len(items) if isinstance(results, Exception) else results


def stat_many(store: IStore, items: Sequence[StatItem]) -> Sequence[StatResult | Exception]:
    """Look up each item. What has arrived is looked up first: an upload that ends meanwhile is then found as a file."""
    resume_points = [_resume_point(store, item) for item in items]
    found = results_of(store.stat_many, [item.endpoint for item in items])
    return [
        entry if isinstance(entry, Exception) else resume if isinstance(resume, Exception) else (entry, resume)
        for entry, resume in zip(found, resume_points, strict=True)
    ]


def _resume_point(store: IStore, item: StatItem) -> ResumePoint | Exception | None:
    endpoint, hash, size, mtime_us = item
    if hash is None and size is None:
        return None
    return catch(store.resume_point, endpoint, hash, size, mtime_us)


def open_many(store: IStore, endpoints: Sequence[Endpoint]) -> Sequence[IOpenFile | Exception]:
    """Open each file; those of at most `SMALL_FILE` bytes are read already."""
    return results_of(lambda some: store.open_many(some, SMALL_FILE), endpoints)


def write_many(commits: GroupCommits, store: IStore, items: Sequence[WriteItem]) -> Sequence[Entry | Exception]:
    """Write the items whose access was not revoked, and whose clients are still there: files, then metadata.

    Each kind is made durable together.

    Where that took long, whether access is granted is looked up once more: what the clients ask for next can then be
    answered without a job (`homeftp.interfaces.immediate`).
    """
    began = commits.monotonic()
    by_jobs = {jobs: jobs.reason_to_drop() for jobs in {item.jobs for item in items}}
    refusals = [by_jobs[item.jobs] for item in items]
    granted = [item for item, refusal in zip(items, refusals, strict=True) if refusal is None]
    files = [(item.request, item.content) for item in granted if item.content is not None]
    changes = [item.request for item in granted if item.content is None]
    written = iter(_results(partial(commits.write_many, store), files))  # each request names its actor
    changed = iter(_results(partial(results_of, store.set_metadata_many), changes))
    if commits.monotonic() - began > GRANTED_SECONDS / 2:
        for jobs in by_jobs:
            jobs.refusal()
    return [
        refusal if refusal is not None else next(changed if item.content is None else written)
        for item, refusal in zip(items, refusals, strict=True)
    ]
