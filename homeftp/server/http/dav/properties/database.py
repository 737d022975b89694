"""The dead properties of one server: in a database of their own in the state folder, by the path in the store.

They follow what the server moves and removes; what another program moves in the shared folder leaves them behind.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from threading import Lock
from typing import Callable, Mapping, Sequence

from zope.interface import implementer

from homeftp.config import Limits
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import Internal, NoSpace
from homeftp.hashing.database import SharedDatabase, tables
from homeftp.model import Change
from homeftp.server.http.dav.properties.bounds import MAX_BYTES, KeptSizes, require_small, size_of
from homeftp.server.http.dav.properties.interface import IProperties, Properties
from homeftp.server.http.dav.xmlbody import Name

FILE = "webdav.sqlite"
"""Inside the state folder."""

_BUSY_SECONDS = 5.0
_FIRST_VERSION = 1
_VERSION = 2
_TABLES = (
    "CREATE TABLE IF NOT EXISTS properties (parent TEXT NOT NULL, name TEXT NOT NULL, namespace TEXT NOT NULL,"
    " local TEXT NOT NULL, value TEXT NOT NULL, owner TEXT NOT NULL DEFAULT '', size INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (parent, name, namespace, local)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS owners ON properties (owner, size)",
)
_UPGRADE = (
    "ALTER TABLE properties ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE properties ADD COLUMN size INTEGER NOT NULL DEFAULT 0",
    f"PRAGMA user_version = {_VERSION}",
)
"""The properties of the first version count for no account."""


@implementer(IProperties)
class PropertyDatabase:
    """The properties of all resources of one server."""

    def __init__(self, folder: str, limits: Limits | None = None, most_bytes: int = MAX_BYTES) -> None:
        self._limits = Limits() if limits is None else limits
        self._most_bytes = most_bytes
        self._path = os.path.join(folder, FILE)
        self._database: SharedDatabase | None = None
        self._lock = Lock()
        self._empty: bool | None = None
        """Whether there are none at all, as long as that is known: most servers have none."""

    def close(self) -> None:
        """Close the database; a later call opens it again."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def of(self, endpoint: Endpoint) -> Properties:
        """The properties of what is at an endpoint."""
        found: Properties = {}

        def read(connection: sqlite3.Connection) -> None:
            query = "SELECT namespace, local, value FROM properties WHERE parent = ? AND name = ?"
            for namespace, local, value in connection.execute(query, _key(endpoint)):
                found[namespace, local] = value

        self._read(read)
        return found

    def inside(self, directory: Endpoint) -> Mapping[str, Properties]:
        """The properties of everything directly in a directory, by name."""
        found: dict[str, Properties] = {}

        def read(connection: sqlite3.Connection) -> None:
            query = "SELECT name, namespace, local, value FROM properties WHERE parent = ? AND name != ''"
            for name, namespace, local, value in connection.execute(query, (directory.whole,)):
                found.setdefault(name, {})[namespace, local] = value

        self._read(read)
        return found

    def change(self, endpoint: Endpoint, values: Mapping[Name, str | None], owner: str) -> None:
        """Set properties, or with None remove them: all or none. Raises `NoSpace` (52) and `Internal` (50)."""
        require_small(self.of(endpoint), values)

        def write(connection: sqlite3.Connection) -> None:
            key = _key(endpoint)
            with connection:
                for name, value in values.items():
                    connection.execute(
                        "DELETE FROM properties WHERE parent = ? AND name = ? AND namespace = ? AND local = ?",
                        (*key, *name),
                    )
                    if value is not None:
                        connection.execute(
                            "INSERT INTO properties VALUES (?, ?, ?, ?, ?, ?, ?)",
                            (*key, *name, value, owner, size_of(name, value)),
                        )
                if any(value is not None for value in values.values()):
                    self._check(connection, owner)

        self._write(write)

    def follow(self, changes: Sequence[Change]) -> None:
        """Follow what was moved and removed in the store, in the order of that. Never fails: they are hints."""
        found = [change for change in changes if change.what in ("move", "delete")]
        if not found or self._is_empty():
            return

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                for change in found:
                    if change.to is not None:
                        _remove(connection, change.to)
                        _copy(connection, change.endpoint, change.to, deep=change.kind == "directory")
                    _remove(connection, change.endpoint)

        self._open().run(write)

    def _is_empty(self) -> bool:
        if self._empty is None:
            there: list[bool] = []
            self._read(lambda connection: there.extend(connection.execute("SELECT 1 FROM properties LIMIT 1")))
            self._empty = not there
        return self._empty

    def copied(
        self,
        source: Endpoint,
        target: Endpoint,
        owner: str,
        *,
        deep: bool,
        shown: Callable[[Endpoint], bool] = lambda each: True,
    ) -> None:
        """Copy the properties of an endpoint to another."""

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                _remove(connection, target)
            with contextlib.suppress(NoSpace), connection:
                _copy(connection, source, target, deep=deep, owner=owner)
                for each in (target, *(_beneath(connection, target) if deep else ())):
                    relative = each.relative_to(target)
                    if relative is not None and not shown(source.beneath(*relative.parts)):
                        connection.execute("DELETE FROM properties WHERE parent = ? AND name = ?", _key(each))
                self._check(connection, owner)

        self._write(write)

    def _check(self, connection: sqlite3.Connection, owner: str) -> None:
        """Raise `NoSpace` (52) where there are too many by now, of the owner or in all."""
        query = "SELECT count(*), total(size) FROM properties WHERE owner = ?"
        own, own_bytes = connection.execute(query, (owner,)).fetchone()
        query = "SELECT count(*), (SELECT page_count FROM pragma_page_count), (SELECT freelist_count FROM"
        query += " pragma_freelist_count), (SELECT page_size FROM pragma_page_size) FROM properties"
        count, pages, free, size = connection.execute(query).fetchone()
        KeptSizes(own, own_bytes, count, (pages - free) * size).require(self._limits, self._most_bytes)

    def _read(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Where the database cannot be read there are no properties."""
        if self._database is not None or os.path.exists(self._path):
            self._open().run(work)

    def _write(self, work: Callable[[sqlite3.Connection], None]) -> None:
        self._empty = False
        if not self._open().run(work):
            raise Internal("the server cannot keep properties: see whether its state folder's disk is full")

    def _open(self) -> SharedDatabase:
        with self._lock:
            if self._database is None:
                self._database = SharedDatabase(self._path, _prepare, busy_seconds=_BUSY_SECONDS)
            return self._database


def _prepare(connection: sqlite3.Connection) -> bool:
    """Make the tables, or bring those of the first version up to date; False for a database of a later version."""
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == _FIRST_VERSION:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _UPGRADE:
                connection.execute(statement)
    return tables(_VERSION, _TABLES)(connection)


def _key(endpoint: Endpoint) -> tuple[str, str]:
    """The directory and the name of a resource; the root has the name ""."""
    return endpoint.parent.whole, endpoint.name


def _range(endpoint: Endpoint) -> tuple[str, str, str]:
    """The directory itself, and the bounds of the paths beneath it; `0` is the character behind `/`."""
    whole = endpoint.whole
    return whole, f"{whole}/", f"{whole}0"


_BENEATH = "(parent = ? OR (parent > ? AND parent < ?))"


def _beneath(connection: sqlite3.Connection, directory: Endpoint) -> list[Endpoint]:
    """The endpoints beneath a directory that have properties."""
    query = f"SELECT DISTINCT parent, name FROM properties WHERE {_BENEATH} AND name != ''"
    return [
        ROOT.beneath(*filter(None, parent.split("/")), name)
        for parent, name in connection.execute(query, _range(directory))
    ]


def _remove(connection: sqlite3.Connection, endpoint: Endpoint) -> None:
    connection.execute("DELETE FROM properties WHERE parent = ? AND name = ?", _key(endpoint))
    connection.execute(f"DELETE FROM properties WHERE {_BENEATH} AND name != ''", _range(endpoint))


def _copy(
    connection: sqlite3.Connection, source: Endpoint, target: Endpoint, *, deep: bool, owner: str | None = None
) -> None:
    """Copy properties; they count for `owner`, or for the same accounts as before."""
    columns = "namespace, local, value, coalesce(?, owner), size FROM properties"
    connection.execute(
        f"INSERT INTO properties SELECT ?, ?, {columns} WHERE parent = ? AND name = ?",
        (*_key(target), owner, *_key(source)),
    )
    if deep:
        connection.execute(
            f"INSERT INTO properties SELECT ? || substr(parent, ?), name, {columns} WHERE {_BENEATH} AND name != ''",
            (target.whole, len(source.whole) + 1, owner, *_range(source)),
        )
