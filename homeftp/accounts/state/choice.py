"""Which engine keeps the accounts of a server."""

from __future__ import annotations

from homeftp.accounts.state.interface import StateEngine
from homeftp.accounts.state.sqlite import SqliteState
from homeftp.cluster.address import read_address


def engine_of(folder: str) -> StateEngine:
    """The engine of the server with this state folder. Raises `OperatorError` where that is not known."""
    address = read_address(folder)
    if address is None:
        return SqliteState(folder)
    from homeftp.accounts.state.postgresql import PostgresState
    from homeftp.cluster.shared import shared_database

    return PostgresState(shared_database(address.database))
