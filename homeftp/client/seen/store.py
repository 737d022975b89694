"""The table of what this machine saw last on servers: for each path of a server the hash of its content.

A row is true when it is written, and stays true: this machine has had that content, or was told that it differs. So
two processes may write in any order, and a lost, damaged or locked database makes a push ask more, never less: what
has no row was not seen. Everything here blocks, and nothing raises.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from functools import partial
from threading import Lock
from typing import Callable, Collection, Iterable, Mapping, NamedTuple, Sequence

from homeftp.hashing.database import SharedDatabase, select_in, tables
from homeftp.hashing.filehash import binary, from_binary

_VERSION = 1

_BUSY_SECONDS = 10.0
"""Seconds to wait for another process: it writes a few thousand rows at a time, or removes old ones."""

_MOST_WRITTEN = 20_000
"""Rows of one transaction: another process waits for less than 0.1 s."""

_DAY = 86_400
"""Seconds."""

_REFRESHED_AFTER = 30
"""Days after which a row that is seen again gets the new day: a row that is written each time would cost more."""

MOST_BYTES = 256 * 1024 * 1024
"""Bytes of the database: some two million rows. Then the oldest go."""

_REMOVED = 4
"""One in so many rows is removed from a database that is too large."""

_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS places (
    id INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    account TEXT NOT NULL,
    local TEXT NOT NULL,
    UNIQUE (server, account, local)
)
""",
    """
CREATE TABLE IF NOT EXISTS seen (
    place INTEGER NOT NULL REFERENCES places (id),
    path TEXT NOT NULL,
    hash BLOB NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY (place, path)
) WITHOUT ROWID
""",
    # A folder has a row if each file in it has had one since `day`, and if all beneath it has the content with that
    # digest. Where a file is recorded, the rows of the folders around it are deleted.
    """
CREATE TABLE IF NOT EXISTS folders (
    place INTEGER NOT NULL REFERENCES places (id),
    path TEXT NOT NULL,
    digest BLOB NOT NULL,
    day INTEGER NOT NULL,
    PRIMARY KEY (place, path)
) WITHOUT ROWID
""",
)

_FIND_PLACE = "SELECT id FROM places WHERE server = ? AND account = ? AND local = ?"

_RECORD = f"""
INSERT INTO seen (place, path, hash, day) VALUES (?, ?, ?, ?)
ON CONFLICT (place, path) DO UPDATE SET hash = excluded.hash, day = excluded.day
WHERE hash != excluded.hash OR day < excluded.day - {_REFRESHED_AFTER}
"""

_BENEATH = "(path = ? OR (path > ? AND path < ?))"

_MOVE = f"UPDATE seen SET path = ? || substr(path, ?) WHERE place = ({_FIND_PLACE}) AND {_BENEATH}"

_PRUNE = """
DELETE FROM seen WHERE (place, path) IN
(SELECT place, path FROM seen ORDER BY day LIMIT (SELECT count(*) / ? FROM seen))
"""


class SeenScope(NamedTuple):
    """The folder that paths are relative to: the shared folder of a server, as an account sees it."""

    server: str
    """The fingerprint of the server's CA, whatever its address, and its name on this machine."""
    account: str
    local: str = ""
    """The local folder of a pair of folders that has a state of its own; "" for what this machine has seen at all."""


class SeenStore:
    """The table in the file `path`, made with mode 0600; None: in memory. Safe in several threads and processes."""

    def __init__(
        self,
        path: str | None,
        *,
        busy_seconds: float = _BUSY_SECONDS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives seconds since 1970; a wrong one only changes which rows go first."""
        self._path = path
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = Lock()
        self._notices: list[str] = []
        self._is_pruned = False
        self._database = SharedDatabase(
            path, tables(_VERSION, _SCHEMA), busy_seconds=busy_seconds, put_aside=self._put_aside
        )

    def last(self, scope: SeenScope, paths: Sequence[str]) -> dict[str, str]:
        """The hash that was last seen at each of these paths; those that were never seen are left out."""
        found = self._select("SELECT path, hash FROM seen WHERE place = ? AND path IN", scope, paths)
        return {path: from_binary(digest) for path, digest in found.items()}

    def _select(self, query: str, scope: SeenScope, paths: Sequence[str], *values: object) -> dict[str, bytes]:
        """The rows of these paths, by a query that takes a scope and `values`."""
        found: dict[str, bytes] = {}

        def select(connection: sqlite3.Connection) -> None:
            row = connection.execute(_FIND_PLACE, scope).fetchone()
            if row is not None:
                found.update(select_in(connection, query, [*row, *values], paths))

        self._database.run(select)
        return found

    def record(self, scope: SeenScope, rows: Iterable[tuple[str, str]]) -> None:
        """Store the hash that was seen at each path, in few transactions."""
        self._record(scope, rows)
        self._prune()

    def _record(self, scope: SeenScope, rows: Iterable[tuple[str, str]]) -> bool:
        day = int(self._clock() // _DAY)
        values = ((path, binary(content_hash), day) for path, content_hash in rows)
        written = True
        while written and (batch := list(itertools.islice(values, _MOST_WRITTEN))):
            written = self._database.run(partial(_insert, scope, batch))
        if not written:
            self._notify(
                f"what this machine has seen on the server could not be written to {self._path}: the disk is full, or "
                "another program locks the file. The next push of a file that changes there may call it a conflict."
            )
        return written

    def unrecorded(self, scope: SeenScope, folders: Mapping[str, str]) -> Collection[str]:
        """The folders among these whose files are not all recorded; each has the digest of all content beneath it."""
        day = int(self._clock() // _DAY)
        query = "SELECT path, digest FROM folders WHERE place = ? AND day >= ? AND path IN"
        known = self._select(query, scope, list(folders), day - _REFRESHED_AFTER)
        return {folder for folder, digest in folders.items() if known.get(folder) != binary(digest)}

    def record_folders(self, scope: SeenScope, folders: Mapping[str, str], rows: Iterable[tuple[str, str]]) -> None:
        """Store `rows`, what was seen at each path in those of the `folders` that are `unrecorded`."""
        day = int(self._clock() // _DAY)
        if self._record(scope, rows):
            values = [(folder, binary(digest), day) for folder, digest in folders.items()]
            self._database.run(partial(_insert_folders, scope, values))
        self._prune()

    def moved(self, scope: SeenScope, old: str, new: str) -> None:
        """A file or directory was moved on the server: what was seen at and beneath `old` is at `new` now."""

        def move(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute(
                    f"DELETE FROM seen WHERE place = ({_FIND_PLACE}) AND {_BENEATH}", [*scope, *_range(new)]
                )
                connection.execute(_MOVE, [new, len(old) + 1, *scope, *_range(old)])
                connection.execute(f"DELETE FROM folders WHERE place = ({_FIND_PLACE})", scope)

        self._database.run(move)

    def forget(self, server: str) -> None:
        """Remove everything about the server whose CA has this fingerprint."""

        def delete(connection: sqlite3.Connection) -> None:
            with connection:
                for table in ("seen", "folders"):
                    connection.execute(
                        f"DELETE FROM {table} WHERE place IN (SELECT id FROM places WHERE server = ?)", [server]
                    )
                connection.execute("DELETE FROM places WHERE server = ?", [server])

        self._database.run(delete)

    def take_notices(self) -> Sequence[str]:
        """Notices about this store for people, each given once: that it was damaged, or cannot be written."""
        with self._lock:
            notices, self._notices = self._notices, []
        return notices

    def release_memory(self) -> None:
        """Give back the memory that is needed only while it is used."""
        self._database.release_memory()

    def close(self) -> None:
        """Close the database; after that nothing is known, and nothing is stored. May be called twice."""
        self._database.close()

    def _notify(self, message: str) -> None:
        with self._lock:
            self._notices = [message]

    def _put_aside(self, path: str) -> None:
        kept = f"{path}.damaged"
        try:
            os.replace(path, kept)
        except OSError as error:
            kept = f"still {path} ({error.strerror})"
        self._notify(
            f"the record of what this machine has seen on servers was damaged; it is now {kept}. Files that differ on "
            "a server are conflicts until you get, compare or push them again."
        )

    def _prune(self) -> None:
        """Remove the oldest rows of a database that is too large; once in a process, as it takes seconds."""
        try:
            size = 0 if self._path is None else os.path.getsize(self._path)
        except OSError:
            return
        if size <= self._most_bytes or self._is_pruned:
            return
        self._is_pruned = True

        def delete(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("DELETE FROM folders")
                connection.execute(_PRUNE, (_REMOVED,))
            connection.execute("VACUUM")

        self._database.run(delete)


def _range(path: str) -> tuple[str, str, str]:
    """The parameters of `_BENEATH`: the path, and the bounds of what is beneath it."""
    return path, f"{path}/", f"{path}0"  # 0 is the next character after /


def _insert(scope: SeenScope, rows: Sequence[tuple[str, bytes, int]], connection: sqlite3.Connection) -> None:
    around: set[str] = set()
    for path, _, _ in rows:
        while path and (path := path.rpartition("/")[0]) not in around:
            around.add(path)
    with connection:
        number = _number(scope, connection)
        connection.executemany(_RECORD, ((number, *row) for row in rows))
        connection.executemany("DELETE FROM folders WHERE place = ? AND path = ?", ((number, each) for each in around))


def _insert_folders(scope: SeenScope, rows: Sequence[tuple[str, bytes, int]], connection: sqlite3.Connection) -> None:
    with connection:
        number = _number(scope, connection)
        connection.executemany("INSERT OR REPLACE INTO folders VALUES (?, ?, ?, ?)", ((number, *row) for row in rows))


def _number(scope: SeenScope, connection: sqlite3.Connection) -> int:
    """The id of a scope, which is new perhaps."""
    connection.execute("INSERT OR IGNORE INTO places (server, account, local) VALUES (?, ?, ?)", scope)
    (number,) = connection.execute(_FIND_PLACE, scope).fetchone()
    return int(number)
