"""The database in which a cluster keeps what its servers know besides files: accounts and the audit log."""

from __future__ import annotations

import functools
import os
import secrets

from homeftp.cluster.breaker import CircuitBreaker
from homeftp.cluster.connections import TablesWatch
from homeftp.cluster.database import Database

_CONNECTIONS = 8
"""The most connections of one process."""

_ID_BYTES = 8


@functools.cache
def shared_database(url: str) -> Database:
    """The database at that URL: one for the whole process."""
    return Database(url, connections=_CONNECTIONS, breaker=shared_breaker(url), tables=shared_tables(url))


@functools.cache
def shared_breaker(url: str) -> CircuitBreaker:
    """The circuit breaker of the server of that database: one for the whole process."""
    return CircuitBreaker()


@functools.cache
def shared_tables(url: str) -> TablesWatch:
    """Knows which tables are in that database: one for the whole process."""
    return TablesWatch()


def process_id() -> str:
    """The id of this process among those that use the cluster."""
    return _random_id(os.getpid())


@functools.cache
def _random_id(pid: int) -> str:
    """Another one after a fork."""
    return secrets.token_hex(_ID_BYTES)
