"""The database in which a cluster keeps what its servers know besides files: accounts and the audit log."""

from __future__ import annotations

import functools

from homeftp.cluster.database import Database

_CONNECTIONS = 8
"""Of one process."""


@functools.cache
def shared_database(url: str) -> Database:
    """The database at that URL: one for the whole process."""
    return Database(url, connections=_CONNECTIONS)
