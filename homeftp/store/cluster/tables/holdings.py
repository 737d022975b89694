"""The holdings of a cluster, for its owner."""

from __future__ import annotations

from typing import NamedTuple

from homeftp.cluster.database import Database, Transaction


class ClusterHoldings(NamedTuple):
    """How many of what, and their bytes."""

    files: int
    file_bytes: int
    directories: int
    versions: int
    version_bytes: int
    uploads: int
    packs: int
    garbage: int
    """Objects that no file or version names any more, as far as is known: they go after the grace period."""


_COUNT = """
SELECT (SELECT count(*) FROM node WHERE NOT directory), (SELECT coalesce(sum(size), 0)::bigint FROM node),
    (SELECT count(*) FROM node WHERE directory) - (SELECT count(*) FROM share),
    (SELECT count(*) FROM version), (SELECT coalesce(sum(size), 0)::bigint FROM version),
    (SELECT count(*) FROM upload), (SELECT count(*) FROM pack), (SELECT count(*) FROM garbage)
"""


def read_status(database: Database) -> ClusterHoldings:
    """Count what there is. It reads whole tables, which may take minutes. Blocks; raises `Busy` (51)."""

    def work(transaction: Transaction) -> ClusterHoldings:
        transaction.execute("SET LOCAL enable_seqscan = on")  # for all rows that is the best plan
        return ClusterHoldings(*transaction.row(_COUNT))

    return database.transact(work, maintenance=True)
