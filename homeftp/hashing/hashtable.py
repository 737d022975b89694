"""The table of the hash cache: its columns, and the statements that read and change it.

What a row means, and when it counts, is decided in `hashcache`.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any, Iterator, Sequence

from homeftp.hashing.database import select_in, set_version
from homeftp.hashing.foldertable import SCHEMA as FOLDERS_SCHEMA
from homeftp.hashing.signatures import is_same

_VERSION = 2
_WITHOUT_DAMAGE = 1
"""The version of databases that lack the last two columns."""

_CACHE = 256
"""KiB of its pages that SQLite keeps. Rows of one folder are neighbours, and used together: with SQLite's 2,000 KiB,
which 10,000 files fill, nothing was faster, and nothing among 300,000 files."""

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

_COLUMNS = "directory, name, signature, hash, damage, content, read_us"

_INSERT = f"INSERT INTO hashes ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"

RECORD_WRITTEN = f"""
{_INSERT}
ON CONFLICT (directory, name) DO UPDATE
SET signature = excluded.signature, hash = excluded.hash, damage = excluded.damage, content = excluded.content,
    read_us = excluded.read_us
"""
"""The hash of what this program has written takes the place of any other."""

RECORD = f"{RECORD_WRITTEN} WHERE NOT is_same(signature, excluded.signature)"
"""A hash that is known for the same stat stays: another one would be that of damaged content."""

RECORD_READ = f"""
{_INSERT}
ON CONFLICT (directory, name) DO UPDATE
SET hash = CASE WHEN is_same(signature, excluded.signature) AND hash != '' THEN hash ELSE excluded.hash END,
    signature = excluded.signature, damage = excluded.damage, content = excluded.content,
    read_us = excluded.read_us
"""
"""Records that a file was read again; a known hash stays."""

_IN_OR_BENEATH = "(directory = ? OR (directory > ? AND directory < ?))"

MOVE_MARKS = f"""
UPDATE OR REPLACE hashes INDEXED BY damaged SET directory = CAST(? || substr(directory, ?) AS BLOB)
WHERE damage != '' AND {_IN_OR_BENEATH}
"""
"""Move the rows of damaged files in or beneath a directory."""

TO_MOVE = f"SELECT {_COLUMNS} FROM hashes WHERE {_IN_OR_BENEATH} AND damage = '' LIMIT ?"
"""The other rows."""

PLACE = f"{RECORD_WRITTEN} WHERE damage = ''"
"""Put a row at its new place. A mark stays: the file may have been found damaged there."""

ROW = f"SELECT {_COLUMNS} FROM hashes WHERE directory = ? AND name = ?"
"""One row, with the columns in the order in which it is inserted."""

DELETE = "DELETE FROM hashes WHERE directory = ? AND name = ?"
"""Remove a row."""

DELETE_MARK = f"{DELETE} AND damage != ''"
"""Remove the row of a damaged file."""

DELETE_BENEATH = f"DELETE FROM hashes WHERE {_IN_OR_BENEATH}"
"""Remove the rows of files in or beneath a directory."""

BENEATH = f"SELECT 1 FROM hashes WHERE {_IN_OR_BENEATH} LIMIT 1"
"""Whether there is any of these."""

_KNOWN = "SELECT name, signature, hash, damage, read_us, content FROM hashes WHERE directory = ? AND name"
"""Selects the rows of some files in a directory; the condition on the name follows."""


def prepare(connection: sqlite3.Connection) -> bool:
    """Make the table, and what its statements call; False for a database of another version."""
    connection.create_function("is_same", 2, is_same, deterministic=True)
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version not in (0, _WITHOUT_DAMAGE, _VERSION):
        return False
    if version == _WITHOUT_DAMAGE:
        for statement in _MIGRATION:
            connection.execute(statement)
    connection.execute(_SCHEMA)
    connection.execute(_INDEX)
    connection.execute(FOLDERS_SCHEMA)
    set_version(connection, _VERSION, version)
    return True


def known_rows(connection: sqlite3.Connection, directory: str, names: Sequence[str], *, whole: bool) -> Iterator[Any]:
    """The rows of these files in a directory: name, signature, hash, damage, time of reading, content.

    With `whole` perhaps those of others between them.
    """
    keys = list(map(os.fsencode, names))
    if whole and keys:
        return connection.execute(f"{_KNOWN} BETWEEN ? AND ?", (os.fsencode(directory), min(keys), max(keys)))
    return select_in(connection, f"{_KNOWN} IN", [os.fsencode(directory)], keys)


def beneath(directory: bytes, separator: str = "/") -> tuple[bytes, bytes, bytes]:
    """A directory, and the bounds of the directories beneath it."""
    top = directory.removesuffix(separator.encode())
    return directory, top + separator.encode(), top + chr(ord(separator) + 1).encode()
