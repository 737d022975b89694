"""The hash cache: hashes of files that have not changed since they were hashed.

A row counts only while the file's stat is the same to the nanosecond, and
none is written for a file that was hashed within 2 s of its own mtime, since
a later change could leave the same stat. So a lost, damaged or locked
database costs time, never a wrong answer, and nothing here raises: what is
not known is hashed again. Server and client have one each.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from threading import Lock
from typing import Callable, Iterable, Mapping, NamedTuple

from homeftp.hashing.filehash import is_trustworthy, signature

_VERSION = 1

_ASKED_AT_ONCE = 500
"""Names in one query; every SQLite takes 999 parameters."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS hashes (
    directory BLOB NOT NULL,
    name BLOB NOT NULL,
    signature TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (directory, name)
) WITHOUT ROWID
"""


class CachedHash(NamedTuple):
    """The hash of a file."""

    directory: str
    """The path of its directory, spelled the same way every time."""
    name: str
    found: os.stat_result
    """Its stat after it was read."""
    hash: str
    hashed_ns: int
    """When the hashing began, in nanoseconds since 1970."""


class HashCache:
    """A hash cache in the file `path`, made with mode 0600; None: in memory. Safe in several threads."""

    def __init__(self, path: str | None, *, busy_seconds: float = 2.0) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._lock = Lock()
        self._connection = self._open()

    def lookup(self, directory: str, files: Mapping[str, os.stat_result]) -> dict[str, str]:
        """The known hashes of `files`: names in `directory`, with their current stat."""
        names = {os.fsencode(name): name for name in files}
        keys = list(names)
        known: dict[str, str] = {}

        def select(connection: sqlite3.Connection) -> None:
            for start in range(0, len(keys), _ASKED_AT_ONCE):
                asked = keys[start : start + _ASKED_AT_ONCE]
                marks = ",".join("?" * len(asked))
                query = f"SELECT name, signature, hash FROM hashes WHERE directory = ? AND name IN ({marks})"
                for key, seen, content_hash in connection.execute(query, [os.fsencode(directory), *asked]):
                    name = names[key]
                    if seen == signature(files[name]):
                        known[name] = content_hash

        self._with_database(select)
        return known

    def record(self, rows: Iterable[CachedHash]) -> None:
        """Store hashes, in one transaction; rows that could not be trusted later are left out."""
        values = [
            (os.fsencode(row.directory), os.fsencode(row.name), signature(row.found), row.hash)
            for row in rows
            if is_trustworthy(row.found, row.hashed_ns)
        ]

        def insert(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)", values)

        if values:
            self._with_database(insert)

    def close(self) -> None:
        """Close the database; after that nothing is known and nothing is stored. May be called twice."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def _with_database(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Run `work` alone; a failure leaves a gap in the cache, a damaged database is replaced."""
        with self._lock:
            if self._connection is None:
                return
            try:
                work(self._connection)
            except sqlite3.OperationalError:
                return  # locked by another process for too long, or the disk is full
            except sqlite3.DatabaseError:
                self._connection.close()
                self._remove()
                self._connection = self._open()

    def _open(self) -> sqlite3.Connection | None:
        """The database, replaced if it is damaged; None where there cannot be one."""
        if self._path is None:
            in_memory = sqlite3.connect(":memory:", check_same_thread=False)
            self._prepare(in_memory)
            return in_memory
        for _ in range(2):
            with contextlib.suppress(OSError):
                os.makedirs(os.path.dirname(os.path.abspath(self._path)), mode=0o700, exist_ok=True)
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = None
            try:
                connection = sqlite3.connect(self._path, timeout=self._busy_seconds, check_same_thread=False)
                if self._prepare(connection):
                    return connection
            except sqlite3.OperationalError:
                if connection is not None:
                    connection.close()
                return None
            except sqlite3.DatabaseError:
                pass
            if connection is not None:
                connection.close()
            self._remove()
        return None

    def _prepare(self, connection: sqlite3.Connection) -> bool:
        """Settings and table; False for a database of another version.

        A write-ahead log with checksums: a power cut takes rows away but never
        mixes two, so that commits need not wait for the disk.
        """
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            return False
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        return True

    def _remove(self) -> None:
        for suffix in () if self._path is None else ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self._path}{suffix}")
