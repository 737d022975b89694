"""A defective store: it gives more or fewer results than it was asked for."""

from __future__ import annotations

from typing import Sequence, TypeVar

from homeftp.endpoint import Endpoint
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces import IOpenFile
from homeftp.model import Actor, Entry, WriteRequest
from homeftp.store.buffers import BytesFile
from homeftp.store.memory import MemoryStore

T = TypeVar("T")

CONTENT = b"content"


class _CountedFile(BytesFile):
    """A file of a `MiscountingStore`: in `still_open` until it is closed."""

    def __init__(self, still_open: list[object]) -> None:
        super().__init__(Entry("", "file", size=len(CONTENT), hash=hash_bytes(CONTENT)), CONTENT)
        self._still_open = still_open
        still_open.append(self)

    def close(self) -> None:
        if self in self._still_open:
            self._still_open.remove(self)


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
        return [_CountedFile(self.still_open) for _ in range(len(endpoints) + self._error)]

    def write_many(self, requests: Sequence[tuple[WriteRequest, bytes]]) -> Sequence[Entry | Exception]:
        return self._miscount(super().write_many(requests), Entry("", "file"))
