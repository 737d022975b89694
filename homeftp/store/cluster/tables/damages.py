"""Marks of damage, in the tables `node` and `version`, and other copies of a content."""

from __future__ import annotations

from typing import Sequence

import attrs

from homeftp.cluster.database import Database, IQueries
from homeftp.model import Damage
from homeftp.store.cluster.base.rows import (
    NODE_COLUMNS,
    Names,
    NodeRow,
    ShareId,
    VersionRow,
    digest_of,
    hash_of,
    node_of,
    path_names,
)

_PATH = """
WITH RECURSIVE up AS (
    SELECT id, parent, ARRAY[name] AS names FROM node WHERE id = %s
    UNION ALL
    SELECT n.id, n.parent, n.name || u.names FROM up u JOIN node n ON n.id = u.parent WHERE n.id <> %s
)
SELECT names FROM up WHERE parent = %s
"""


def path_of(queries: IQueries, share: ShareId, id: int) -> Names | None:
    """The path of a node; None where it has none in this share, or none any more."""
    row = queries.row(_PATH, (id, share.root, share.root))
    return None if row is None else tuple(row[0])


def marked(queries: IQueries, share: ShareId) -> Sequence[Damage]:
    """All files and versions of a share that are marked as damaged."""
    found = []
    for row in queries.rows(f"SELECT {NODE_COLUMNS} FROM node n WHERE n.found IS NOT NULL ORDER BY n.id"):
        node = node_of(row)
        names = path_of(queries, share, node.id)
        if names is not None:
            found.append(damage_of(names, node))
    rows = queries.rows(
        "SELECT path, at_us, hash, found FROM version WHERE share = %s AND found IS NOT NULL ORDER BY path, at_us",
        (share.id,),
    )
    for path, at_us, hash, what in rows:
        kind = "content" if what else "unreadable"
        found.append(Damage("/".join(path_names(path)), kind, hash_of(hash), at_us))  # type: ignore[arg-type]
    return found


def damage_of(names: Names, file: NodeRow | VersionRow) -> Damage:
    """The damage of a file or a version, by its names."""
    at_us = file.at_us if isinstance(file, VersionRow) else None
    return Damage("/".join(names), "content" if file.found else "unreadable", file.hash, at_us)


@attrs.frozen
class Copy:
    """A content with a certain hash."""

    content: int
    node: int | None
    """The file that has it."""
    names: Names | None
    """Or the path of the version that has it."""


def copies(queries: IQueries, share: int, hash: str) -> list[Copy]:
    """The contents of files and versions with a hash, that are not marked as damaged."""
    digest = digest_of(hash)
    nodes = queries.rows(
        "SELECT content, id FROM node WHERE hash = %s AND found IS NULL AND content IS NOT NULL", (digest,)
    )
    kept = queries.rows(
        "SELECT content, path FROM version WHERE share = %s AND hash = %s AND found IS NULL AND content IS NOT NULL",
        (share, digest),
    )
    return [
        *(Copy(content, id, None) for content, id in nodes),
        *(Copy(content, None, path_names(path)) for content, path in kept),
    ]


def checked(database: Database, share: int, file: NodeRow | VersionRow) -> None:
    """A content was read, and is what it was; a mark goes."""
    _set(database, share, file, "checked_us = now_us(), found = NULL", ())


def mark(queries: IQueries, share: int, file: NodeRow | VersionRow, found: str) -> bool:
    """Mark a content as damaged; whether it is still there."""
    return _set(queries, share, file, "checked_us = now_us(), found = %s", (digest_of(found),))


def is_there(queries: IQueries, share: int, file: NodeRow | VersionRow) -> bool:
    """Whether a file or a version still is where it was, with the same content."""
    same = "content IS NOT DISTINCT FROM %s"
    if isinstance(file, VersionRow):
        query = f"SELECT 1 FROM version WHERE share = %s AND path = %s AND at_us = %s AND {same}"
        return queries.row(query, (share, file.path, file.at_us, file.content)) is not None
    return queries.row(f"SELECT 1 FROM node WHERE id = %s AND {same}", (file.id, file.content)) is not None


def mend(queries: IQueries, share: int, version: VersionRow, content: int | None) -> bool:
    """Give a version another content, which has its hash; whether it is still there."""
    return _set(queries, share, version, "content = %s, found = NULL", (content,))


def _set(queries: IQueries, share: int, file: NodeRow | VersionRow, what: str, given: tuple[object, ...]) -> bool:
    same = "content IS NOT DISTINCT FROM %s RETURNING 1"
    if isinstance(file, VersionRow):
        query = f"UPDATE version SET {what} WHERE share = %s AND path = %s AND at_us = %s AND {same}"
        return queries.row(query, (*given, share, file.path, file.at_us, file.content)) is not None
    return queries.row(f"UPDATE node SET {what} WHERE id = %s AND {same}", (*given, file.id, file.content)) is not None
