"""The interface of a database in which accounts, devices and invitations are stored.

The statements are written once, for all engines, in the SQL that they have in
common: values are `?`, a conflict is `ON CONFLICT`, and nothing depends on the
order in which rows were added. What an engine has of its own, such as its
tables and triggers, is in its module.
"""

from __future__ import annotations

from typing import Any, ContextManager, Hashable, Iterator, Protocol, Sequence

Version = Hashable
"""The type of `StateEngine.version`: only compared."""


class Rows(Protocol):
    """The result of a statement: rows are tuples."""

    @property
    def rowcount(self) -> int:
        """How many rows a statement changed."""

    def fetchone(self) -> Any:
        """The next row; None after the last one."""

    def fetchall(self) -> list[Any]:
        """The rows that were not fetched yet."""

    def __iter__(self) -> Iterator[Any]:
        """The rows, one at a time."""


class Statements(Protocol):
    """A connection, for as long as the block that it was opened for."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Carry out one statement, with a value for each `?`."""

    def executemany(self, statement: str, values: Sequence[Sequence[Any]], /) -> Any:
        """Carry out one statement for each of `values`."""


class StateEngine(Protocol):
    """A database. Every method blocks, may be called in any thread, and raises `OperatorError` where it cannot be used.

    Several processes may use the same database at the same time.
    """

    def exists(self) -> bool:
        """Whether the tables were created."""

    def open(self) -> None:
        """Create the tables or upgrade them to this version, where needed."""

    def close(self) -> None:
        """Release what `version` holds. May be called twice; a later call opens it again."""

    def version(self) -> Version:
        """A value that changes with every change of the database, by any process; cheap enough for every request."""

    def connection(self) -> ContextManager[Statements]:
        """Open a block of statements, each of which is a transaction of its own."""

    def snapshot(self) -> ContextManager[Statements]:
        """Open a block of statements that only read, and see the database as it is at one moment."""

    def transaction(self) -> ContextManager[Statements]:
        """All statements are one transaction, and no other one of any process runs meanwhile.

        It is committed at the end, and rolled back on an exception.
        """

    def check(self) -> None:
        """Raise `OperatorError` where a table is missing or a column holds a value of a wrong type."""
