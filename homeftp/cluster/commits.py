"""Which transactions were committed: one whose answer was lost is looked up, whatever the database did meanwhile.

The number of a transaction alone does not tell. A database that crashes forgets transactions that were not durable yet,
and gives their numbers to others, which may be committed. So each connection has a row with the last transaction that
was committed on it, written by that transaction.
"""

from __future__ import annotations

import secrets

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

TABLE = """
CREATE TABLE IF NOT EXISTS homeftp_commits (
    connection text PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50)
"""
"""Made before all other tables of homeftp."""

FORGET_OLD = "DELETE FROM homeftp_commits WHERE at < clock_timestamp() - interval '1 day'"
"""Removes the rows of connections that ended long ago, and are not looked up any more."""

_KEY_BYTES = 16


def new_key() -> str:
    """The key of a connection: no other one ever has it."""
    return secrets.token_hex(_KEY_BYTES)


def committing(key: str) -> bytes:
    """The statements that end a transaction on the connection with that key."""
    return (
        f"INSERT INTO homeftp_commits (connection) VALUES ('{key}')"
        " ON CONFLICT (connection) DO UPDATE SET xid = excluded.xid, at = excluded.at; COMMIT"
    ).encode("ascii")


def was_committed(connection: psycopg.Connection[TupleRow], key: str, xid: str) -> bool | None:
    """Whether a transaction was committed, of which the connection ended; None: the database is still busy with it.

    Each statement on `connection` is a transaction of its own. Raises psycopg's errors.
    """
    try:
        found = connection.execute("SELECT pg_xact_status(%s::text::xid8)", (xid,)).fetchone()
    except errors.InvalidParameterValue:  # nothing has this number: the database crashed, and forgot it
        return False
    if found != ("committed",):
        return False if found == ("aborted",) else None
    # a statement of its own: it sees what was committed by then
    own = "SELECT 1 FROM homeftp_commits WHERE connection = %s AND xid = %s::text::xid8"
    return connection.execute(own, (key, xid)).fetchone() is not None


def confirm(connection: psycopg.Connection[TupleRow], key: str) -> None:
    """Make a commit after a transaction that was found committed; `key` is that of the transaction's connection.

    A transaction shows as soon as this database has it, also if its connection ended before a synchronous replica had
    it. A replica that has acknowledged this commit has the transaction, too. Raises psycopg's errors.
    """
    connection.execute("UPDATE homeftp_commits SET at = clock_timestamp() WHERE connection = %s", (key,))
