"""The table `node`: the tree of a share, found by names, locked and changed."""

from __future__ import annotations

from typing import Iterable, Sequence

from homeftp.cluster.database import IQueries, Transaction, TransactionConflict
from homeftp.endpoint import folded
from homeftp.store.cluster.base.rows import (
    NODE_COLUMNS,
    NODES,
    SEPARATOR,
    N,
    Names,
    NodeRow,
    RowShape,
    digest_of,
    node_of,
    path_text,
)

_WALK = f"""
WITH RECURSIVE asked AS (
    SELECT no, string_to_array(path, '{SEPARATOR}') AS names
    FROM unnest(%b::text[]) WITH ORDINALITY AS a (path, no)
), walk AS (
    SELECT a.names, a.no, 0 AS depth, {NODE_COLUMNS}
    FROM asked a JOIN node n ON n.id = %s
    UNION ALL
    SELECT w.names, w.no, w.depth + 1, {NODE_COLUMNS}
    FROM walk w JOIN node n ON n.parent = w.id AND n.name = w.names[w.depth + 1]
)
SELECT no, depth, {NODE_COLUMNS} FROM walk n
"""

_NAMED = f"""
SELECT {NODE_COLUMNS} FROM unnest(%b::bigint[], %b::text[]) AS a (parent, name)
JOIN node n ON n.parent = a.parent AND n.name = a.name
"""

_CHILDREN = "SELECT {} FROM node n WHERE n.parent = %s AND n.name > %s ORDER BY n.name LIMIT %s"

_CHILDREN_OF_MANY = """
SELECT {} FROM unnest(%b::bigint[]) AS a (parent)
CROSS JOIN LATERAL (SELECT * FROM node WHERE node.parent = a.parent ORDER BY node.name LIMIT %s) n
ORDER BY n.parent, n.name
"""

_TOGETHER = 8
"""Paths from which on those in one directory are looked up together."""

_LOCK = f"""
SELECT {NODE_COLUMNS}, n.folded FROM node n
JOIN (SELECT DISTINCT * FROM unnest(%b::bigint[], %b::text[]) AS b (parent, folded)) a
    ON n.parent = a.parent AND n.folded = a.folded
ORDER BY n.parent, n.folded, n.alike
FOR UPDATE OF n
"""

_INSERT = """
INSERT INTO node (id, parent, name, folded, alike, directory, mtime_us, mode, size, hash, content, tag, made_us,
    found, checked_us)
SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::text[], %b::text[], %b::integer[], %b::boolean[], %b::bigint[],
    %b::integer[], %b::bigint[], %b::bytea[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bytea[], %b::bigint[])
ON CONFLICT DO NOTHING
"""

_UPDATE = """
UPDATE node n SET parent = a.parent, name = a.name, folded = a.folded, alike = a.alike, mtime_us = a.mtime_us,
    mode = a.mode, size = a.size, hash = a.hash, content = a.content, tag = a.tag, made_us = a.made_us,
    found = a.found, checked_us = a.checked_us
FROM unnest(%b::bigint[], %b::bigint[], %b::text[], %b::text[], %b::integer[], %b::boolean[], %b::bigint[],
    %b::integer[], %b::bigint[], %b::bytea[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bytea[], %b::bigint[])
    AS a (id, parent, name, folded, alike, directory, mtime_us, mode, size, hash, content, tag, made_us, found,
    checked_us)
WHERE n.id = a.id
"""

_BENEATH = """
WITH RECURSIVE walk AS (
    SELECT id, 0 AS bytes, 0 AS depth FROM node WHERE id = %s
    UNION ALL
    SELECT n.id, w.bytes + 1 + octet_length(n.name), w.depth + 1 FROM walk w JOIN node n ON n.parent = w.id
)
"""


def walk(queries: IQueries, root: int, paths: Sequence[Names]) -> dict[Names, NodeRow]:
    """The rows at these paths, and on the way to each, by their names."""
    return (_walk_together if len(paths) >= _TOGETHER else _walk_each)(queries, root, paths)


def _walk_each(queries: IQueries, root: int, paths: Sequence[Names]) -> dict[Names, NodeRow]:
    found = {}
    for no, depth, *row in queries.rows(_WALK, ([path_text(each) for each in paths], root)) if paths else ():
        found[paths[no - 1][:depth]] = node_of(row)
    return found


def _walk_together(queries: IQueries, root: int, paths: Sequence[Names]) -> dict[Names, NodeRow]:
    """The rows at many paths: first those on the way, and then those in each directory, at once."""
    found = _walk_each(queries, root, sorted({each[:-1] for each in paths}))
    wanted = {(found[each[:-1]].id, each[-1]): each for each in paths if each and each[:-1] in found}
    rows = queries.rows(_NAMED, ([parent for parent, _ in wanted], [name for _, name in wanted])) if wanted else []
    for node in map(node_of, rows):
        found[wanted[node.parent, node.name]] = node
    return found


def find(queries: IQueries, root: int, names: Names) -> NodeRow | None:
    """The row at a path."""
    return walk(queries, root, [names]).get(names)


def lock(transaction: Transaction, wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], list[NodeRow]]:
    """Lock what has these names, by parent and `folded` name: those that are similar to each other together.

    All lock in one order, so that no two transactions wait for each other.
    """
    keys = sorted(set(wanted))
    found: dict[tuple[int, str], list[NodeRow]] = {key: [] for key in keys}
    if keys:
        for *row, fold in transaction.rows(_LOCK, ([parent for parent, _ in keys], [fold for _, fold in keys])):
            node = node_of(row)
            found[node.parent, fold].append(node)
    return found


def insert(transaction: Transaction, nodes: Sequence[NodeRow]) -> None:
    """Add nodes. Raises `TransactionConflict` where somebody else has taken one of the names meanwhile."""
    if nodes and transaction.execute(_INSERT, _arrays(nodes)) != len(nodes):
        raise TransactionConflict


def update(transaction: Transaction, nodes: Sequence[NodeRow]) -> None:
    """Change nodes, which are locked."""
    if nodes:
        transaction.execute(_UPDATE, _arrays(nodes))


def delete(transaction: Transaction, ids: Sequence[int]) -> None:
    """Remove nodes, which are locked."""
    if ids:
        transaction.execute("DELETE FROM node WHERE id = ANY(%s)", (list(ids),))


def children(queries: IQueries, id: int, count: int, after: str = "") -> list[NodeRow]:
    """Some of what is in a directory, in the order of the names' bytes: what comes after a name."""
    return shaped_children(queries, NODES, id, count, after)


def shaped_children(queries: IQueries, shape: RowShape[N], id: int, count: int, after: str = "") -> list[N]:
    """`children`, with as much of each row as a caller needs."""
    return list(map(shape.make, queries.rows(_CHILDREN.format(shape.columns), (id, after, count))))


def children_of_many(queries: IQueries, shape: RowShape[N], ids: Sequence[int], count: int) -> dict[int, list[N]]:
    """The first of what is in each of several directories, by the directory's id."""
    found: dict[int, list[N]] = {id: [] for id in ids}
    for node in map(shape.make, queries.rows(_CHILDREN_OF_MANY.format(shape.columns), (list(ids), count))):
        found[node.parent].append(node)
    return found


def has_children(queries: IQueries, id: int) -> bool:
    """Whether anything is in a directory."""
    return bool(queries.row("SELECT EXISTS (SELECT 1 FROM node WHERE parent = %s)", (id,))[0])


def reach(queries: IQueries, id: int) -> tuple[int, int]:
    """The bytes of the longest path beneath a directory, with the / before it, and the parts of the deepest one."""
    longest, deepest = queries.row(f"{_BENEATH} SELECT max(bytes), max(depth) FROM walk", (id,))
    return longest or 0, deepest or 0


def _arrays(nodes: Sequence[NodeRow]) -> list[list[object]]:
    ordered = sorted(nodes, key=lambda node: (node.parent, folded(node.name), node.alike))
    rows = [
        (
            *(node.id, node.parent, node.name, folded(node.name), node.alike, node.directory, node.mtime_us, node.mode),
            *(node.size, digest_of(node.hash), node.content, node.tag, node.made_us),
            *(digest_of(node.found), node.checked_us),
        )
        for node in ordered
    ]
    return [list(column) for column in zip(*rows, strict=True)]
