"""The server's part in a cluster: servers that share a database and a bucket, accounts and identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from homeftp.cluster.address import read_address
from homeftp.config import Settings
from homeftp.errors import OperatorError
from homeftp.store.factory import CLUSTER_SCHEME, NEEDS_PACKAGES, scheme_of

if TYPE_CHECKING:
    from homeftp.accounts.state.copying import CopiedAccounts
    from homeftp.cluster.database import Database
    from homeftp.server.clustermember import ClusterMember


def member_of(settings: Settings) -> ClusterMember | None:
    """The server as a member of its cluster; None for a server with a folder of its own. Raises `OperatorError`."""
    if scheme_of(settings.root) != CLUSTER_SCHEME:
        return None
    try:
        from homeftp.server.clustermember import ClusterMember
    except ImportError as error:
        raise OperatorError(NEEDS_PACKAGES) from error
    return ClusterMember(settings)


def join(settings: Settings) -> None:
    """Let the server belong to its cluster, before anything in the state folder is opened. Blocks.

    Raises `OperatorError` as `ClusterMember.join` does, and where the state folder of a server with a folder of its own
    belongs to a cluster.
    """
    member = member_of(settings)
    if member is not None:
        member.join()
        return
    address = read_address(settings.state)
    if address is not None:
        raise OperatorError(
            f"the state folder {settings.state} belongs to the cluster {address.database}, and the files to share "
            f"are in {settings.root}: name another state folder with --state DIR"
        )


def expect_accounts(folder: str) -> None:
    """Raise `OperatorError` where a folder is not the state folder of a server that shares a folder."""
    from homeftp.accounts.state.sqlite import SqliteState

    if not SqliteState(folder).exists():
        raise OperatorError(f"{folder} is not the state folder of a server: it holds no accounts")


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
