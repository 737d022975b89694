"""Writes a dump: the rows of all tables, as one snapshot of the database has them, in bounded memory.

The database decides who writes: one at a time. What is committed meanwhile is not in the dump. Whatever the dump names
is in the bucket, and stays there a grace period, because an object is written before it is named, and is removed a
grace period after the last name of it went.
"""

from __future__ import annotations

import zlib
from typing import Iterable, Iterator, Sequence

import homeftp
from homeftp.cluster.database import Database
from homeftp.cluster.dumps import manifest as manifests
from homeftp.cluster.dumps import tables
from homeftp.cluster.dumps.manifest import DumpedTable, DumpManifest, DumpPart
from homeftp.cluster.migrations import KeptTable, SchemaPart, expect_current, expect_known
from homeftp.cluster.objects import Bucket
from homeftp.config import DAY, HOUR, MIB
from homeftp.crypto.sealing import Sealer, new_salt
from homeftp.errors import OperatorError

PURPOSE = "homeftp dump of a cluster"
"""The purpose of the key that encrypts the sealed tables."""

PART_BYTES = 8 * MIB
"""Bytes of one object."""

KEPT = 7
"""Dumps that stay. With one a day none is older than the grace period of objects: what it names is there."""

_EVERY_SECONDS = DAY - HOUR / 2
"""After so long the next one is due: servers look once in an hour."""

_ABANDONED_SECONDS = DAY
"""Age at which objects of a dump that is not whole are removed: no server is writing it any more."""

_LEVEL = 6
"""zlib's own choice."""

_SECOND_US = 1_000_000


def dump_if_due(database: Database, bucket: Bucket, parts: Sequence[SchemaPart], keep: int = KEPT) -> bool:
    """Write the dump of the day, unless somebody did or does; whether it was written here.

    Only the `keep` newest dumps stay then. Blocks; raises `OperatorError`, also where the database is newer than this
    version, and `Busy` (51).
    """
    with tables.dumping(database) as connection:
        if connection is None or not _is_due(bucket, tables.now_us(connection), parts):
            return False
        made = _write(connection, bucket, parts)
        _remove_old(bucket, keep, tables.now_us(connection), made.name)
        return True


def write_dump(
    database: Database, bucket: Bucket, parts: Sequence[SchemaPart], keep: int | None = None
) -> tuple[DumpManifest, list[str]]:
    """Write a dump now; with `keep` only so many stay. Its manifest, and the names of the dumps that were removed.

    Blocks; raises `OperatorError` where another one is being written, and where the database is older or newer than
    this version, and `Busy` (51).
    """
    expect_current(database, parts)
    with tables.dumping(database) as connection:
        if connection is None:
            raise OperatorError(
                "another dump is being written, or the tables are being upgraded: wait until that is complete"
            )
        made = _write(connection, bucket, parts)
        removed = [] if keep is None else _remove_old(bucket, keep, tables.now_us(connection), made.name)
        return made, removed


def _is_due(bucket: Bucket, now_us: int, parts: Sequence[SchemaPart]) -> bool:
    """Whether a dump is due: none that has all that this version keeps was begun within a day.

    A dump with a time in the future does not count.
    """
    begun = manifests.name_at(now_us - int(_EVERY_SECONDS * _SECOND_US))
    end = manifests.name_at(now_us + _SECOND_US)
    recent = [name for name in manifests.list_dumps(bucket) if begun <= name <= end]
    return not any(_is_complete(bucket, name, parts) for name in reversed(recent))


def _is_complete(bucket: Bucket, name: str, parts: Sequence[SchemaPart]) -> bool:
    try:
        return manifests.is_complete(manifests.read_manifest(bucket, name), parts)
    except OperatorError:  # it is none that this version can use
        return False


def _write(connection: tables.Connection, bucket: Bucket, parts: Sequence[SchemaPart]) -> DumpManifest:
    with tables.snapshot(connection):
        expect_known(tables.steps(connection), parts)
        home = tables.identity(connection)
        if home is None:
            raise OperatorError(
                "the cluster has no identity yet, with whose key its accounts would be encrypted: start a server first"
            )
        at_us, salt = tables.now_us(connection), new_salt()
        name, sealer = manifests.new_name(at_us), Sealer(home, PURPOSE, salt)
        writer = _TableWriter(connection, bucket, name, sealer)
        made = DumpManifest(
            name=name,
            begun_us=at_us,
            version=homeftp.__version__,
            schema={part.name: len(part.steps) for part in parts},
            identity=home.fingerprint,
            salt=salt.hex(),
            sequences={each: tables.last_number(connection, each) for part in parts for each in part.sequences},
            tables=tuple(writer.write(table) for part in parts for table in part.kept),
        )
    # the snapshot has ended without a fault, so the lock was held all the time: no other server was writing
    manifests.write_manifest(bucket, made)
    return made


def _remove_old(bucket: Bucket, keep: int, now_us: int, own: str) -> list[str]:
    """Remove all but the newest dumps and the one just written, and what is left of those that never became whole."""
    whole = manifests.list_dumps(bucket)
    others = [name for name in whole if name != own]
    removed = others[: max(0, len(others) - (keep - 1))]
    objects = manifests.list_parts(bucket)
    abandoned = manifests.name_at(now_us - int(_ABANDONED_SECONDS * _SECOND_US))
    for name in [*removed, *sorted(each for each in set(objects) - set(whole) if each < abandoned)]:
        manifests.remove_dump(bucket, name, objects.get(name, []))
    return removed


class _TableWriter:
    """Writes tables, compressed and in parts. One part is in memory."""

    def __init__(self, connection: tables.Connection, bucket: Bucket, name: str, sealer: Sealer) -> None:
        self._connection = connection
        self._bucket = bucket
        self._name = name
        self._sealer = sealer

    def write(self, table: KeptTable) -> DumpedTable:
        """Write one; what the manifest says of it."""
        columns = [name for name in tables.columns(self._connection, table.name) if name not in table.without]
        rows = tables.CopyOut(self._connection, table.name, columns)
        parts: list[DumpPart] = []
        for number, piece in enumerate(_compressed(rows)):
            object = manifests.part_name(self._name, table.name, number)
            content = self._sealer.encrypt(piece, object) if table.sealed else piece
            self._bucket.put(object, content)
            parts.append(manifests.part_of(content))
        return DumpedTable(table.name, tuple(columns), rows.rows, tuple(parts))


def _compressed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    compressor, piece = zlib.compressobj(_LEVEL), bytearray()
    for block in blocks:
        piece += compressor.compress(block)
        while len(piece) >= PART_BYTES:
            yield bytes(piece[:PART_BYTES])
            del piece[:PART_BYTES]
    piece += compressor.flush()
    while piece:
        yield bytes(piece[:PART_BYTES])
        del piece[:PART_BYTES]
