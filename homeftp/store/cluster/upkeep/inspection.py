"""An owner's look at all that a share has in the bucket, which changes nothing, not even a mark.

`read` reads every content and hashes it; `compare` only lists the bucket, and finds what is missing there. Both name
each file and version that is damaged. `IStore.verify` marks and mends, and is what servers do.
"""

from __future__ import annotations

from typing import Callable, Generator, Iterator, Sequence

import attrs
from msgspec import structs

from homeftp.cluster.objects import NAME_FOLDERS, ObjectMissing, is_object_name
from homeftp.config import MIB
from homeftp.endpoint import NO_FOLDERS
from homeftp.hashing.filehash import Hasher, hash_bytes
from homeftp.model import Damage, DamageKind, Verification
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import NODES, ContentPart, Names, NodeRow, VersionRow, path_names
from homeftp.store.cluster.reading.listing import TreeReader
from homeftp.store.cluster.reading.opened import StoredContent
from homeftp.store.cluster.tables import collected, contents, damages, removals, versions

_BATCH_FILES = 500
"""Files and versions that are looked at together."""

_BATCH_BYTES = 8 * MIB
"""Bytes of the small ones among them after which a batch ends: those are read together."""

_SMALL = MIB
"""Bytes up to which a content is read together with others; the rest of each larger one is read in such pieces."""

_OBJECTS = 1000
"""Objects that are looked up in one statement."""

MOST_MISSING = 1_000_000
"""Names of missing objects that are in memory before the files that need them are looked for."""


@attrs.frozen
class _Named:
    """A file or a version, by its name."""

    names: Names
    at_us: int | None
    row: NodeRow | VersionRow

    def damage(self, kind: DamageKind) -> Damage:
        return Damage("/".join(self.names), kind, self.row.hash, self.at_us)


class ClusterInspection:
    """Looks at one share. `pace` is told how many bytes were read, and may wait."""

    def __init__(self, context: ClusterContext, pace: Callable[[int], None]) -> None:
        self._context = context
        self._pace = pace
        self.unnamed = 0
        """Objects that no file, version or upload names, as far as `compare` has come."""
        self.unnamed_bytes = 0
        """Bytes of these."""

    @property
    def is_held(self) -> bool:
        """Whether these stay, because the database was recovered. Raises `Busy` (51)."""
        return collected.is_held(self._context.database)

    def read(self) -> Iterator[Verification]:
        """Read every content, step by step. Raises `Busy` (51) where an engine does not answer."""
        for batch in self._batches():
            parts = contents.parts_of(self._context.database, _contents(batch))
            whole = [each for each in batch if _is_whole(each, parts)]
            found = self._read_together([each for each in whole if each.row.size <= _SMALL], parts)
            for each in batch:
                hash = None
                if each.row.content is None:
                    hash = hash_bytes(b"")
                elif each.row.content in found:
                    hash = hash_bytes(found[each.row.content])
                elif each.row.size > _SMALL and _is_whole(each, parts):
                    hash = yield from self._hash(StoredContent(self._context.bucket, parts[each.row.content]))
                yield self._verified(each, None if hash == each.row.hash else "content" if hash else "unreadable")

    def compare(self) -> Iterator[Verification]:
        """List the bucket, and find the files and versions of which an object is missing there, or too short."""
        missing: set[str] = set()
        for folder in NAME_FOLDERS:
            missing.update(self._missing(folder))
            if len(missing) >= MOST_MISSING:
                yield from self._affected(missing)
                missing.clear()
        yield from self._affected(missing)

    # -- names ---------------------------------------------------------------------

    def _everything(self) -> Iterator[_Named]:
        """All files, those in directories that are being removed, and all versions: what moves on is met again."""
        database, share = self._context.database, self._context.share
        for names, node in TreeReader(database, NODES).tree(share.root, (), NO_FOLDERS):
            if not node.directory:
                yield _Named(names, None, node)
        for removal in removals.overlapping(database, share.id, ()):
            for names, node in TreeReader(database, NODES).tree(removal.node, removal.names, NO_FOLDERS):
                if not node.directory:
                    yield _Named(names, removal.at_us, node)
        for version in versions.beneath(database, share.id, ()):
            yield _Named(path_names(version.path), version.at_us, version)

    def _batches(self) -> Iterator[list[_Named]]:
        batch: list[_Named] = []
        size = 0
        for each in self._everything():
            batch.append(each)
            size += each.row.size if each.row.size <= _SMALL else 0
            if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
                yield batch
                batch, size = [], 0
        yield batch

    def _verified(self, each: _Named, kind: DamageKind | None) -> Verification:
        is_version = each.at_us is not None
        done = Verification(files=int(not is_version), versions=int(is_version), size=each.row.size)
        if kind is None or not damages.is_there(self._context.database, self._context.share.id, each.row):
            return done  # it is sound, or was changed meanwhile
        return structs.replace(done, size=0, damages=(each.damage(kind),))

    # -- reading -------------------------------------------------------------------

    def _read_together(self, small: Sequence[_Named], parts: dict[int, list[ContentPart]]) -> dict[int, bytes]:
        """The small contents, with one request for all that are in one object; what cannot be read is left out."""
        wanted = {each.row.content: parts[each.row.content] for each in small if each.row.content is not None}
        together: dict[str, list[int]] = {}
        found: dict[int, bytes] = {}
        for number, each in wanted.items():
            if len(each) == 1:
                together.setdefault(each[0].object, []).append(number)
            else:
                self._read_alone(number, each, found)
        for name, numbers in together.items():
            ranges = [(wanted[number][0].start, wanted[number][0].size) for number in numbers]
            try:
                found.update(zip(numbers, self._context.bucket.get_many(name, ranges), strict=True))
                self._pace(sum(size for _, size in ranges))
            except ObjectMissing:
                for number in numbers:
                    self._read_alone(number, wanted[number], found)
        return found

    def _read_alone(self, number: int, parts: Sequence[ContentPart], found: dict[int, bytes]) -> None:
        stored = StoredContent(self._context.bucket, parts)
        try:
            found[number] = stored.read(0, stored.size)
        except ObjectMissing:
            return
        self._pace(stored.size)

    def _hash(self, stored: StoredContent) -> Generator[Verification, None, str | None]:
        """The hash of a large content; None where it cannot be read. Each piece is a step."""
        hasher = Hasher()
        for offset in range(0, stored.size, _SMALL):
            try:
                piece = stored.read(offset, _SMALL)
            except ObjectMissing:
                return None
            hasher.update(piece)
            self._pace(len(piece))
            yield Verification()
        return hasher.hash()

    # -- comparing -----------------------------------------------------------------

    def _missing(self, folder: str) -> set[str]:
        """The objects in one folder of the bucket that are needed, and not there in their length."""
        listed, absent = self._listed(folder), dict[str, int]()
        for name, end in collected.needed(self._context.database, folder, _OBJECTS):
            if listed.pop(name, 0) < end:
                absent[name] = end
        self.unnamed += len(listed)
        self.unnamed_bytes += sum(listed.values())
        if not absent:
            return set()
        # servers go on storing: an object is in the bucket before it is needed, so those of meanwhile are there by now
        listed = self._listed(folder)
        return {name for name, end in absent.items() if listed.get(name, 0) < end}

    def _listed(self, folder: str) -> dict[str, int]:
        return {name: size for page in self._context.bucket.list(folder) for name, size in page if is_object_name(name)}

    def _affected(self, missing: set[str]) -> Iterator[Verification]:
        if not missing:
            return
        for batch in self._batches():
            parts = contents.parts_of(self._context.database, _contents(batch))
            for each in batch:
                objects = {part.object for part in parts.get(each.row.content or 0, ())}
                yield self._verified(each, None if missing.isdisjoint(objects) else "unreadable")


def _contents(batch: Sequence[_Named]) -> list[int]:
    return [each.row.content for each in batch if each.row.content is not None]


def _is_whole(each: _Named, parts: dict[int, list[ContentPart]]) -> bool:
    """Whether a content has parts of its whole length."""
    return sum(part.size for part in parts.get(each.row.content or 0, ())) == each.row.size
