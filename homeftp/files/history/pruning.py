"""Removes versions for good, step by step. Everything here blocks: it runs in the pool."""

from __future__ import annotations

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
    for page in history.timelines(endpoint, 0):
        batch: list[Pruned] = []
        for timeline in page:
            for version in timeline.versions[: max(0, len(timeline.versions) - keep)]:
                if before_us is None or version.at_us < before_us:
                    batch.append(Pruned(name=timeline.name, at_us=version.at_us, size=version.size))
                if len(batch) >= FILES_PER_STEP:
                    yield _pruned(history, endpoint, batch, dry_run)
                    batch = []
        yield _pruned(history, endpoint, batch, dry_run)


def _pruned(history: IHistory, endpoint: Endpoint, batch: Sequence[Pruned], dry_run: bool) -> PruneStep:
    """Remove these versions; each with why it is still there."""
    if dry_run or not batch:
        return PruneStep(tuple(batch))
    results = history.discard([VersionId(endpoint.at(each.name), each.at_us) for each in batch])
    raise_failure(results)
    return PruneStep(
        tuple(
            structs.replace(each, refusal=refusal_of(result)) if isinstance(result, Exception) else each
            for each, result in zip(batch, results, strict=True)
        )
    )
