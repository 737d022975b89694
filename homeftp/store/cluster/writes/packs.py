"""The contents of a batch, written as few objects before its transaction names them."""

from __future__ import annotations

from typing import Iterable, Mapping, Sequence

import attrs
from msgspec import structs

from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import ContentPart
from homeftp.store.cluster.tables import contents


@attrs.frozen
class StoredContents:
    """Contents that are in the bucket, and have no name yet."""

    parts: Sequence[Sequence[ContentPart]]
    """The parts of each content."""
    objects: Mapping[str, int]
    """The objects that were written for them, and their bytes."""
    since_us: int
    """When it was begun, by the database's clock: from then on the collector may take them for garbage."""


class PackWriter:
    """Writes contents one after the other: small ones together, and large ones in parts. Holds one part in memory."""

    def __init__(self, context: ClusterContext) -> None:
        self._context = context
        self._since_us = 0
        self._parts: list[list[ContentPart]] = []
        self._objects: dict[str, int] = {}
        self._pack, self._name = bytearray(), context.bucket.new_name()

    def add(self, pieces: Iterable[bytes]) -> None:
        """Write a content. Where `pieces` raises, that content has parts that are not all; it must not be named.

        Raises `Busy` (51).
        """
        parts: list[ContentPart] = []
        self._parts.append(parts)
        most = self._context.cluster.part_bytes
        for piece in pieces:
            view, done = memoryview(piece), 0
            while done < len(view):
                if not self._since_us:
                    self._since_us = contents.now_us(self._context.database)
                size = min(len(view) - done, most - len(self._pack))
                if parts and parts[-1].object == self._name:
                    parts[-1] = structs.replace(parts[-1], size=parts[-1].size + size)
                else:
                    parts.append(ContentPart(self._name, len(self._pack), size))
                self._pack += view[done : done + size]
                done += size
                if len(self._pack) == most:
                    self._write()

    def finish(self) -> StoredContents:
        """Write what is left; all contents, in the order in which they were added. Raises `Busy` (51)."""
        if self._pack:
            self._write()
        return StoredContents(self._parts, self._objects, self._since_us)

    def _write(self) -> None:
        self._context.bucket.put(self._name, self._pack)
        self._objects[self._name] = len(self._pack)
        self._pack, self._name = bytearray(), self._context.bucket.new_name()


def store(context: ClusterContext, pieces: Sequence[bytes]) -> StoredContents:
    """Write contents: small ones together, and large ones in parts. Raises `Busy` (51)."""
    writer = PackWriter(context)
    for content in pieces:
        writer.add((content,))
    return writer.finish()
