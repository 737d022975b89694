"""The server's part in a cluster: servers that share a database and a bucket, accounts and identity."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Callable, Sequence

from twisted.internet.interfaces import IReactorTime

from homeftp.accounts.throttle import GuessLimit, address_group, too_many
from homeftp.audit.log import Audit
from homeftp.cluster.address import ClusterAddress, read_address, write_address
from homeftp.config import Settings
from homeftp.errors import OperatorError
from homeftp.files.watches.hub import ChangeHub
from homeftp.host import now
from homeftp.interfaces import IWorkers
from homeftp.interfaces.usage import ConnectionsUsage
from homeftp.model import Change
from homeftp.store.factory import CLUSTER_SCHEME, scheme_of

if TYPE_CHECKING:
    from homeftp.accounts.state.copying import CopiedAccounts
    from homeftp.cluster.database import Database
    from homeftp.cluster.migrations import SchemaPart
    from homeftp.cluster.state import ClusterState
    from homeftp.server.otherservers import OtherServers


def is_cluster(settings: Settings) -> bool:
    """Whether these are the settings of a server of a cluster."""
    return scheme_of(settings.root) == CLUSTER_SCHEME


def schema_parts() -> Sequence[SchemaPart]:
    """The parts of a cluster's database."""
    from homeftp.accounts.state.guesses import GUESSES
    from homeftp.accounts.state.postgresql import ACCOUNTS
    from homeftp.audit.table import AUDIT
    from homeftp.cluster.identity import IDENTITY
    from homeftp.cluster.servers import SERVERS
    from homeftp.store.cluster.base.schema import STORE

    return STORE, ACCOUNTS, AUDIT, IDENTITY, GUESSES, SERVERS


def join(settings: Settings) -> None:
    """Let the server belong to its cluster, before anything in the state folder is opened. Blocks.

    Raises `OperatorError` where the database has not the tables that this version needs, and where the state folder
    is that of another server: of one with a folder, of another cluster, or with another identity.
    """
    if not is_cluster(settings):
        address = read_address(settings.state)
        if address is not None:
            raise OperatorError(
                f"the state folder {settings.state} belongs to the cluster {address.database}, and the files to share "
                f"are in {settings.root}: name another state folder with --state DIR"
            )
        return
    from homeftp.cluster.identity import share_identity
    from homeftp.cluster.migrations import expect_current
    from homeftp.cluster.shared import shared_database

    database = shared_database(settings.root)
    expect_current(database, schema_parts())
    write_address(settings.state, ClusterAddress(settings.root, settings.objects or ""))
    share_identity(database, settings.state, now=now)


def guesses(settings: Settings, workers: IWorkers, kind: str, most: int, seconds: float) -> GuessLimit:
    """Counts guesses for all servers of the cluster."""
    from homeftp.accounts.state.guesses import ClusterGuesses
    from homeftp.cluster.shared import shared_database

    return ClusterGuesses(
        database=lambda: shared_database(settings.root),
        run=workers.run,
        kind=kind,
        most=most,
        seconds=seconds,
        group=address_group,
        too_many=too_many,
    )


def journal(audit: Audit) -> Callable[[Any, Sequence[Change]], None]:
    """Records changes in the transaction that makes them (`StoreOptions.journal`)."""
    from homeftp.audit.table import insert_lines

    return lambda transaction, changes: insert_lines(transaction, audit.lines(changes))


def other_servers(
    settings: Settings, clock: IReactorTime, workers: IWorkers, hub: ChangeHub, address: Callable[[], str]
) -> OtherServers:
    """The other servers of the cluster; this one is reached at `address`."""
    from homeftp.cluster.shared import shared_database
    from homeftp.server.otherservers import OtherServers

    return OtherServers(clock, workers, hub, lambda: shared_database(settings.root), address)


def dump_daily(settings: Settings) -> None:
    """Have the database be dumped into the bucket once a day, by one of the servers (`homeftp.cluster.dumps`). Blocks.

    Raises `OperatorError`, and `Busy` (51).
    """
    if not is_cluster(settings):
        return
    from homeftp.cluster.dumps.writing import dump_if_due
    from homeftp.cluster.objects import open_bucket
    from homeftp.cluster.shared import shared_database

    dump_if_due(shared_database(settings.root), open_bucket(settings.objects or "", os.environ), schema_parts())


TABLES = ("node", "version", "part", "pack", "garbage", "upload", "audit")
"""The tables whose size tells how much a cluster holds and owes."""


def state_reader(settings: Settings) -> Callable[[], ClusterState]:
    """Reads the state of the cluster, in a worker; it raises `Busy` (51)."""
    from homeftp.cluster.shared import shared_database
    from homeftp.cluster.state import read_cluster

    return lambda: read_cluster(shared_database(settings.root), TABLES)


def dump_reader(settings: Settings) -> Callable[[], float]:
    """Finds out in a worker when the newest dump was begun, in seconds since 1970; it raises `Busy` (51)."""
    from homeftp.cluster.dumps.manifest import newest_at
    from homeftp.cluster.objects import open_bucket

    return lambda: newest_at(open_bucket(settings.objects or "", os.environ))


def accounts_usage(settings: Settings) -> ConnectionsUsage:
    """The connections of this server to the database for everything but files."""
    from homeftp.cluster.shared import shared_database

    return shared_database(settings.root).usage()


def expect_accounts(folder: str) -> None:
    """Raise `OperatorError` where a folder is not the state folder of a server that shares a folder."""
    from homeftp.accounts.state.sqlite import SqliteState

    if not SqliteState(folder).exists():
        raise OperatorError(f"{folder} is no state folder of a server: it holds no accounts")


def bring_accounts(folder: str, database: Database) -> CopiedAccounts | None:
    """Copy the accounts in a state folder to a cluster that has none; None where it has some.

    Blocks; raises `OperatorError`.
    """
    from homeftp.accounts.state.copying import copy_accounts
    from homeftp.accounts.state.postgresql import PostgresState
    from homeftp.accounts.state.sqlite import SqliteState

    return copy_accounts(SqliteState(folder), PostgresState(database))


def take_accounts(folder: str, database: Database) -> CopiedAccounts | None:
    """Copy the accounts and the identity of a cluster to the state folder of a server with a folder of its own.

    None, and no account, where that has accounts already. Blocks; raises `OperatorError`, also where the folder is that
    of another home.
    """
    from homeftp.accounts.state.copying import copy_accounts
    from homeftp.accounts.state.postgresql import PostgresState
    from homeftp.accounts.state.sqlite import SqliteState
    from homeftp.cluster.identity import take_identity

    if read_address(folder) is not None:
        raise OperatorError(f"the state folder {folder} is that of a server of a cluster: name another one")
    take_identity(database, folder)
    return copy_accounts(PostgresState(database), SqliteState(folder))


def store_id(settings: Settings) -> str:
    """The id of the store: the same at each server, and another one once the database was restored."""
    from homeftp.cluster.identity import tables_id
    from homeftp.cluster.shared import shared_database

    return tables_id(shared_database(settings.root))
