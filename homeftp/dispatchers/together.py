"""Small work of many requests as one job: what PUSH and GET do with small files."""

from __future__ import annotations

from typing import Callable, Sequence, TypeVar

from homeftp.interfaces import IStore, IWorkers
from homeftp.workers import Batcher

T = TypeVar("T")
R = TypeVar("R")


def together_per_share(
    workers: IWorkers, job: Callable[[IStore, Sequence[T]], Sequence[R | Exception]], *, limit: int
) -> Batcher[tuple[IStore, T], R]:
    """Items of `(share, item)`, those in flight together given to `job` share by share."""

    def work(items: Sequence[tuple[IStore, T]]) -> Sequence[R | Exception]:
        places: dict[IStore, list[int]] = {}
        for place, (share, _) in enumerate(items):
            places.setdefault(share, []).append(place)
        results: dict[int, R | Exception] = {}
        for share, its in places.items():
            results.update(zip(its, job(share, [items[place][1] for place in its]), strict=True))
        return [results[place] for place in range(len(items))]

    return Batcher(workers, work, limit=limit)
