"""The table `upload`: what arrived of contents that are not complete, so that any server can go on with them."""

from __future__ import annotations

from typing import Any, Sequence

import attrs

from homeftp.cluster.database import IQueries, Transaction
from homeftp.hashing.filehash import binary, from_binary
from homeftp.model import WriteRequest
from homeftp.store.cluster.base.rows import Names, path_names, path_text

_COLUMNS = "u.id, u.path, u.owner, u.hash, u.size, u.mtime_us, u.content, u.arrived, u.prefix_hash, u.at_us"


@attrs.frozen
class UploadRow:
    """The arrived part of one content."""

    id: int
    names: Names
    owner: str | None
    """The account that began it, by `Actor.owner`: no other account learns of it."""
    hash: str | None
    """The hash of the whole, where it was declared."""
    size: int | None
    mtime_us: int | None
    content: int
    """The number by which `part` has what arrived."""
    arrived: int
    prefix_hash: str
    """The hash of what arrived."""
    at_us: int

    def fits(self, hash: str | None, size: int | None, mtime_us: int | None) -> bool:
        """Whether it may be the beginning of that content: by the hash where both are known, else by size and time."""
        if hash is not None and self.hash is not None:
            return hash == self.hash
        return None not in (size, mtime_us) and (size, mtime_us) == (self.size, self.mtime_us)


def of_path(queries: IQueries, share: int, names: Names, owner: str | None) -> list[UploadRow]:
    """The uploads of an owner to one path."""
    query = f"SELECT {_COLUMNS} FROM upload u WHERE u.share = %s AND u.path = %s AND u.owner IS NOT DISTINCT FROM %s"
    return [_upload_of(row) for row in queries.rows(query, (share, path_text(names), owner))]


def furthest(
    queries: IQueries,
    share: int,
    names: Names,
    owner: str | None,
    hash: str | None,
    size: int | None,
    mtime_us: int | None,
) -> UploadRow | None:
    """The upload of an owner to a path of which most has arrived, of those that may be the beginning of a content."""
    fitting = [each for each in of_path(queries, share, names, owner) if each.fits(hash, size, mtime_us)]
    return max(fitting, key=lambda each: each.arrived, default=None)


def of_paths(transaction: Transaction, share: int, paths: Sequence[Names]) -> list[UploadRow]:
    """The uploads to several paths, of all owners, locked."""
    query = f"SELECT {_COLUMNS} FROM upload u WHERE u.share = %s AND u.path = ANY(%s) ORDER BY u.id FOR UPDATE"
    return [_upload_of(row) for row in transaction.rows(query, (share, [path_text(each) for each in paths]))]


def of_owner(transaction: Transaction, share: int, owner: str | None) -> list[UploadRow]:
    """The uploads of an owner, the oldest first, locked; those that are being changed are left out."""
    query = f"SELECT {_COLUMNS} FROM upload u WHERE u.share = %s AND u.owner IS NOT DISTINCT FROM %s"
    return [
        _upload_of(row) for row in transaction.rows(f"{query} ORDER BY u.at_us FOR UPDATE SKIP LOCKED", (share, owner))
    ]


def older(transaction: Transaction, share: int, before_us: int, count: int) -> list[UploadRow]:
    """Some uploads of which nothing more has arrived since a time, locked."""
    query = f"SELECT {_COLUMNS} FROM upload u WHERE u.share = %s AND u.at_us < %s ORDER BY u.at_us LIMIT {int(count)}"
    return [_upload_of(row) for row in transaction.rows(f"{query} FOR UPDATE SKIP LOCKED", (share, before_us))]


def insert(transaction: Transaction, share: int, upload: UploadRow) -> None:
    """Add what has arrived of a content."""
    transaction.execute(
        "INSERT INTO upload (id, share, path, owner, hash, size, mtime_us, content, arrived, prefix_hash, at_us)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now_us())",
        (
            *(upload.id, share, path_text(upload.names), upload.owner, _binary(upload.hash), upload.size),
            *(upload.mtime_us, upload.content, upload.arrived, binary(upload.prefix_hash)),
        ),
    )


def advance(transaction: Transaction, id: int, arrived: int, prefix_hash: str) -> int | None:
    """More has arrived; how much had arrived before, and None where the upload is not there any more."""
    query = """
        WITH before AS (SELECT arrived FROM upload WHERE id = %s FOR UPDATE)
        UPDATE upload u SET arrived = %s, prefix_hash = %s, at_us = now_us() FROM before WHERE u.id = %s
        RETURNING before.arrived
    """
    row = transaction.row(query, (id, arrived, binary(prefix_hash), id))
    return None if row is None else int(row[0])


def delete(transaction: Transaction, ids: Sequence[int]) -> dict[int, int]:
    """Forget uploads, but not their contents; how much had arrived of those that were there, by their numbers."""
    query = "DELETE FROM upload WHERE id = ANY(%s) RETURNING id, arrived"
    return dict(transaction.rows(query, (list(ids),))) if ids else {}


def request_fits(upload: UploadRow, request: WriteRequest) -> bool:
    """Whether an upload may be the beginning of what a request declares, from the same account to the same path."""
    same = (upload.names, upload.owner) == (request.endpoint.parts, request.actor.owner)
    return same and upload.fits(request.hash, request.size, request.mtime_us)


def _binary(hash: str | None) -> bytes | None:
    return None if hash is None else binary(hash)


def _upload_of(row: Sequence[Any]) -> UploadRow:
    id, path, owner, hash, size, mtime_us, content, arrived, prefix_hash, at_us = row
    return UploadRow(
        id,
        path_names(path),
        owner,
        None if hash is None else from_binary(bytes(hash)),
        size,
        mtime_us,
        content,
        arrived,
        from_binary(bytes(prefix_hash)),
        at_us,
    )
