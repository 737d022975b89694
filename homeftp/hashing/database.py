"""A SQLite file that several processes of one user share, for data whose loss is no fault: a cache, or a hint.

It is opened here, used by one thread at a time, and replaced when it is damaged. The modules that use it define the
tables.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from threading import Lock
from typing import Any, Callable, Iterator, Sequence

_BESIDE = ("-wal", "-shm")
"""The endings of the files that SQLite keeps beside a database."""

_TRIES = 2
"""A damaged database is replaced once; where its successor cannot be used either, there is none."""

_ASKED_AT_ONCE = 500
"""Keys in one query; every SQLite takes 999 parameters."""


def remove_database(path: str) -> None:
    """Remove a damaged database."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def select_in(
    connection: sqlite3.Connection, query: str, parameters: Sequence[object], keys: Sequence[object]
) -> Iterator[Any]:
    """The rows of a query that ends in `IN`, for any number of keys."""
    for start in range(0, len(keys), _ASKED_AT_ONCE):
        asked = keys[start : start + _ASKED_AT_ONCE]
        yield from connection.execute(f"{query} ({','.join('?' * len(asked))})", [*parameters, *asked])


def set_version(connection: sqlite3.Connection, version: int, found: int) -> None:
    """Set the version of a database, which is `found` now. SQLite would write the same version again, too."""
    if found != version:
        connection.execute(f"PRAGMA user_version = {version}")


def tables(version: int, statements: Sequence[str]) -> Callable[[sqlite3.Connection], bool]:
    """A function that prepares a database of this `version`, which is not 0: the statements make the missing tables."""

    def prepare(connection: sqlite3.Connection) -> bool:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found not in (0, version):
            return False
        for statement in statements:
            connection.execute(statement)
        set_version(connection, version, found)
        return True

    return prepare


class SharedDatabase:
    """A database in the file `path`, made with mode 0600; None: in memory. Safe in several threads and processes.

    `prepare` makes the tables, and returns False for a database of another version. Such a database, and a damaged
    one, is given to `put_aside`, which removes or renames the file; a new one takes its place. Nothing here raises.
    """

    def __init__(
        self,
        path: str | None,
        prepare: Callable[[sqlite3.Connection], bool],
        *,
        busy_seconds: float,
        put_aside: Callable[[str], None] = remove_database,
    ) -> None:
        """Waits at most `busy_seconds` for another process that writes."""
        self.path = path
        self._prepare = prepare
        self._busy_seconds = busy_seconds
        self._put_aside = put_aside
        self._lock = Lock()
        self._opened: os.stat_result | None = None
        self._connection: sqlite3.Connection | None = None
        self._connection = self._open()

    def run(self, work: Callable[[sqlite3.Connection], object]) -> bool:
        """Run `work` alone; False where it failed: no database, locked for too long, a full disk, or damage."""
        with self._lock:
            if self._connection is None:
                return False
            try:
                work(self._connection)
            except sqlite3.OperationalError:
                return False  # locked by another process for too long, or the disk is full
            except sqlite3.DatabaseError:
                self._connection.close()
                self._discard()
                self._connection = self._open()
                return False
            return True

    def is_writable(self) -> bool:
        """Whether something can be written now; where another process writes, that is waited for."""

        def try_to_write(connection: sqlite3.Connection) -> None:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute("BEGIN IMMEDIATE")  # which a file that cannot be written does not refuse
            try:
                connection.execute(f"PRAGMA user_version = {found}")
            finally:
                connection.rollback()

        return self.run(try_to_write)

    def release_memory(self) -> None:
        """Let SQLite forget the pages that it has read."""
        self.run(lambda connection: connection.execute("PRAGMA shrink_memory"))

    def close(self) -> None:
        """Close the database; after that nothing runs. May be called twice."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def __del__(self) -> None:
        """Close a database whose owner has not: SQLite's connections warn when they are collected open."""
        self.close()

    def _open(self) -> sqlite3.Connection | None:
        """The database, replaced if it is damaged; None where there cannot be one."""
        if self.path is None:
            in_memory = sqlite3.connect(":memory:", check_same_thread=False)
            self._prepare(in_memory)
            return in_memory
        for _ in range(_TRIES):
            connection = None
            try:
                with contextlib.suppress(OSError):
                    os.makedirs(os.path.dirname(os.path.abspath(self.path)), mode=0o700, exist_ok=True)
                    os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
                    self._opened = os.stat(self.path)
                connection = sqlite3.connect(self.path, timeout=self._busy_seconds, check_same_thread=False)
                # A write-ahead log has checksums: a power cut takes rows away but never mixes two, so that commits
                # need not wait for the disk.
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                if self._prepare(connection):
                    return connection
            except sqlite3.OperationalError:
                if connection is not None:
                    connection.close()
                return None
            except sqlite3.DatabaseError:
                pass  # it is damaged
            if connection is not None:
                connection.close()
            self._discard()
        return None

    def _discard(self) -> None:
        """Put the damaged file aside, unless another process has replaced it already."""
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            found = os.stat(self.path)
            if self._opened is None or not os.path.samestat(found, self._opened):
                return
        self._put_aside(self.path)
        for suffix in _BESIDE:
            with contextlib.suppress(OSError):
                os.unlink(f"{self.path}{suffix}")
