"""The schema of a cluster's database: made and upgraded step by step, forward only.

A package that keeps something in the database declares a `SchemaPart`: a name, and the steps that make its tables. A
step that was released never changes; what comes later is a further step. Each is written so that servers of the version
before go on working: it adds tables, and columns with defaults, and removes nothing that they use.
"""

from __future__ import annotations

from typing import Mapping, Sequence

import attrs
from psycopg.errors import LockNotAvailable

from homeftp.cluster import commits
from homeftp.cluster.database import Database, Transaction
from homeftp.errors import Busy, OperatorError

_LOCK = 0x686F6D656674  # "homeft"
"""The advisory lock of those who change the schema."""

DUMP_LOCK = 0x686F6D6564756D70  # "homedump"
"""The advisory lock of the writer of a dump: the tables cannot be upgraded while it is held."""

OWN_TABLES = ("homeftp_commits", "homeftp_schema")
"""The tables that are made before those of any part."""

_TABLE = """
CREATE TABLE IF NOT EXISTS homeftp_schema (
    part text NOT NULL,
    step integer NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (part, step)
)
"""


@attrs.frozen
class KeptTable:
    """A table whose rows are in a dump of the database (`homeftp.cluster.dumps`)."""

    name: str
    sealed: bool = False
    """Whether they are encrypted there: who reads the bucket must not."""
    without: tuple[str, ...] = ()
    """Columns that get their defaults when the rows are recovered."""
    since: int = 1
    """The step of its part that makes it."""


@attrs.frozen
class SchemaPart:
    """The tables of one package."""

    name: str
    """Unique among the parts of a database."""
    steps: tuple[str, ...]
    """SQL, each of several statements, in the order in which they were released. Steps are only ever appended."""
    needs: tuple[str, ...] = ()
    """The parts whose tables it refers to: they are made before it."""
    kept: tuple[KeptTable, ...] = ()
    """The tables that a dump has."""
    sequences: tuple[str, ...] = ()
    """The sequences of which a dump has the last number."""
    left: tuple[str, ...] = ()
    """All other tables: what they hold is of no use to another database."""


@attrs.frozen
class SchemaState:
    """How far one part of a database's schema is."""

    name: str
    made: int
    """Steps that were made."""
    known: int
    """Steps that this version knows."""

    @property
    def problem(self) -> str | None:
        """Why a server cannot use it, in words for the owner; None where it can."""
        if self.made == 0:
            return "the database has no homeftp tables yet. Make them with: homeftp cluster init"
        if self.made < self.known:
            return "the database was made by an older homeftp. Upgrade it with: homeftp cluster migrate"
        return None


def states(database: Database, parts: Sequence[SchemaPart]) -> list[SchemaState]:
    """How far each part is. Raises `Busy` (51)."""
    (there,) = database.row(
        "SELECT to_regclass('homeftp_schema') IS NOT NULL AND to_regclass('homeftp_commits') IS NOT NULL"
    )
    made = dict(database.rows("SELECT part, max(step) FROM homeftp_schema GROUP BY part")) if there else {}
    return [SchemaState(part.name, made.get(part.name, 0), len(part.steps)) for part in parts]


def expect_current(database: Database, parts: Sequence[SchemaPart]) -> None:
    """Raise `OperatorError` where a part lacks a step that this version needs. Steps of later versions do no harm."""
    problem = next((state.problem for state in states(database, parts) if state.problem is not None), None)
    if problem is not None:
        raise OperatorError(problem)


def expect_known(made: Mapping[str, int], parts: Sequence[SchemaPart]) -> None:
    """Raise `OperatorError` where a step of a part was made that this version does not know."""
    known = {part.name: len(part.steps) for part in parts}
    if any(step > known.get(name, 0) for name, step in made.items()):
        raise OperatorError(
            "a newer homeftp upgraded the database, so a dump by this version would be incomplete. Upgrade this "
            "server, and write a dump with the newer version: homeftp cluster dump"
        )


def migrate(database: Database, parts: Sequence[SchemaPart]) -> list[str]:
    """Make what is missing, in one transaction; the steps that were made, as "NAME STEP".

    If several processes do so at once, one makes the steps, and the others find them made. Raises `OperatorError` while
    a dump is written, or while others keep the tables locked.
    """

    def work(transaction: Transaction) -> list[str]:
        missing = _missing(transaction, parts)
        if missing and not transaction.row("SELECT pg_try_advisory_xact_lock(%s)", (DUMP_LOCK,))[0]:
            raise OperatorError(
                "a dump of the database is being written, and nothing was changed: try again when it is complete"
            )
        return _make(transaction, missing)

    try:
        return database.transact(work, maintenance=True)
    except Busy as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise OperatorError(
                "the tables are in use, as by a backup or by another upgrade, and nothing was changed: try again when "
                "that is done"
            ) from error
        raise


def make_steps(transaction: Transaction, parts: Sequence[SchemaPart]) -> list[str]:
    """Make the missing steps within a transaction."""
    return _make(transaction, _missing(transaction, parts))


def _missing(transaction: Transaction, parts: Sequence[SchemaPart]) -> list[tuple[str, int, str]]:
    """The missing steps, each with its part and number. Until the transaction ends no other one makes any."""
    transaction.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    transaction.execute(commits.TABLE)
    transaction.execute(_TABLE)
    made = dict(transaction.rows("SELECT part, max(step) FROM homeftp_schema GROUP BY part"))
    return [
        (part.name, number, step)
        for part in ordered(parts)
        for number, step in enumerate(part.steps, 1)
        if number > made.get(part.name, 0)
    ]


def _make(transaction: Transaction, steps: Sequence[tuple[str, int, str]]) -> list[str]:
    for name, number, step in steps:
        transaction.execute(step.encode())
        transaction.execute("INSERT INTO homeftp_schema (part, step) VALUES (%s, %s)", (name, number))
    return [f"{name} {number}" for name, number, _ in steps]


def ordered(parts: Sequence[SchemaPart]) -> list[SchemaPart]:
    """The parts, each after those that it needs. Raises ValueError where one is missing, or they need each other."""
    done: dict[str, SchemaPart] = {}
    left = list(parts)
    while left:
        ready = [part for part in left if all(name in done for name in part.needs)]
        if not ready:
            raise ValueError(f"these parts of the schema need what is not there: {[part.name for part in left]}")
        done.update((part.name, part) for part in ready)
        left = [part for part in left if part.name not in done]
    return list(done.values())
