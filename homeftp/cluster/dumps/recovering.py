"""Makes a database anew from a dump: in one transaction, so that it is the whole dump or nothing.

The tables are made as the version of the dump made them, get their rows, and are upgraded after that, as those of a
running cluster are.
"""

from __future__ import annotations

import zlib
from typing import Callable, Iterator, Sequence

import attrs
import psycopg

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.dumps import manifest as manifests
from homeftp.cluster.dumps import tables
from homeftp.cluster.dumps.manifest import DumpedTable, DumpManifest
from homeftp.cluster.dumps.writing import PURPOSE
from homeftp.cluster.migrations import OWN_TABLES, KeptTable, SchemaPart, make_steps
from homeftp.cluster.objects import Bucket, ObjectMissing
from homeftp.config import MIB
from homeftp.crypto.ca import HomeCA
from homeftp.crypto.sealing import Sealer
from homeftp.errors import OperatorError

_BLOCK = MIB
"""Bytes of rows that are in memory at once, besides the part from which they come."""


def recover(
    database: Database,
    bucket: Bucket,
    manifest: DumpManifest,
    parts: Sequence[SchemaPart],
    home: HomeCA | None,
    also: Callable[[Transaction], None],
) -> dict[str, int]:
    """Make the tables of a dump in a database that has none of them; the rows of each.

    `home` is the CA of the cluster: without it the sealed tables stay empty. `also` is called at the end of the
    transaction. Blocks; raises `OperatorError`, and `Busy` (51): nothing was changed then.
    """
    sealer = _sealer(manifest, home)
    known = {table.name: table for part in parts for table in part.kept}
    names = [*OWN_TABLES, *known, *(name for part in parts for name in part.left)]

    def work(transaction: Transaction) -> dict[str, int]:
        tables.begin_recovery(transaction)
        if tables.existing(transaction, names):
            raise OperatorError(
                "the database has tables of homeftp already, and they are left as they are: name an empty database. "
                "`recover` makes the tables itself"
            )
        make_steps(transaction, as_dumped(manifest, parts))
        rows = {}
        for table in manifest.tables:
            kept = known.get(table.name)
            if kept is None:
                raise _unusable(manifest, f"it has a table that homeftp does not dump ({table.name!a})")
            if kept.sealed and sealer is None:
                continue
            rows[table.name] = _load(transaction, bucket, manifest, table, kept, sealer)
        sequences = {name for part in parts for name in part.sequences}
        numbers = {name: last for name, last in manifest.sequences.items() if name in sequences}
        tables.continue_sequences(transaction, numbers)
        make_steps(transaction, parts)
        also(transaction)
        return rows

    return database.transact(work, maintenance=True)


def _sealer(manifest: DumpManifest, home: HomeCA | None) -> Sealer | None:
    if home is None:
        return None
    if home.fingerprint != manifest.identity:
        raise OperatorError(
            f"the state folder has another identity than the cluster of this dump ({manifest.identity}). Name that of "
            "one of its servers, or a restored backup of it"
        )
    try:
        return Sealer(home, PURPOSE, bytes.fromhex(manifest.salt))
    except ValueError as error:
        raise _unusable(manifest, "its salt is not one") from error


def as_dumped(manifest: DumpManifest, parts: Sequence[SchemaPart]) -> list[SchemaPart]:
    """The parts of the schema as far as they were made when the dump was. Raises `OperatorError` for a later one."""
    known = {part.name: len(part.steps) for part in parts}
    if any(not 0 <= made <= known.get(name, 0) for name, made in manifest.schema.items()):
        raise OperatorError(
            f"the dump {manifest.name} was made by a newer homeftp ({manifest.version}): upgrade homeftp"
        )
    return [attrs.evolve(part, steps=part.steps[: manifest.schema.get(part.name, 0)]) for part in parts]


def _load(
    transaction: Transaction,
    bucket: Bucket,
    manifest: DumpManifest,
    table: DumpedTable,
    kept: KeptTable,
    sealer: Sealer | None,
) -> int:
    pieces = _pieces(bucket, manifest, table, sealer if kept.sealed else None)
    try:
        rows = tables.copy_in(transaction, table.name, table.columns, _rows(manifest, table, pieces))
    except (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError) as error:
        raise _unusable(manifest, f"the rows of its table {table.name} do not fit") from error
    if rows != table.rows:
        raise _unusable(manifest, f"its table {table.name} has {rows:,} rows instead of {table.rows:,}")
    return rows


def _pieces(bucket: Bucket, manifest: DumpManifest, table: DumpedTable, sealer: Sealer | None) -> Iterator[bytes]:
    """The objects of a table, each checked before it is used."""
    for number, part in enumerate(table.parts):
        name = manifests.part_name(manifest.name, table.name, number)
        try:
            content = bucket.get(name, 0, part.size)
        except ObjectMissing as error:
            raise _unusable(manifest, f"the bucket has not kept {name}") from error
        if not part.is_of(content):
            raise _unusable(manifest, f"the bucket has another {name} than was written")
        opened = content if sealer is None else sealer.decrypt(content, name)
        if opened is None:
            raise _unusable(manifest, f"{name} was not encrypted by this cluster")
        yield opened


def _rows(manifest: DumpManifest, table: DumpedTable, pieces: Iterator[bytes]) -> Iterator[bytes]:
    expander = zlib.decompressobj()
    try:
        for piece in pieces:
            left = piece
            while left:
                yield expander.decompress(left, _BLOCK)
                left = expander.unconsumed_tail
        yield expander.flush()
    except zlib.error as error:
        raise _unusable(manifest, f"its table {table.name} cannot be read") from error
    if not expander.eof:
        raise _unusable(manifest, f"its table {table.name} is not whole")


def _unusable(manifest: DumpManifest, why: str) -> OperatorError:
    return manifests.unusable(manifest.name, why)
