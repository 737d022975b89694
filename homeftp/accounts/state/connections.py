"""The open connections to an SQLite file, kept for the next that needs one.

Other processes may change the file, or replace it, at any time. What the
statements mean is not known here.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Iterator, Sequence
from weakref import WeakSet

IDLE = 4
"""How many are kept while nothing needs them: more than this are rarely needed at once."""


class SqliteConnections:
    """The connections of this process to the file at `path`, each used by one thread at a time.

    One is kept only while the file is the one that it opened: SQLite would go
    on to read and write a file that was replaced or removed. No process uses a
    connection that it has from before a fork, nor closes it: what SQLite has
    locked belongs to the other process.
    """

    def __init__(self, path: str, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._lock = Lock()
        self._idle: list[tuple[_Origin, sqlite3.Connection]] = []
        self._closed = 0
        self._inherited: list[sqlite3.Connection] = []
        self._address = f"{Path(path).as_uri()}?mode=rw"  # a file that vanished is an error, not an empty database

    def __del__(self) -> None:
        self.close()

    def new(self) -> sqlite3.Connection:
        """One that is not kept, in autocommit mode; any thread may use it, and the caller closes it."""
        return sqlite3.connect(
            self._address, uri=True, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )

    @contextmanager
    def use(self) -> Iterator[SqliteStatements]:
        """One for the statements of a block, which sees all that was committed before.

        Raises `sqlite3.Error`. A connection of which a block ends by an exception, or in a transaction,
        is closed.
        """
        origin = self._origin()
        connection = self._take(origin)
        is_known = connection is not None
        if connection is None:
            connection = self.new()
        try:
            is_known = is_known or self._origin() == origin  # otherwise it may have opened another file
            statements = SqliteStatements(connection)
            yield statements
            statements.end()
        except BaseException:
            connection.close()
            raise
        if not is_known or connection.in_transaction or not self._keep(origin, connection):
            connection.close()

    def close(self) -> None:
        """Close those that nothing uses, and the others when they are not used any more. Later uses open new ones."""
        with self._lock:
            self._closed += 1
            idle, self._idle = self._idle, []
        self._close(idle)

    def _origin(self) -> _Origin:
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from error
        return os.getpid(), self._closed, status.st_dev, status.st_ino

    def _take(self, origin: _Origin) -> sqlite3.Connection | None:
        with self._lock:
            if self._idle and self._idle[-1][0] == origin:
                return self._idle.pop()[1]
            outdated, self._idle = self._idle, []  # the one that was added last is the newest
        self._close(outdated)
        return None

    def _keep(self, origin: _Origin, connection: sqlite3.Connection) -> bool:
        with self._lock:
            if len(self._idle) == IDLE or origin[1] != self._closed:
                return False
            self._idle.append((origin, connection))
            return True

    def _close(self, connections: list[tuple[_Origin, sqlite3.Connection]]) -> None:
        for (process, *_), connection in connections:
            if process == os.getpid():
                connection.close()
            else:
                self._inherited.append(connection)


class SqliteStatements:
    """The statements of a block, as `homeftp.accounts.state.interface.Statements` describes them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._results: WeakSet[sqlite3.Cursor] = WeakSet()  # most are read at once, and end with that

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> sqlite3.Cursor:
        """Carry out one statement, with a value for each `?`."""
        cursor = self._connection.execute(statement, values)
        if cursor.description is not None:
            self._results.add(cursor)
        return cursor

    def executemany(self, statement: str, values: Sequence[Sequence[Any]], /) -> sqlite3.Cursor:
        """Carry out one statement for each of `values`."""
        return self._connection.executemany(statement, values)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun and not ended."""
        return self._connection.in_transaction

    def end(self) -> None:
        """Read no more rows: unread rows would keep the connection at what they saw."""
        for cursor in list(self._results):
            cursor.close()


_Origin = tuple[int, int, int, int]
"""The process, how often `close` was called, and the file."""
