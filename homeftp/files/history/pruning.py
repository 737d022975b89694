"""Removes versions for good, step by step. Everything here blocks: it runs in the pool."""

from __future__ import annotations

from array import array
from typing import Iterator, Sequence

from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.files.history.past import history_of
from homeftp.files.history.results import FILES_PER_STEP, raise_failure, refusal_of
from homeftp.history.changes import Pruned, PruneStep, VersionId
from homeftp.interfaces import IHistory, IStore


def prune(store: IStore, endpoint: Endpoint, *, before_us: int | None, keep: int, dry_run: bool) -> Iterator[PruneStep]:
    """Remove the versions of what is at an endpoint and beneath it for good, but for the newest `keep` of each file.

    With `before_us` (microseconds since 1970 UTC) only those that were replaced or removed earlier. With `dry_run`
    nothing is removed. The current files stay.
    """
    history = history_of(store)
    newest = _NewestVersions(keep)
    for page in history.timelines(endpoint, 0):
        batch: list[Pruned] = []
        for part in page:
            for version in part.versions:
                older = newest.add(part.name, version.at_us, version.size)
                if older is not None and (before_us is None or older.at_us < before_us):
                    batch.append(older)
                if len(batch) >= FILES_PER_STEP:
                    yield _pruned(history, endpoint, batch, dry_run)
                    batch = []
        yield _pruned(history, endpoint, batch, dry_run)


class _NewestVersions:
    """The newest versions of one name, in 16 bytes each: it may have a million, and all of them may be kept."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._name = ""
        self._first = 0
        self._times = array("q")
        self._sizes = array("q")

    def add(self, name: str, at_us: int, size: int) -> Pruned | None:
        """Add a version, which is newer than those of its name before; the one that is not among the newest any more.

        The names come one after the other.
        """
        if name != self._name:
            self._name, self._first = name, 0
            del self._times[:], self._sizes[:]
        self._times.append(at_us)
        self._sizes.append(size)
        if len(self._times) - self._first <= self._keep:
            return None
        older = Pruned(name=name, at_us=self._times[self._first], size=self._sizes[self._first])
        self._first += 1
        if self._first > self._keep:  # more than half of it is not needed any more
            del self._times[: self._first], self._sizes[: self._first]
            self._first = 0
        return older


def _pruned(history: IHistory, endpoint: Endpoint, batch: Sequence[Pruned], dry_run: bool) -> PruneStep:
    """Remove these versions; each with why it is still there."""
    if dry_run or not batch:
        return PruneStep(tuple(batch))
    results = history.remove_versions([VersionId(endpoint.at(each.name), each.at_us) for each in batch])
    raise_failure(results)
    return PruneStep(
        tuple(
            structs.replace(each, refusal=refusal_of(result)) if isinstance(result, Exception) else each
            for each, result in zip(batch, results, strict=True)
        )
    )
