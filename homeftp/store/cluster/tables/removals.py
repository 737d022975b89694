"""The table `removed`: directories that lost their place in the tree, until all files in them are versions."""

from __future__ import annotations

import attrs

from homeftp.cluster.database import IQueries, Transaction
from homeftp.store.cluster.base.rows import Names, path_names, path_range, path_text


@attrs.frozen
class Removal:
    """A directory that was removed."""

    node: int
    """Its id."""
    names: Names
    """The path that it had."""
    at_us: int
    """When that was: microseconds since 1970."""


def insert(transaction: Transaction, share: int, removal: Removal) -> None:
    """Add a directory that is being removed."""
    transaction.execute(
        "INSERT INTO removed (node, share, path, at_us) VALUES (%s, %s, %s, %s)",
        (removal.node, share, path_text(removal.names), removal.at_us),
    )


def overlapping(queries: IQueries, share: int, names: Names) -> list[Removal]:
    """The directories that were removed at, above or beneath a path, the oldest first."""
    path, low, high = path_range(names)
    above = [path_text(names[:depth]) for depth in range(1, len(names) + 1)]
    rows = queries.rows(
        "SELECT node, path, at_us FROM removed WHERE share = %s AND (%s = '' OR path = ANY(%s) OR path >= %s AND path"
        " < %s) ORDER BY at_us, node",
        (share, path, above, low, high),
    )
    return [Removal(node, path_names(path), at_us) for node, path, at_us in rows]


def lock(transaction: Transaction, node: int) -> bool:
    """Keep others from this directory; whether there is anything left to do."""
    return transaction.row("SELECT 1 FROM removed WHERE node = %s FOR UPDATE", (node,)) is not None


def delete(transaction: Transaction, node: int) -> None:
    """Nothing is left of a directory."""
    transaction.execute("DELETE FROM removed WHERE node = %s", (node,))
