"""Accounts, devices and invitations in SQLite: one file in the state folder.

Every call has a connection for itself, so that commands and a running server
may use the database at the same time, from any thread. No error of SQLite
leaves this module.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from threading import Lock
from typing import Iterator

from homeftp.accounts.state.connections import SqliteConnections, SqliteStatements
from homeftp.accounts.state.schema import COLUMN_TYPES, SCHEMA
from homeftp.config import KIB
from homeftp.crypto.secretfiles import private_file, private_folder
from homeftp.errors import OperatorError

FILE = "state.sqlite"
"""Inside the state folder."""

_LOW_SPACE = 256 * KIB
"""Free bytes below which SQLite cannot open its write-ahead log."""

BUSY_SECONDS = 5.0
"""How long to wait for another process that writes."""


class SqliteState:
    """The database in the state folder `folder`, as `StateEngine` describes it.

    It is opened when it is first used, or by `open`; folder and database are
    created where they do not exist.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._path = os.path.join(os.path.abspath(folder), FILE)
        self._connections = SqliteConnections(self._path, BUSY_SECONDS)
        self._is_open = False
        self._watch: sqlite3.Connection | None = None
        self._watched = (0, 0, 0)
        self._watch_lock = Lock()

    def exists(self) -> bool:
        """Whether the database was created."""
        return os.path.exists(self._path)

    def open(self) -> None:
        """Create the database or upgrade it to this version, where needed."""
        # SQLite itself would create the file as open as the umask allows.
        private_file(os.path.join(private_folder(self._folder), FILE))
        with self._connect() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            if self._version(connection) < len(SCHEMA):
                connection.execute("BEGIN IMMEDIATE")
                version = self._version(connection)  # another process may have been first
                for statement in SCHEMA[version:]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {len(SCHEMA)}")
                connection.execute("COMMIT")
        self._is_open = True

    def _version(self, connection: SqliteStatements) -> int:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(SCHEMA):
            raise OperatorError(f"{self._path} was made by a newer version of homeftp: upgrade homeftp")
        return version

    def close(self) -> None:
        """Release the connections that are open. May be called twice; a later call opens it again."""
        with self._watch_lock:
            self._stop_watching()
        self._connections.close()

    def version(self) -> tuple[int, int, int, int]:
        """A value that changes with every change of the database, by any process.

        It costs a few microseconds, to be asked before every job. Raises
        `OperatorError` where the file has vanished or cannot be read.
        """
        with self._watch_lock:
            try:
                status = os.stat(self._path)
                file = status.st_dev, status.st_ino
                if self._watch is None or self._watched[:2] != file:
                    self._stop_watching()
                    self._watched = (*file, self._watched[2] + 1)
                    self._watch = self._connections.new()
                (count,) = self._watch.execute("PRAGMA data_version").fetchone()
            except (OSError, sqlite3.Error) as error:
                self._stop_watching()
                raise OperatorError(f"cannot use the accounts in {self._path}: {error}") from error
            return *self._watched, count

    def _stop_watching(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()

    def check(self) -> None:
        """Raise `OperatorError` where a table is missing or a column holds a value of a wrong type."""
        with self.connection() as connection:
            for table, columns in COLUMN_TYPES.items():
                wrong = " OR ".join(f"typeof({column}) NOT IN ({kinds})" for column, kinds in columns.items())
                if connection.execute(f"SELECT count(*) FROM {table} WHERE {wrong}").fetchone()[0]:
                    raise OperatorError(f"{self._path} holds values of a wrong type in its table {table}")

    @contextmanager
    def transaction(self) -> Iterator[SqliteStatements]:
        """A connection whose statements are one transaction: committed at the end, rolled back on an exception."""
        with self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:  # some errors have ended it already
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def snapshot(self) -> Iterator[SqliteStatements]:
        """A connection whose statements all see the database as it is when the first of them runs."""
        with self.connection() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def connection(self) -> Iterator[SqliteStatements]:
        """A connection on which every statement is a transaction of its own."""
        if not self._is_open:
            self.open()
        with self._connect() as connection:
            yield connection

    @contextmanager
    def _connect(self) -> Iterator[SqliteStatements]:
        try:
            with self._connections.use() as statements:
                yield statements
        except sqlite3.Error as error:
            raise OperatorError(f"cannot use the accounts in {self._path}: {error}{_if_full(self._path)}") from error


def _if_full(path: str) -> str:
    """A hint that SQLite's message lacks; "" where the disk has space left."""
    try:
        disk = os.statvfs(os.path.dirname(path))
    except OSError:
        return ""
    return ": the disk is full; free some space on it" if disk.f_bavail * disk.f_frsize < _LOW_SPACE else ""
