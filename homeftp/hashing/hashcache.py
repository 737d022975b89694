"""The hash cache: hashes of files that have not changed since they were hashed.

A row counts only while the file's stat is the same to the nanosecond, and
none is written for a file that was hashed within 2 s of its own mtime, since
a later change could leave the same stat. So a lost, damaged or locked
database costs time, never a wrong answer, and nothing here raises: what is
not known is hashed again. Server and client have one each.

It also tells whether a content was damaged: while the stat is the same no program
has changed the file, so the first hash that was recorded for it stays, and a
file that has another one now is marked (`record_reads`).
"""

from __future__ import annotations

import functools
import os
import sqlite3
from collections import deque
from typing import Any, Iterable, Iterator, Mapping, NamedTuple, Sequence

from homeftp.hashing.database import SharedDatabase, select_in
from homeftp.hashing.filehash import is_trustworthy, signature

_VERSION = 2
_WITHOUT_DAMAGE = 1
"""The version of databases that lack the last two columns."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS hashes (
    directory BLOB NOT NULL,
    name BLOB NOT NULL,
    signature TEXT NOT NULL,
    hash TEXT NOT NULL,
    damage TEXT NOT NULL DEFAULT '',
    content TEXT NOT NULL DEFAULT '',
    read_us INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (directory, name)
) WITHOUT ROWID
"""

_MIGRATION = (
    "ALTER TABLE hashes ADD COLUMN damage TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE hashes ADD COLUMN content TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE hashes ADD COLUMN read_us INTEGER NOT NULL DEFAULT 0",
)

_INDEX = "CREATE INDEX IF NOT EXISTS damaged ON hashes (damage) WHERE damage != ''"

_RECORD = """
INSERT INTO hashes (directory, name, signature, hash, damage, content, read_us) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (directory, name) DO UPDATE
SET signature = excluded.signature, hash = excluded.hash, damage = excluded.damage, content = excluded.content,
    read_us = excluded.read_us
WHERE signature != excluded.signature
"""
"""A hash that is known for the same stat stays: another one would be that of damaged content."""

_RECORD_READ = """
INSERT INTO hashes (directory, name, signature, hash, damage, content, read_us) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (directory, name) DO UPDATE
SET hash = CASE WHEN signature = excluded.signature AND hash != '' THEN hash ELSE excluded.hash END,
    signature = excluded.signature, damage = excluded.damage, content = excluded.content,
    read_us = excluded.read_us
"""

_COLUMNS = "directory, name, signature, hash, damage, content, read_us"

_IN_OR_BENEATH = "(directory = ? OR (directory > ? AND directory < ?))"

_MOVE_MARKS = f"""
UPDATE OR REPLACE hashes INDEXED BY damaged SET directory = CAST(? || substr(directory, ?) AS BLOB)
WHERE damage != '' AND {_IN_OR_BENEATH}
"""

_TO_MOVE = f"SELECT {_COLUMNS} FROM hashes WHERE {_IN_OR_BENEATH} AND damage = '' LIMIT ?"

_PLACE = f"""
INSERT INTO hashes ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (directory, name) DO UPDATE
SET signature = excluded.signature, hash = excluded.hash, damage = excluded.damage, content = excluded.content,
    read_us = excluded.read_us
WHERE damage = ''
"""
"""A mark stays: the file may have been found damaged at its new place."""

MOVED_AT_ONCE = 500
"""Rows that are moved in one transaction: 3 to 5 ms, in which no other thread learns a hash."""

_BENEATH = f"SELECT 1 FROM hashes WHERE {_IN_OR_BENEATH} LIMIT 1"

_KNOWN = "SELECT name, signature, hash, damage, read_us, content FROM hashes WHERE directory = ? AND name"
"""What is asked of some files in a directory; the condition on the name follows."""

_DAMAGE = 4
"""Where it is in the values of a row."""

_SIZE, _MTIME, _INODE = 0, 1, 3
"""Where they are in a signature."""

CONTENT = "content"
"""The damage of a file that has another content than the one that was hashed, although no program has changed it."""

UNREADABLE = "unreadable"
"""The damage of a file that the disk cannot read."""


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
    damage: str = ""
    """`CONTENT` or `UNREADABLE`: it does not have this hash any more."""
    content: str = ""
    """The hash that it has instead, where it is known."""
    read_us: int = 0
    """When it was last read again, in microseconds since 1970; 0: never."""


class KnownHash(NamedTuple):
    """What is known of a file whose stat is the same as when it was hashed, or that is marked as damaged.

    The ctime does not count for a mark: it moves when the file gets a second
    name, which is how it becomes a version, and a crash may come after that.
    """

    hash: str
    """The hash that it had then; "" where it could never be read."""
    damage: str
    """`CONTENT`, `UNREADABLE`, or "" where no damage was found."""
    read_us: int
    """When it was last read again, in microseconds since 1970; 0: never."""
    content: str = ""
    """Of a damaged file: the hash that it had when the damage was found; "" where it could not be read."""
    is_same: bool = True
    """Whether the ctime is the same too. Otherwise a program may have changed a damaged file."""


class StoredHash(NamedTuple):
    """One row: a file as it was when it was hashed. It may be another one by now, or gone."""

    directory: str
    name: str
    signature: str
    hash: str
    damage: str


class HashCache:
    """A hash cache in the file `path`, made with mode 0600; None: in memory. Safe in several threads."""

    def __init__(self, path: str | None, *, busy_seconds: float = 2.0) -> None:
        self._database = SharedDatabase(path, _prepare, busy_seconds=busy_seconds)
        self._moves: deque[tuple[bytes, bytes]] = deque()
        """Directories that were moved, from where and to where, and whose rows are not all moved yet."""
        self.marked = 0
        """Changes after each mark of a damaged file that was stored through this cache."""

    def lookup(self, directory: str, files: Mapping[str, os.stat_result], *, whole: bool = False) -> dict[str, str]:
        """The known hashes of `files`: names in `directory`, with their current stat. Not those of damaged files.

        `whole` as in `known`.
        """
        found: dict[str, str] = {}

        def select(connection: sqlite3.Connection) -> None:
            for key, seen, content_hash, damage, _, _ in _rows(connection, directory, list(files), whole=whole):
                name = os.fsdecode(key)
                file = files.get(name)
                if file is not None and not damage and seen == signature(file):
                    found[name] = content_hash

        self._database.run(select)
        return found

    def known(
        self, directory: str, files: Mapping[str, os.stat_result], *, whole: bool = False
    ) -> dict[str, KnownHash]:
        """What is known of `files`, damaged ones among them.

        `whole` says that these are all the files in the directory from the first of the names to the last: one query
        finds them.
        """
        known: dict[str, KnownHash] = {}

        def select(connection: sqlite3.Connection) -> None:
            for key, seen, content_hash, damage, read_us, content in _rows(
                connection, directory, list(files), whole=whole
            ):
                name = os.fsdecode(key)
                file = files.get(name)
                if file is None:
                    continue  # it was removed since
                is_same = seen == signature(file)
                if is_same or (damage and is_still_marked(seen, file)):
                    known[name] = KnownHash(content_hash, damage, read_us, content, is_same)

        self._database.run(select)
        return known

    def known_file(self, directory: str, name: str, found: os.stat_result) -> KnownHash | None:
        """What is known of one file in `directory`, with its current stat."""
        return self.known(directory, {name: found}).get(name)

    def has_beneath(self, directory: str) -> bool:
        """Whether anything is known of files in or beneath a directory; they may have changed since."""
        found: list[object] = []
        top = os.fsencode(directory)

        def select(connection: sqlite3.Connection) -> None:
            found.extend(connection.execute(_BENEATH, (top, *_beneath(top, os.sep))))

        self._database.run(select)
        return bool(found)

    def former(self, directory: str, names: Sequence[str]) -> dict[str, str]:
        """The hash that each of these files in `directory` had when it was last hashed; it may have changed since."""
        keys = [os.fsencode(name) for name in names]
        found: dict[str, str] = {}
        query = "SELECT name, hash FROM hashes WHERE directory = ? AND name IN"

        def select(connection: sqlite3.Connection) -> None:
            for key, content_hash in select_in(connection, query, [os.fsencode(directory)], keys):
                found[os.fsdecode(key)] = content_hash

        self._database.run(select)
        return found

    def record(self, rows: Iterable[CachedHash]) -> None:
        """Store hashes, in one transaction; rows that could not be trusted later are left out."""
        self._insert(_RECORD, _values(rows))

    def record_reads(self, rows: Iterable[CachedHash]) -> None:
        """Store what reading files again has shown; a known hash stays."""
        self._insert(_RECORD_READ, _values(rows))

    def mark(self, row: CachedHash) -> bool:
        """Store what reading a damaged file again has shown; whether no such reading had found it damaged before.

        In one step, so that of several that find the same damage at the same time one is told so. A mark with
        `read_us` 0 is not that of such a reading. Also true where that cannot be known.
        """
        values = _values([row])
        known: list[tuple[str, str, int]] = []
        query = "SELECT signature, damage, read_us FROM hashes WHERE directory = ? AND name = ?"

        def update(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                known.extend(connection.execute(query, values[0][:2]))
                connection.executemany(_RECORD_READ, values)

        if values:
            self._database.run(update)
            self.marked += 1
        return not any(damage and read and is_still_marked(seen, row.found) for seen, damage, read in known)

    def damaged(self) -> list[StoredHash]:
        """The files that are marked as damaged. Some may have been changed or removed since."""
        return self._select("damage != ''")

    def with_hash(self, hash: str) -> list[StoredHash]:
        """The files that had this hash, and are not marked as damaged. Reads the whole table."""
        return self._select("hash = ? AND damage = ''", hash)

    def moved(self, old: str, new: str) -> None:
        """A directory was moved: what is known of the files beneath it holds at their new place.

        That is known there at once of damaged files and of some others, and of the rest when `do_deferred` was called
        as often as it asks for.
        """
        top, there = os.fsencode(old), os.fsencode(new)

        def update(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute(_MOVE_MARKS, (there, len(top) + 1, top, *_beneath(top)))
            self._moves.append((top, there))

        self._database.run(update)
        self.do_deferred()

    def do_deferred(self) -> bool:
        """Move some more of what is known of files whose directories were moved; whether anything is left."""

        def move(connection: sqlite3.Connection) -> None:
            if not self._moves:
                return
            top, there = self._moves[0]
            rows = connection.execute(_TO_MOVE, (top, *_beneath(top), MOVED_AT_ONCE)).fetchall()
            with connection:
                connection.executemany("DELETE FROM hashes WHERE directory = ? AND name = ?", [row[:2] for row in rows])
                connection.executemany(_PLACE, [(there + row[0][len(top) :], *row[1:]) for row in rows])
            if len(rows) < MOVED_AT_ONCE:
                self._moves.popleft()

        if self._moves and not self._database.run(move):
            self._moves.clear()
        return bool(self._moves)

    def forget(self, row: StoredHash) -> None:
        """Remove a row, as long as it is about that file."""
        keys = os.fsencode(row.directory), os.fsencode(row.name), row.signature

        def delete(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("DELETE FROM hashes WHERE directory = ? AND name = ? AND signature = ?", keys)

        self._database.run(delete)

    def _insert(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany(statement, values)

        if values:
            self._database.run(insert)
        if any(row[_DAMAGE] for row in values):
            self.marked += 1

    def _select(self, condition: str, *values: str) -> list[StoredHash]:
        found: list[StoredHash] = []
        query = f"SELECT directory, name, signature, hash, damage FROM hashes WHERE {condition}"

        def select(connection: sqlite3.Connection) -> None:
            for directory, name, *others in connection.execute(query, values):
                found.append(StoredHash(os.fsdecode(directory), os.fsdecode(name), *others))

        self._database.run(select)
        return found

    def close(self) -> None:
        """Close the database; after that nothing is known and nothing is stored. May be called twice."""
        self._database.close()


def _rows(connection: sqlite3.Connection, directory: str, names: Sequence[str], *, whole: bool) -> Iterator[Any]:
    """The rows of these files in a directory; with `whole` perhaps those of others between them."""
    keys = list(map(os.fsencode, names))
    if whole and keys:
        return connection.execute(f"{_KNOWN} BETWEEN ? AND ?", (os.fsencode(directory), min(keys), max(keys)))
    return select_in(connection, f"{_KNOWN} IN", [os.fsencode(directory)], keys)


def _prepare(connection: sqlite3.Connection) -> bool:
    """The table; False for a database of another version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, _WITHOUT_DAMAGE, _VERSION):
        return False
    if version == _WITHOUT_DAMAGE:
        for statement in _MIGRATION:
            connection.execute(statement)
    connection.execute(_SCHEMA)
    connection.execute(_INDEX)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    return True


def _beneath(directory: bytes, separator: str = "/") -> tuple[bytes, bytes]:
    """The bounds of the directories beneath a directory."""
    top = directory.removesuffix(separator.encode())
    return top + separator.encode(), top + chr(ord(separator) + 1).encode()


def is_still_marked(marked: str, found: os.stat_result) -> bool:
    """Whether a file with this stat is the one that had the signature `marked` when its damage was found."""
    before, now = marked.split("."), signature(found).split(".")
    return all(before[part] == now[part] for part in (_SIZE, _MTIME, _INODE))


def _values(rows: Iterable[CachedHash]) -> list[tuple[object, ...]]:
    """The columns of those rows that can be trusted later."""
    encoded = functools.cache(os.fsencode)  # the rows of one call are those of few directories
    return [
        (encoded(directory), os.fsencode(name), signature(found), content_hash, damage, content, read_us)
        for directory, name, found, content_hash, hashed_ns, damage, content, read_us in rows
        if is_trustworthy(found, hashed_ns)
    ]
