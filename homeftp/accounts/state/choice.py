"""Which engine keeps the accounts of a server."""

from __future__ import annotations

from homeftp.accounts.state.interface import StateEngine
from homeftp.accounts.state.sqlite import FILE, SqliteState
from homeftp.cluster.address import CLUSTER_FILE, read_address

STATE_FILES = (FILE, CLUSTER_FILE)
"""The file in a state folder that has the accounts, or the one that says where they are."""


def state_file(folder: str) -> str:
    """The one of `STATE_FILES` that counts in this state folder. Raises `OperatorError` where that is not known."""
    return FILE if read_address(folder) is None else CLUSTER_FILE


def engine_of(folder: str) -> StateEngine:
    """The engine of the server with this state folder. Raises `OperatorError` where that is not known."""
    address = read_address(folder)
    if address is None:
        return SqliteState(folder)
    from homeftp.accounts.state.postgresql import PostgresState
    from homeftp.cluster.shared import shared_database

    return PostgresState(shared_database(address.database))
