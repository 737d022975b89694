"""The table `usage`: bytes beneath the paths that have a quota, and only beneath these: each is a row that all change.

Each name counts for `config.NAME_COST` or more: files, directories, versions and partial uploads.
"""

from __future__ import annotations

from typing import Iterable, Mapping, Sequence

from homeftp.cluster.database import Database, IQueries, Transaction
from homeftp.config import NAME_COST
from homeftp.store.cluster.base.rows import Names, path_names, path_range, path_text
from homeftp.store.cluster.tables import names as names_table

_SUM = f"coalesce(sum(greatest(size, {NAME_COST})), 0)"

_TREE = f"""
WITH RECURSIVE walk AS (
    SELECT id, 0::bigint AS size FROM node WHERE id = %s
    UNION ALL
    SELECT n.id, n.size FROM walk w JOIN node n ON n.parent = w.id
)
SELECT {_SUM} FROM walk WHERE id <> %s
"""

_BENEATH = "share = %s AND (%s = '' OR path >= %s AND path < %s)"


def cost(size: int) -> int:
    """The bytes that a file of `size` counts for, and a directory, which has none."""
    return max(size, NAME_COST)


def counts(top: Names, names: Names) -> bool:
    """Whether what is at a path counts for the quota of another one: what is beneath it, and not itself."""
    return len(names) > len(top) and names[: len(top)] == top


def lock_share(transaction: Transaction, share: int, *, alone: bool) -> None:
    """Keep others from moving and removing directories in a share; `alone`: from changing anything in it.

    Until the end of the transaction. One that moves a directory is alone, so that no path changes under a writer, and
    no directory gets into itself.
    """
    transaction.execute(f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}(%s)", (share,))


def covering(queries: IQueries, share: int, paths: Iterable[Names]) -> dict[Names, int]:
    """The paths with a quota that any of these paths is at or beneath, and what is used there."""
    prefixes = {path_text(each[:depth]) for each in paths for depth in range(len(each) + 1)}
    rows = queries.rows("SELECT path, used FROM usage WHERE share = %s AND path = ANY(%s)", (share, list(prefixes)))
    return {path_names(path): used for path, used in rows}


def ensure(database: Database, share: int, root: int, top: Names) -> None:
    """Begin to count beneath a path, unless that is done already."""
    if database.row("SELECT 1 FROM usage WHERE share = %s AND path = %s", (share, path_text(top))) is not None:
        return

    def work(transaction: Transaction) -> None:
        lock_share(transaction, share, alone=True)
        transaction.execute(
            "INSERT INTO usage (share, path, used) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (share, path_text(top), measure(transaction, share, root, top)),
        )

    database.transact(work, maintenance=True)


def measure(queries: IQueries, share: int, root: int, top: Names) -> int:
    """Bytes beneath a path, counted anew."""
    used = 0
    node = names_table.find(queries, root, top)
    if node is not None and node.directory:
        used += beneath(queries, node.id)
    where = (share, *path_range(top))
    for table, column in (("version", "size"), ("upload", "arrived")):
        query = f"SELECT {_SUM.replace('size', column)} FROM {table} WHERE {_BENEATH}"
        used += int(queries.row(query, where)[0])
    for (id,) in queries.rows(f"SELECT node FROM removed WHERE {_BENEATH}", where):
        used += beneath(queries, id) + cost(0)
    return used


def beneath(queries: IQueries, id: int) -> int:
    """Bytes of all that is in a directory."""
    return int(queries.row(_TREE, (id, id))[0])


def add(transaction: Transaction, share: int, changes: Mapping[Names, int]) -> dict[Names, int]:
    """Change what is used at paths with a quota, in one order; what is used there then.

    The rows are locked until the transaction ends: it is the last thing before the commit.
    """
    used = {}
    for top, change in sorted(changes.items()):
        row = transaction.row(
            "UPDATE usage SET used = used + %s WHERE share = %s AND path = %s RETURNING used",
            (change, share, path_text(top)),
        )
        if row is not None:
            used[top] = int(row[0])
    return used


def charge(transaction: Transaction, share: int, changes: Sequence[tuple[Names, int]]) -> None:
    """Count bytes for paths, or fewer, for each quota that counts them."""
    tops = covering(transaction, share, [names for names, _ in changes]) if changes else ()
    add(transaction, share, {top: sum(size for names, size in changes if counts(top, names)) for top in tops})


def forget_beneath(transaction: Transaction, share: int, names: Names) -> None:
    """Count the quotas beneath a directory anew when they are needed: it went away with all that is in it."""
    transaction.execute(f"DELETE FROM usage WHERE path <> '' AND {_BENEATH}", (share, *path_range(names)))


def evictable(queries: IQueries, share: int, home: Names, before_us: int | None) -> int:
    """Bytes of the versions beneath a path that were replaced or removed before a time."""
    query = f"SELECT {_SUM} FROM version WHERE {_BENEATH} AND (%s::bigint IS NULL OR at_us <= %s)"
    return int(queries.row(query, (share, *path_range(home), before_us, before_us))[0])
