"""The statements of dumps: all of their SQL.

Rows are copied as PostgreSQL writes them as text, which every version of it reads.
"""

from __future__ import annotations

import contextlib
from typing import Iterable, Iterator, Mapping, Sequence

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import DUMP_LOCK
from homeftp.crypto.ca import HomeCA

Connection = psycopg.Connection[TupleRow]

_UNLIMITED = "SET LOCAL statement_timeout = 0"
"""To copy a large table takes as long as it takes: no request waits for it."""


@contextlib.contextmanager
def dumping(database: Database) -> Iterator[Connection | None]:
    """A connection on which the one writer of dumps works; None where there is another one. Raises `Busy` (51)."""
    with database.connection(maintenance=True) as connection:
        (alone,) = connection.execute("SELECT pg_try_advisory_lock(%s)", (DUMP_LOCK,)).fetchone() or (False,)
        if not alone:
            yield None
            return
        try:
            yield connection
        finally:
            # where that fails the connection has ended, and the lock with it
            with contextlib.suppress(psycopg.Error):
                connection.rollback()
                connection.execute("SELECT pg_advisory_unlock(%s)", (DUMP_LOCK,))


@contextlib.contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """All statements in the block see the database as it is when the first of them runs."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.execute(_UNLIMITED)
    yield
    connection.execute("COMMIT")


def now_us(connection: Connection) -> int:
    """The time by the database's clock: microseconds since 1970."""
    (found,) = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchone() or (0,)
    return int(found)


def steps(connection: Connection) -> dict[str, int]:
    """The steps of the schema that were made, of each part."""
    return dict(connection.execute("SELECT part, max(step) FROM homeftp_schema GROUP BY part").fetchall())


def identity(connection: Connection) -> HomeCA | None:
    """The CA of the cluster; None where no server has brought one yet."""
    row = connection.execute("SELECT certificate, key FROM identity").fetchone()
    return None if row is None else HomeCA(bytes(row[0]), bytes(row[1]))


def last_number(connection: Connection, sequence: str) -> int:
    """The last number of a sequence."""
    row = connection.execute(sql.SQL("SELECT last_value FROM {}").format(sql.Identifier(sequence))).fetchone()
    return 0 if row is None else int(row[0])


def columns(connection: Connection, table: str) -> list[str]:
    """The columns of a table, in their order."""
    query = (
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum"
    )
    return [name for (name,) in connection.execute(query, (table,)).fetchall()]


class CopyOut:
    """Reads the rows of a table; how many they were is known at the end."""

    def __init__(self, connection: Connection, table: str, columns: Sequence[str]) -> None:
        self._connection = connection
        self._query = _copy("COPY {} ({}) TO STDOUT", table, columns)
        self.rows = 0

    def __iter__(self) -> Iterator[bytes]:
        with self._connection.cursor() as cursor:
            with cursor.copy(self._query) as copy:
                for block in copy:
                    yield bytes(block)
            self.rows = cursor.rowcount


def _copy(query: str, table: str, columns: Sequence[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL(query).format(sql.Identifier(table), names)


# -- recovering --------------------------------------------------------------------


def existing(transaction: Transaction, names: Sequence[str]) -> list[str]:
    """The tables of these names that exist already."""
    query = "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY(%s)"
    return sorted(name for (name,) in transaction.rows(query, (list(names),)))


def begin_recovery(transaction: Transaction) -> None:
    """Let the statements of this transaction take as long as they need."""
    transaction.execute(_UNLIMITED)


def copy_in(transaction: Transaction, table: str, columns: Sequence[str], blocks: Iterable[bytes]) -> int:
    """Add rows as they were: what the table does at changes is not done again. How many they were."""
    name = sql.Identifier(table)
    connection = transaction.connection
    connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
    with connection.cursor() as cursor:
        with cursor.copy(_copy("COPY {} ({}) FROM STDIN", table, columns)) as copy:
            for block in blocks:
                copy.write(block)
        rows = cursor.rowcount
    connection.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))
    return rows


def continue_sequences(transaction: Transaction, numbers: Mapping[str, int]) -> None:
    """Have sequences go on behind all numbers that were ever taken, also after the dump.

    At least at the microseconds since 1970: no sequence takes as many numbers as there are microseconds.
    """
    for name, last in numbers.items():
        transaction.execute(
            "SELECT setval(%s::regclass, greatest(%s, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint))",
            (name, last + 1),
        )
