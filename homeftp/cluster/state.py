"""The state of a cluster as one cheap look at its database shows it: servers, sizes of tables, lag of replicas."""

from __future__ import annotations

from typing import Mapping, Sequence

import attrs

from homeftp.cluster.database import Database
from homeftp.cluster.servers import list_servers


@attrs.frozen(kw_only=True)
class ClusterState:
    """The state of a cluster."""

    running: int = 0
    """Servers that are there, as far as is known."""
    silent: int = 0
    """Servers that were there within a week, and have neither stopped nor said lately that they are there."""
    rows: Mapping[str, int] = attrs.field(factory=dict)
    """How many rows each table has, as PostgreSQL estimates; tables of which it does not know are missing."""
    replicas: int = 0
    """Servers of the database that follow it now."""
    lag_bytes: int | None = None
    """How far the last of these is behind; None: there is none, or this user may not see it."""
    lag_seconds: float | None = None
    """The same in time; None also while nothing is written."""


def read_cluster(database: Database, tables: Sequence[str]) -> ClusterState:
    """The state of a cluster, with the estimates of these tables. No table is read. Blocks; raises `Busy` (51)."""
    servers = list_servers(database)
    rows = database.rows(
        "SELECT c.relname, c.reltuples::bigint FROM unnest(%s::text[]) AS t(name) JOIN pg_class c"
        " ON c.oid = to_regclass(t.name) WHERE c.reltuples >= 0",
        (list(tables),),
    )
    replicas, lag_bytes, lag_seconds = database.row(
        "SELECT count(*), max(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_lsn() END,"
        " replay_lsn))::bigint, extract(epoch FROM max(replay_lag))::float8 FROM pg_stat_replication"
    )
    running = sum(each.runs for each in servers)
    return ClusterState(
        running=running,
        silent=len(servers) - running,
        rows=dict(rows),
        replicas=replicas,
        lag_bytes=lag_bytes,
        lag_seconds=lag_seconds,
    )
