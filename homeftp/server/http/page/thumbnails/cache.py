"""Thumbnails that were drawn, in a database in the state folder: by account, content, and the way they are drawn.

They are derived from what the store has: losing them loses nothing, and no backup has them. Whether somebody may see
one is not decided here: the file must have been opened for them before they are asked for.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from threading import Lock
from typing import Callable

from homeftp.config import DAY, MIB
from homeftp.hashing.database import SharedDatabase, tables

FILE = "thumbnails.sqlite"
"""Inside the state folder."""

MAX_BYTES = 64 * MIB
"""Bytes of the database, at most: about ten thousand thumbnails. With more those used least recently go."""

_VERSION = 1
_TABLES = (
    "CREATE TABLE IF NOT EXISTS thumbnails (key BLOB PRIMARY KEY, used INTEGER NOT NULL, content BLOB NOT NULL)",
    "CREATE INDEX IF NOT EXISTS by_use ON thumbnails (used)",
)
_BUSY_SECONDS = 1.0
_KEY_BYTES = 16
_SHARE = 8
"""An eighth goes when it is full."""


def thumbnail_key(account: str, content_hash: str, side: int) -> bytes:
    """The key of a picture's thumbnail.

    Each account has its own: otherwise the time of an answer would tell whether another account has the same picture.
    """
    return hashlib.blake2b(f"{account}\0{content_hash}\0{side}".encode(), digest_size=_KEY_BYTES).digest()


class ThumbnailCache:
    """The thumbnails of all accounts. Blocks; for any thread."""

    def __init__(self, folder: str, most_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.time) -> None:
        self._path = os.path.join(folder, FILE)
        self._most_bytes = most_bytes
        self._clock = clock
        self._database: SharedDatabase | None = None
        self._lock = Lock()

    def close(self) -> None:
        """Close the database; a later call opens it again."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def find(self, key: bytes) -> bytes | None:
        """The kept thumbnail: b"" for a picture that has none; None where nothing is known."""
        found: list[bytes] = []

        def read(connection: sqlite3.Connection) -> None:
            row = connection.execute("SELECT used, content FROM thumbnails WHERE key = ?", (key,)).fetchone()
            if row is None:
                return
            found.append(row[1])
            now = int(self._clock())
            if now - row[0] >= DAY:
                with connection:
                    connection.execute("UPDATE thumbnails SET used = ? WHERE key = ?", (now, key))

        self._open().run(read)
        return found[0] if found else None

    def keep(self, key: bytes, content: bytes) -> None:
        """Keep a thumbnail, or b"" for a picture that has none."""

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                row = (key, int(self._clock()), content)
                connection.execute("INSERT OR REPLACE INTO thumbnails VALUES (?, ?, ?)", row)
                if self._size(connection) > self._most_bytes:
                    connection.execute(
                        "DELETE FROM thumbnails WHERE key IN (SELECT key FROM thumbnails ORDER BY used LIMIT"
                        f" (SELECT count(*) / {_SHARE} + 1 FROM thumbnails))"
                    )

        self._open().run(write)

    def _size(self, connection: sqlite3.Connection) -> int:
        query = (
            "SELECT ((SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count))"
        )
        size: int = connection.execute(f"{query} * (SELECT page_size FROM pragma_page_size)").fetchone()[0]
        return size

    def _open(self) -> SharedDatabase:
        with self._lock:
            if self._database is None:
                self._database = SharedDatabase(self._path, tables(_VERSION, _TABLES), busy_seconds=_BUSY_SECONDS)
            return self._database
