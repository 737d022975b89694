"""The parts of a dump: objects with the rows of tables, and a manifest, which is written last.

Without a manifest there is no dump, so one that was interrupted is never taken for whole. Names begin with the time at
which a dump was begun: they sort by it. What is in the bucket may have been written by anybody: it is checked here.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta, timezone
from typing import Mapping, Sequence

import msgspec

from homeftp.cluster.migrations import SchemaPart
from homeftp.cluster.objects import Bucket, ObjectMissing
from homeftp.config import MIB
from homeftp.errors import OperatorError

FORMAT = 1
"""That of what is written; another one is not read."""

_WHOLE, _PARTS = "dumps/whole/", "dumps/parts/"
"""Where the manifests are, and the objects that they name."""

_TIME = "%Y-%m-%dT%H%M%S.%fZ"
_WHOLE_SECONDS = "%Y-%m-%dT%H%M%SZ"
"""The time in the names of dumps by an earlier version."""

_RANDOM_BYTES = 4
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}(\.\d{6})?Z-[0-9a-f]{8}")

_EPOCH = datetime.fromtimestamp(0, timezone.utc)

_MAX_MANIFEST = 64 * MIB
"""Bytes of a manifest that is read: that of a dump of five terabytes."""


class DumpPart(msgspec.Struct, frozen=True):
    """One object of a dump in the bucket."""

    size: int
    sha256: str

    def is_of(self, content: bytes) -> bool:
        """Whether these are its bytes."""
        return self == part_of(content)


def part_of(content: bytes) -> DumpPart:
    """The entry of an object in a manifest."""
    return DumpPart(len(content), hashlib.sha256(content).hexdigest())


class DumpedTable(msgspec.Struct, frozen=True):
    """The rows of one table."""

    name: str
    columns: tuple[str, ...]
    rows: int
    parts: tuple[DumpPart, ...]


class DumpManifest(msgspec.Struct, frozen=True, kw_only=True):
    """The list of the objects of one complete dump."""

    format: int = FORMAT
    name: str
    begun_us: int
    """When its snapshot was taken, by the database's clock: microseconds since 1970."""
    version: str
    """The version of homeftp."""
    schema: Mapping[str, int]
    """The steps of the schema that were made, of each part."""
    identity: str
    """The fingerprint of the CA whose key decrypts the sealed tables."""
    salt: str
    """The salt of that key, in hexadecimal digits."""
    sequences: Mapping[str, int]
    """The last number of each sequence."""
    tables: tuple[DumpedTable, ...]

    @property
    def size(self) -> int:
        """The number of bytes of all objects of the dump."""
        return sum(part.size for table in self.tables for part in table.parts)


def new_name(at_us: int) -> str:
    """The name of a dump that begins at a time."""
    return f"{name_at(at_us)}-{secrets.token_hex(_RANDOM_BYTES)}"


def name_at(at_us: int) -> str:
    """The beginning of the name of a dump of that time: the names of later ones sort after it."""
    return (_EPOCH + timedelta(microseconds=at_us)).strftime(_TIME)


def part_name(dump: str, table: str, number: int) -> str:
    """The name of an object of a dump."""
    return f"{_PARTS}{dump}/{table}/{number:06}"


def list_dumps(bucket: Bucket) -> list[str]:
    """The names of all whole dumps, the oldest first. Raises `Busy` (51)."""
    found = (name.removeprefix(_WHOLE) for page in bucket.list(_WHOLE) for name, _ in page)
    return sorted(name for name in found if _NAME.fullmatch(name))


def newest_at(bucket: Bucket) -> float:
    """When the newest whole dump was begun, in seconds since 1970; 0 where there is none. Raises `Busy` (51)."""
    names = list_dumps(bucket)
    if not names:
        return 0.0
    begun = names[-1][: -2 * _RANDOM_BYTES - 1]
    time = _TIME if "." in begun else _WHOLE_SECONDS
    return datetime.strptime(begun, time).replace(tzinfo=timezone.utc).timestamp()


def list_parts(bucket: Bucket) -> dict[str, list[str]]:
    """The names of the objects of all dumps, also of those that are not whole, by the dump's. Raises `Busy` (51)."""
    found: dict[str, list[str]] = {}
    for page in bucket.list(_PARTS):
        for name, _ in page:
            dump = name.removeprefix(_PARTS).partition("/")[0]
            if _NAME.fullmatch(dump):
                found.setdefault(dump, []).append(name)
    return found


def lacking(manifest: DumpManifest, parts: Sequence[SchemaPart]) -> list[str]:
    """The tables of the dumped database whose rows a dump lacks.

    A homeftp of an older version wrote it, which did not know these tables.
    """
    there = {table.name for table in manifest.tables}
    made = manifest.schema
    return [
        each.name
        for part in parts
        for each in part.kept
        if each.since <= made.get(part.name, 0) and each.name not in there
    ]


def is_complete(manifest: DumpManifest, parts: Sequence[SchemaPart]) -> bool:
    """Whether a dump has all that this version keeps: it was written by this version, or by a newer one."""
    return not lacking(manifest, parts) and all(manifest.schema.get(each.name, 0) >= len(each.steps) for each in parts)


def write_manifest(bucket: Bucket, manifest: DumpManifest) -> None:
    """From now on the dump is whole. Raises `Busy` (51)."""
    bucket.put(_WHOLE + manifest.name, msgspec.json.encode(manifest))


def remove_dump(bucket: Bucket, name: str, parts: Sequence[str]) -> None:
    """Remove a dump: it stops being whole first. Raises `Busy` (51)."""
    bucket.delete([_WHOLE + name])
    bucket.delete(parts)


def read_manifest(bucket: Bucket, name: str | None = None) -> DumpManifest:
    """The manifest of that dump, or of the newest. Raises `OperatorError` where there is none, and `Busy` (51)."""
    sizes = {found.removeprefix(_WHOLE): size for page in bucket.list(_WHOLE) for found, size in page}
    names = sorted(found for found in sizes if _NAME.fullmatch(found))
    if not names:
        raise OperatorError("the bucket has no dump of a cluster. Is its URL the one that the servers were given?")
    name = name or names[-1]
    if name not in names:
        raise OperatorError(f"the bucket has no such dump. It has: {', '.join(names)}")
    if sizes[name] > _MAX_MANIFEST:
        raise unusable(name, "its manifest is too large")
    try:
        manifest = msgspec.json.decode(bucket.get(_WHOLE + name, 0, sizes[name]), type=DumpManifest)
    except (msgspec.DecodeError, ObjectMissing) as error:
        raise unusable(name, "its manifest is not one") from error
    if manifest.format != FORMAT:
        raise OperatorError(f"the dump {name} was made by a newer homeftp ({manifest.version}): upgrade homeftp")
    if manifest.name != name:
        raise unusable(name, "its manifest is that of another one")
    return manifest


def unusable(name: str, why: str) -> OperatorError:
    """The refusal to use a dump."""
    return OperatorError(f"the dump {name} cannot be used: {why}. Name another one with --dump; nothing was changed")
