"""The contents of a batch, written as few objects before its transaction names them."""

from __future__ import annotations

from typing import Mapping, Sequence

import attrs

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


def store(context: ClusterContext, pieces: Sequence[bytes]) -> StoredContents:
    """Write contents: small ones together, and large ones in parts. Raises `Busy` (51)."""
    since_us = contents.now_us(context.database) if any(pieces) else 0
    parts: list[list[ContentPart]] = [[] for _ in pieces]
    objects: dict[str, int] = {}
    pack, name = bytearray(), context.bucket.new_name()
    for number, content in enumerate(pieces):
        view, done = memoryview(content), 0
        while done < len(view):
            size = min(len(view) - done, context.cluster.part_bytes - len(pack))
            parts[number].append(ContentPart(name, len(pack), size))
            pack += view[done : done + size]
            done += size
            if len(pack) == context.cluster.part_bytes:
                _write(context, name, pack, objects)
                pack, name = bytearray(), context.bucket.new_name()
    if pack:
        _write(context, name, pack, objects)
    return StoredContents(parts, objects, since_us)


def _write(context: ClusterContext, name: str, pack: bytearray, objects: dict[str, int]) -> None:
    context.bucket.put(name, pack)
    objects[name] = len(pack)
