"""A defective store: it gives more or fewer results than it was asked for."""

from __future__ import annotations

from typing import Sequence, TypeVar

from homeftp.endpoint import Endpoint
from homeftp.interfaces import IOpenFile
from homeftp.model import Actor, Entry, WriteRequest
from homeftp.store.memory import MemoryStore
from tests.support.countingstore import CountedFile

T = TypeVar("T")


class MiscountingStore(MemoryStore):
    """Gives `error` results too many, or too few where it is negative."""

    def __init__(self, error: int) -> None:
        super().__init__()
        self._error = error
        self.still_open: list[object] = []

    def _miscount(self, results: Sequence[T], more: T) -> Sequence[T]:
        return [*results, *[more] * self._error][: len(results) + self._error]

    def bind(self, actor: Actor) -> MiscountingStore:
        return self

    def stat_many(self, endpoints: Sequence[Endpoint]) -> Sequence[Entry | Exception | None]:
        return self._miscount(super().stat_many(endpoints), None)

    def open_many(self, endpoints: Sequence[Endpoint], inline: int) -> Sequence[IOpenFile | Exception]:
        return [CountedFile(self.still_open) for _ in range(len(endpoints) + self._error)]

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes | None]]) -> Sequence[Entry | Exception]:
        return self._miscount(super().write_many(requests), Entry("", "file"))
