"""The digests of folders by their signatures: a table in the database of a hash cache.

A row is computed from rows of the hash cache, and counts as long as those would: while the folder has that signature.
So it stays true, and to lose it costs time.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Mapping, NamedTuple

from homeftp.hashing.database import SharedDatabase
from homeftp.hashing.filehash import binary, from_binary
from homeftp.model import TreeDigest

SCHEMA = """
CREATE TABLE IF NOT EXISTS folders (
    directory BLOB PRIMARY KEY,
    signature BLOB NOT NULL,
    below BLOB NOT NULL,
    content BLOB NOT NULL,
    full BLOB NOT NULL,
    files INTEGER NOT NULL,
    directories INTEGER NOT NULL,
    size INTEGER NOT NULL
) WITHOUT ROWID
"""

_SELECT = "SELECT signature, below, content, full, files, directories, size FROM folders WHERE directory = ?"


class KnownFolder(NamedTuple):
    """The digests of a folder, and what it looked like."""

    signature: bytes
    """The signature that it had (`homeftp.hashing.signatures`); the folders in it count by their names and modes."""
    below: bytes
    """A hash of the digests that these folders had; empty where there are none."""
    digests: TreeDigest
    """Its own. Nothing in it was skipped or damaged."""


class FolderTable:
    """The table in a database, which is open. Safe in several threads and processes; nothing raises."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database

    def find(self, directory: str) -> KnownFolder | None:
        """Find what is recorded of a folder; it may have changed since."""
        found: list[KnownFolder] = []

        def select(connection: sqlite3.Connection) -> None:
            for signature, below, content, full, files, directories, size in connection.execute(
                _SELECT, [os.fsencode(directory)]
            ):
                digests = TreeDigest(
                    content=from_binary(content),
                    full=from_binary(full),
                    files=files,
                    directories=directories,
                    size=size,
                )
                found.append(KnownFolder(signature, below, digests))

        self._database.run(select)
        return found[0] if found else None

    def record(self, folders: Mapping[str, KnownFolder]) -> None:
        """Store what is known of folders, by path, in one transaction."""
        rows = [
            (
                os.fsencode(directory),
                signature,
                below,
                binary(digests.content),
                binary(digests.full),
                digests.files,
                digests.directories,
                digests.size,
            )
            for directory, (signature, below, digests) in folders.items()
        ]

        def insert(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO folders VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

        if rows:
            self._database.run(insert)
