"""Adds what another store holds, with the times that it had there: files, directories and versions, many together.

Nothing that exists is changed. Servers may have the same store open meanwhile.
"""

from __future__ import annotations

from typing import Iterator, Sequence

from msgspec import structs

from homeftp.config import SLICE
from homeftp.errors import BadEndpoint, Changed, ContentMismatch, NotFound, Refusal
from homeftp.hashing.filehash import Hasher
from homeftp.interfaces.importing import Imported
from homeftp.interfaces.storefiles import IOpenFile
from homeftp.metadata.modes import same_mode
from homeftp.model import Actor, Change, WriteRequest
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import ContentPart, FileRow, Names, NodeRow
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.cluster.tables import usage, versions
from homeftp.store.cluster.writes.committer import ClusterCommitter
from homeftp.store.cluster.writes.packs import PackWriter
from homeftp.store.cluster.writes.transactions import change
from homeftp.store.cluster.writes.workspace import Workspace
from homeftp.store.policy import limits, wording

_UNKNOWN_MADE_US = 0
"""When something was made of which that is not known: it counts as having been there always."""


def add_many(context: ClusterContext, items: Sequence[Imported], actor: Actor) -> list[bool | Exception]:
    """Add items: a result for each, in order, as `IImportingStore` describes it. Raises `Busy` (51)."""
    there = _there(context, items)
    results: list[bool | Exception] = [False] * len(items)
    writer = PackWriter(context)
    hashes: dict[int, str | None] = {}
    places: dict[int, int] = {}
    for number, item in enumerate(items):
        existing = there[number]
        try:
            if existing is None:
                limits.check_path(item.endpoint, most=context.limits.path_bytes)
                hashes[number] = None
                if item.kind == "file":
                    places[number] = len(places)
                    reading = _ContentReading(item)
                    writer.add(reading.pieces())
                    hashes[number] = reading.verified_hash()
            elif not _alike(existing, item):
                raise _occupied(item)
        except _Unreadable as unreadable:
            hashes.pop(number, None)
            results[number] = unreadable.error
        except (BadEndpoint, Changed, ContentMismatch) as error:
            hashes.pop(number, None)
            results[number] = error
    if not hashes:
        return results
    stored = writer.finish()

    def work(committer: ClusterCommitter) -> dict[int, bool | Exception]:
        workspace = committer.workspace
        workspace.offer(stored.objects, stored.since_us)
        done: dict[int, bool | Exception] = {}
        kept: list[tuple[Names, int, FileRow]] = []
        for number, hash in hashes.items():
            parts = stored.parts[places[number]] if number in places else ()
            done[number] = _add(workspace, items[number], hash, parts, actor, kept)
        versions.add(workspace.transaction, context.share.id, kept)
        return done

    for number, result in change(context, [items[number].endpoint for number in hashes], work, [actor]).items():
        results[number] = result
    return results


def _there(context: ClusterContext, items: Sequence[Imported]) -> list[FileRow | None]:
    """The row that exists already, for each item."""
    share = context.share
    nodes = names_table.walk(
        context.database, share.root, sorted({each.endpoint.parts for each in items if each.at_us is None})
    )
    asked = [(each.endpoint.parts, each.at_us) for each in items if each.at_us is not None]
    kept = versions.of_times(context.database, share.id, asked)
    return [
        nodes.get(each.endpoint.parts) if each.at_us is None else kept.get((each.endpoint.parts, each.at_us))
        for each in items
    ]


def _add(
    workspace: Workspace,
    item: Imported,
    hash: str | None,
    parts: Sequence[ContentPart],
    actor: Actor,
    kept: list[tuple[Names, int, FileRow]],
) -> bool | Exception:
    endpoint = item.endpoint
    request = WriteRequest(endpoint=endpoint, mtime_us=item.mtime_us, mode=item.mode)
    node = workspace.new(item.kind, request, item.size, hash)
    node = structs.replace(node, made_us=_UNKNOWN_MADE_US if item.made_us is None else item.made_us)
    if item.at_us is not None:
        kept.append((endpoint.parts, item.at_us, structs.replace(node, content=workspace.add_content(parts))))
        workspace.charge(endpoint.parts, usage.cost(item.size))
        return True
    if workspace.get(endpoint) is not None:
        return _occupied(item)
    parent = workspace.get(endpoint.parent)
    if parent is None or not parent.directory:
        return NotFound(f"the folder of {wording.display_path(endpoint)} is not there")
    workspace.insert(endpoint, structs.replace(node, content=workspace.add_content(parts)))
    size = None if item.kind == "directory" else item.size
    workspace.changes.append(Change("add", item.kind, endpoint, actor, None, size, hash))
    return True


def _alike(existing: FileRow, item: Imported) -> bool:
    """Whether what exists is what the item would be. Reads the item where its hash is not known."""
    directory = isinstance(existing, NodeRow) and existing.directory
    if directory != (item.kind == "directory") or existing.damaged:
        return False
    if item.mtime_us not in (None, existing.mtime_us):
        return False
    if item.mode is not None and not same_mode(item.kind, item.mode, existing.mode):
        return False
    if directory:
        return True
    if existing.size != item.size:
        return False
    return (item.hash or _hash_of(item)) == existing.hash


def _hash_of(item: Imported) -> str:
    reading = _ContentReading(item)
    for _ in reading.pieces():
        continue
    return reading.verified_hash()


class _Unreadable(Exception):
    """The other store does not give a content."""

    def __init__(self, error: Refusal) -> None:
        super().__init__(error)
        self.error = error


class _ContentReading:
    """Reads the content of an item."""

    def __init__(self, item: Imported) -> None:
        self._item = item
        self._hasher = Hasher()
        self._size = 0

    def pieces(self) -> Iterator[bytes]:
        """The content; raises `_Unreadable`."""
        try:
            yield from self._pieces()
        except Refusal as error:
            raise _Unreadable(error) from error

    def _pieces(self) -> Iterator[bytes]:
        assert self._item.open is not None
        file = self._item.open()
        try:
            while piece := self._read(file):
                self._hasher.update(piece)
                self._size += len(piece)
                yield piece
            file.close_verified(self._hasher.hash())
        finally:
            file.close()

    def _read(self, file: IOpenFile) -> bytes:
        return file.read(self._size, min(SLICE, file.entry.size - self._size))

    def verified_hash(self) -> str:
        """The hash of what was read; raises `ContentMismatch` (45) where that is not what the item is."""
        found = self._hasher.hash()
        if self._size != self._item.size or self._item.hash not in (None, found):
            raise ContentMismatch(f"{wording.display_path(self._item.endpoint)} has another content than was stored")
        return found


def _occupied(item: Imported) -> Changed:
    return Changed(f"something else is at {wording.display_path(item.endpoint)} already: nothing was replaced")
