"""A process of its own that replaces files of a cluster store, each time on condition of what it has read there.

`python -m tests.support.casworker URL SHARE NAME COUNT [--without-locks]` does so with COUNT contents, each of which
names the one that it replaces, in a bucket in a folder of the test's; it prints a line for each that was stored.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
from typing import Iterable

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.objects import open_bucket
from homeftp.endpoint import folded, parse
from homeftp.errors import Refusal
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.store import StoreOptions, record_nothing
from homeftp.model import ABSENT, WriteRequest
from homeftp.store.cluster.base.context import ClusterContext, ClusterOptions
from homeftp.store.cluster.base.rows import NODE_COLUMNS, NodeRow, node_of
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.cluster.tables.shares import find_share
from homeftp.store.policy.changelog import ChangeLog
from tests.support.kepttables import PATIENT

PATHS = ("a.txt", "d/b.txt")


def unlocked(transaction: Transaction, wanted: Iterable[tuple[int, str]]) -> dict[tuple[int, str], list[NodeRow]]:
    """What `names.lock` gives, without a lock: the control."""
    found: dict[tuple[int, str], list[NodeRow]] = {key: [] for key in wanted}
    for key, nodes in found.items():
        query = f"SELECT {NODE_COLUMNS} FROM node n WHERE n.parent = %s AND n.folded = %s"
        nodes += (node_of(row) for row in transaction.rows(query, key))
        assert all(folded(node.name) == key[1] for node in nodes)
    return found


def swap(store: ClusterStore, path: str, who: str) -> None:
    """Replace what is there by what names it."""
    there = store.stat(parse(path))
    old = ABSENT if there is None or there.hash is None else there.hash
    content = f"{who} {random.random()} {old}".encode()
    asked = WriteRequest(endpoint=parse(path), size=len(content), precondition=old)
    (result,) = store.write_many([(asked, content)])
    if isinstance(result, Refusal):
        return
    if isinstance(result, Exception):
        raise result
    sys.stdout.write(f"{path} {old} {hash_bytes(content)}\n")
    sys.stdout.flush()


def main(url: str, bucket: str, share: str, who: str, count: str, *flags: str) -> None:
    """Replace `count` times."""
    if "--without-locks" in flags:
        names_table.lock = unlocked
    database = Database(url, connections=2, timeouts=PATIENT)
    cluster = ClusterOptions(share=share)
    context = ClusterContext(
        database,
        open_bucket(bucket, os.environ),
        find_share(database, share),
        StoreOptions(),
        cluster,
        ChangeLog(record_nothing),
    )
    store = ClusterStore(context)
    for _ in range(int(count)):
        with contextlib.suppress(Refusal):
            swap(store, random.choice(PATHS), who)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
