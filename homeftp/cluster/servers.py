"""The servers of a cluster: which there are, and where clients reach each."""

from __future__ import annotations

import attrs

from homeftp.cluster import commits
from homeftp.cluster.database import Database
from homeftp.cluster.migrations import SchemaPart

_STEP = """
CREATE TABLE servers (
    id text PRIMARY KEY,
    host text NOT NULL,
    address text NOT NULL,
    version text NOT NULL,
    started timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

SERVERS = SchemaPart("servers", (_STEP,), left=("servers",))
"""One row for each server that runs, or has run lately."""

SEEN_SECONDS = 10.0
"""How often a running server says that it is there."""

GONE_SECONDS = 60.0
"""Time after which one that did not is taken for stopped."""

_FORGOTTEN_SECONDS = 7 * 24 * 3600.0
"""Time after which it is not listed any more."""


@attrs.frozen(kw_only=True)
class ClusterServer:
    """One server of a cluster, as the database knows it."""

    id: str
    """Random: that of one process."""
    host: str
    """The name of its machine."""
    address: str
    """The address that is typed on another machine to reach it; "" where an address is not enough."""
    version: str
    seconds: float = 0.0
    """Since it said last that it is there, by the clock of the database."""

    @property
    def runs(self) -> bool:
        """Whether it is there, as far as is known."""
        return self.seconds < GONE_SECONDS


def report_server(database: Database, server: ClusterServer) -> None:
    """Record that the server runs. Forget servers that were silent for a week, and those that it replaces.

    A server that was killed and started again is another process: it replaces the silent ones of its host and address.
    Blocks; raises `Busy` (51).
    """
    database.transact(
        lambda transaction: (
            transaction.execute(
                "INSERT INTO servers (id, host, address, version) VALUES (%s, %s, %s, %s) ON CONFLICT (id) DO UPDATE"
                " SET address = excluded.address, seen = clock_timestamp()",
                (server.id, server.host, server.address, server.version),
            ),
            transaction.execute(
                "DELETE FROM servers WHERE seen < clock_timestamp() - make_interval(secs => %s)", (_FORGOTTEN_SECONDS,)
            ),
            transaction.execute(
                "DELETE FROM servers WHERE id <> %s AND host = %s AND address = %s AND address <> ''"
                " AND seen < clock_timestamp() - make_interval(secs => %s)",
                (server.id, server.host, server.address, GONE_SECONDS),
            ),
            transaction.execute(commits.FORGET_OLD),
        )
    )


def remove_server(database: Database, id: str) -> None:
    """The server stops. Blocks; raises `Busy` (51)."""
    database.transact(lambda transaction: transaction.execute("DELETE FROM servers WHERE id = %s", (id,)))


def list_servers(database: Database) -> list[ClusterServer]:
    """All servers, sorted by host and id. Blocks; raises `Busy` (51)."""
    rows = database.rows(
        "SELECT id, host, address, version, extract(epoch FROM clock_timestamp() - seen)::float8 FROM servers"
        " ORDER BY host, id"
    )
    return [
        ClusterServer(id=id, host=host, address=address, version=version, seconds=seconds)
        for id, host, address, version, seconds in rows
    ]
