"""The table `share`: the stores that are in one database, and the longest path of each."""

from __future__ import annotations

from homeftp.cluster.database import Database, IQueries, Transaction
from homeftp.errors import OperatorError
from homeftp.store.cluster.base.rows import ShareId
from homeftp.store.cluster.tables import numbers

_ROOT_MODE = 0o755

_NUMBERS = 3
"""Its id, and the id and the tag of its root."""


def make_share(database: Database, name: str) -> ShareId:
    """Make a share, unless there is one of that name."""

    def work(transaction: Transaction) -> None:
        _, (id, root, tag) = numbers.allocate(transaction, _NUMBERS)
        made = transaction.execute(
            "INSERT INTO share (id, name, root) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", (id, name, root)
        )
        if made:
            transaction.execute(
                "INSERT INTO node (id, parent, name, folded, directory, mtime_us, mode, tag, made_us)"
                " VALUES (%s, %s, '', '', true, now_us(), %s, %s, now_us())",
                (root, -root, _ROOT_MODE, tag),
            )

    if database.row("SELECT 1 FROM share WHERE name = %s", (name,)) is None:
        database.transact(work)
    return find_share(database, name)


def find_share(database: Database, name: str) -> ShareId:
    """The store of that name; raises `OperatorError` where there is none."""
    row = database.row("SELECT id, root FROM share WHERE name = %s", (name,))
    if row is None:
        raise OperatorError(f"the database has no share {name}. Make it with: homeftp cluster init")
    return ShareId(*row)


def reach(queries: IQueries, share: int) -> tuple[int, int]:
    """The bytes of the longest path that a share ever held, and the parts of the deepest one."""
    longest, deepest = queries.row("SELECT longest, deepest FROM share WHERE id = %s", (share,))
    return longest, deepest


def reached(transaction: Transaction, share: int, longest: int, deepest: int) -> None:
    """A path of so many bytes is in a share, and one of so many parts. Its row is locked only where it changes."""
    transaction.execute(
        "UPDATE share SET longest = greatest(longest, %s), deepest = greatest(deepest, %s)"
        " WHERE id = %s AND (longest < %s OR deepest < %s)",
        (longest, deepest, share, longest, deepest),
    )
