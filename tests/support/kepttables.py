"""Tables and connections of a PostgreSQL that serve one test after the other: to make them takes longer than a test.

A test takes tables, and gives them back: they are emptied, and left where the test has changed more than their rows. So
what a database learns of statements and tables on a connection is of use to all tests.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections import defaultdict
from typing import Sequence

import attrs
from twisted.trial.unittest import SynchronousTestCase

from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import SchemaPart, make_steps
from tests.support import engines

PATIENT = DatabaseTimeouts(operation=30, outcome=30, connect=30, lock=30)
"""Time-outs for a machine that does many other things."""

_MOST_KEPT = 2
"""Connections of one database that stay open: PostgreSQL has a limit for all of them."""

_SHAPE = """
SELECT coalesce(array_agg(each ORDER BY each), '{}') FROM (
    SELECT concat_ws(' ', c.relname, a.attname, a.atttypid, a.attcollation, a.attnotnull) FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT concat_ws(' ', tgname, tgenabled) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
    UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
) AS shape(each)
"""
"""Everything in a schema but its rows: columns of tables and indexes, triggers and functions."""

_TABLES = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'homeftp_schema'"

_SEQUENCES = "SELECT sequencename::text FROM pg_sequences WHERE schemaname = current_schema()"


@functools.cache
def _free(process: int) -> defaultdict[object, list[Database]]:
    """The databases that no test uses just now. A process that was forked has none: it cannot share connections."""
    return defaultdict(list)


class KeptDatabase(Database):
    """A database whose connections stay open for the next test. To close it is to give it back."""

    def __init__(self, url: str, connections: int, timeouts: DatabaseTimeouts, free: list[Database]) -> None:
        super().__init__(url, connections=connections, timeouts=timeouts)
        self._free = free

    def close(self) -> None:
        """Let the next test have it; where many connections were made, end them. May be called twice."""
        if self.usage().open > _MOST_KEPT:
            super().close()
        elif self not in self._free:
            self._free.append(self)


def kept_database(url: str, connections: int = 1, timeouts: DatabaseTimeouts = PATIENT) -> Database:
    """Connections to a database that nobody else uses, some of them open already."""
    free = _free(os.getpid())[url, connections, timeouts]
    return free.pop() if free else KeptDatabase(url, connections, timeouts, free)


@attrs.define
class KeptTables:
    """The tables of some parts of the schema, in as many schemas as tests need at a time."""

    parts: Sequence[SchemaPart]
    _free: list[str] = attrs.field(factory=list)
    """The URLs of those that no test uses just now."""
    _shape: list[str] = attrs.field(factory=list)
    """Everything in such a schema but its rows."""
    _emptying: bytes = b""
    """The statements that leave the rows of new tables."""

    def take(self) -> str:
        """The URL of a schema whose tables are as new."""
        return self._free.pop() if self._free else self._make()

    def give_back(self, url: str) -> None:
        """Empty a schema for the next test, unless its tables have been changed."""
        with contextlib.closing(kept_database(url)) as database:
            if database.transact(self._empty):
                self._free.append(url)

    def _empty(self, transaction: Transaction) -> bool:
        if transaction.row(_SHAPE)[0] != self._shape:
            return False
        transaction.execute(self._emptying)
        return True

    def _make(self) -> str:
        url = engines.empty_schema()
        with contextlib.closing(kept_database(engines.postgresql().url("postgres"))) as database:
            database.transact(functools.partial(self._make_in, engines.schema_of(url)))
        return url

    def _make_in(self, schema: str, transaction: Transaction) -> None:
        transaction.execute("SELECT set_config('search_path', %s, true)", (schema,))
        make_steps(transaction, self.parts)
        if not self._emptying:
            self._shape = transaction.row(_SHAPE)[0]
            self._emptying = _emptying(transaction).encode()


def _emptying(transaction: Transaction) -> str:
    """The statements that give all tables the rows that they have now."""
    tables = [name for (name,) in transaction.rows(_TABLES)]
    steps = ["SET LOCAL session_replication_role = replica", *(f"DELETE FROM {name}" for name in tables)]
    for name in tables:
        (rows,) = transaction.row(f"SELECT jsonb_agg(t)::text FROM {name} t")
        if rows is not None:
            steps.append(f"INSERT INTO {name} SELECT * FROM jsonb_populate_recordset(NULL::{name}, $rows${rows}$rows$)")
    steps += [f"SELECT setval('{name}', 1, false)" for (name,) in transaction.rows(_SEQUENCES)]
    return "; ".join(steps)


def tables_of_test(case: SynchronousTestCase, *parts: SchemaPart) -> str:
    """The URL of a schema with the tables of these parts, as new. A test has it for itself until it is over."""
    tables = kept_tables(*parts)
    url = tables.take()
    case.addCleanup(tables.give_back, url)
    return url


@functools.cache
def kept_tables(*parts: SchemaPart) -> KeptTables:
    """Those of this process that have these parts."""
    return KeptTables(parts)
