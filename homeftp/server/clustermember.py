"""One server as a member of a cluster: what it does through the database and the bucket that the servers share.

Only a server of a cluster imports this module, which needs the packages of the extra `cluster`.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Callable, Sequence

import attrs
from twisted.internet.interfaces import IReactorTime

from homeftp.accounts.state.guesses import ClusterGuesses
from homeftp.accounts.throttle import GuessLimit, address_group, too_many
from homeftp.audit.log import Audit
from homeftp.audit.table import journal_of
from homeftp.cluster.address import ClusterAddress, write_address
from homeftp.cluster.connections import TablesWatch
from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.dumps.manifest import newest_at
from homeftp.cluster.dumps.writing import dump_if_due
from homeftp.cluster.identity import share_identity, share_ssh_key
from homeftp.cluster.migrations import expect_current
from homeftp.cluster.objects import Bucket, open_bucket
from homeftp.cluster.shared import shared_database, shared_tables
from homeftp.cluster.state import ClusterState, read_cluster
from homeftp.config import Settings
from homeftp.crypto.sshhostkey import share_host_key
from homeftp.files.watches.hub import ChangeHub
from homeftp.host import now
from homeftp.interfaces import IWorkers
from homeftp.interfaces.store import Journal
from homeftp.interfaces.usage import ConnectionsUsage
from homeftp.model import Change
from homeftp.server.clusterschema import SCHEMA
from homeftp.server.http.dav.locks.clusterlocks import ClusterLocks
from homeftp.server.http.dav.properties.clusterproperties import ClusterProperties, follow
from homeftp.server.otherservers import OtherServers

TABLES = ("node", "version", "part", "pack", "garbage", "upload", "audit")
"""The tables whose size tells how much a cluster holds and owes."""


@attrs.frozen
class ClusterMember:
    """A server with these settings. What blocks is for a worker; the database is connected when it is first used."""

    _settings: Settings

    @property
    def _database(self) -> Database:
        return shared_database(self._settings.root)

    @property
    def _tables(self) -> TablesWatch:
        return shared_tables(self._settings.root)

    def _bucket(self) -> Bucket:
        return open_bucket(self._settings.objects or "", os.environ)

    def join(self) -> None:
        """Mark the state folder as one of the cluster's, with its identity and its SSH key. Blocks.

        Raises `OperatorError` where the database has not the tables that this version needs, and where the state folder
        belongs to another cluster, or has another identity.
        """
        expect_current(self._database, SCHEMA)
        with self._database.connection() as connection:
            self._tables.look(connection)
        write_address(self._settings.state, ClusterAddress(self._settings.root, self._settings.objects or ""))
        share_identity(self._database, self._settings.state, now=now)
        share_host_key(self._settings.state, partial(share_ssh_key, self._database), needed=bool(self._settings.sftp))

    def guesses(self, workers: IWorkers, kind: str, most: int, seconds: float) -> GuessLimit:
        """Counts guesses for all servers of the cluster."""
        return ClusterGuesses(
            database=lambda: self._database,
            run=workers.run,
            kind=kind,
            most=most,
            seconds=seconds,
            group=address_group,
            too_many=too_many,
        )

    def locks(self, workers: IWorkers) -> ClusterLocks:
        """The locks of WebDAV, of all servers of the cluster."""
        return ClusterLocks(workers, lambda: self._database)

    def properties(self) -> ClusterProperties:
        """The properties of WebDAV, of all servers of the cluster; they follow what `journal` records."""
        return ClusterProperties(lambda: self._database, self._settings.limits)

    def journal(self, audit: Audit) -> Journal:
        """Records changes in `audit`, in the transaction that makes them (`StoreOptions.journal`)."""
        record = journal_of(audit.lines)

        def keep(transaction: Transaction, changes: Sequence[Change]) -> None:
            follow(transaction, changes)
            record(transaction, changes)

        return keep

    def other_servers(
        self, reactor: IReactorTime, workers: IWorkers, hub: ChangeHub, address: Callable[[], str]
    ) -> OtherServers:
        """The other servers of the cluster; this one is reached at `address`."""
        return OtherServers(reactor, workers, hub, lambda: self._database, address)

    def store_id(self) -> str | None:
        """The id of the store (`TablesWatch.id`), the same at each server. None before `join`."""
        return self._tables.id

    def follow_tables(self, follower: Callable[[], None]) -> None:
        """Call `follower` when the store has got another id (`TablesWatch.follow`)."""
        self._tables.follow(follower)

    def dump_daily(self) -> None:
        """Dump the database into the bucket, unless that was done today, or another server does it. Blocks.

        To be called after the store's maintenance, which raises `Forbidden` (33) where the bucket is another
        database's: old dumps are removed. Raises `OperatorError`, and `Busy` (51).
        """
        dump_if_due(self._database, self._bucket(), SCHEMA)

    def state(self) -> ClusterState:
        """The state of the cluster. Blocks; raises `Busy` (51)."""
        return read_cluster(self._database, TABLES)

    def dumped_at(self) -> float:
        """When the newest dump was begun, in seconds since 1970. Blocks; raises `Busy` (51)."""
        return newest_at(self._bucket())

    def accounts_usage(self) -> ConnectionsUsage:
        """The connections of this server to the database for everything but files."""
        return self._database.usage()
