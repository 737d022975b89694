"""Transactions of a database that wait for each other in the middle: so they are certain to be under way at once."""

from __future__ import annotations

import contextlib
from typing import Callable, Iterator

import psycopg

from tests.support.waiting import wait_until

_PAUSE = 1
"""The advisory lock that is held while others shall not go on."""

PAUSING = f"SELECT pg_advisory_xact_lock({_PAUSE})"
"""A statement at which a transaction waits; when it goes on, others wait until it has ended."""

_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

_INSERTED = f"""
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM pg_advisory_xact_lock_shared({_PAUSE}); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER pause AFTER INSERT ON {{}} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION pause();
"""


@contextlib.contextmanager
def paused(url: str, inserted: str | None = None) -> Iterator[Callable[[], None]]:
    """Transactions wait at `PAUSING`, and before they commit what they insert; the block gets a call that ends that.

    It waits until two transactions wait, there or for an advisory lock that the other one has.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        if inserted is not None:
            connection.execute(_INSERTED.format(inserted).encode())
        connection.execute("SELECT pg_advisory_lock(%s)", (_PAUSE,))

        def go_on() -> None:
            wait_until(lambda: connection.execute(_WAITING).fetchone() == (2,))
            connection.execute("SELECT pg_advisory_unlock(%s)", (_PAUSE,))

        yield go_on
