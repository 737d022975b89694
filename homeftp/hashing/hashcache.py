"""The hash cache: hashes of files that have not changed since they were hashed.

A row counts only while the file's stat is the same to the nanosecond, as far
as its disk shows one (`signatures`), and none is written for a file that was
hashed within 2 s of its own mtime, since a later change could leave the same
stat. So a lost, damaged or locked database costs time, never a wrong answer,
and nothing here raises: what is not known is hashed again. Server and client
have one each.

It also tells whether a content was damaged: while the stat is the same no program
has changed the file, so the first hash that was recorded for it stays, and a
file that has another one now is marked (`record_reads`).
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from typing import Any, Callable, Iterable, Mapping, NamedTuple, Sequence

from homeftp.hashing import hashtable
from homeftp.hashing.database import SharedDatabase, select_in
from homeftp.hashing.filehash import is_trustworthy
from homeftp.hashing.foldertable import FolderTable
from homeftp.hashing.hashtable import beneath, known_rows
from homeftp.hashing.ownchanges import FileKey, OwnChanges
from homeftp.hashing.signatures import form_on, has_change_time, is_same, is_still_marked, signature_on
from homeftp.metadata.kept import ChangeTime

MOVED_AT_ONCE = 500
"""Rows that are moved in one transaction: 3 to 5 ms, in which no other thread learns a hash."""

_SIGNATURE, _DAMAGE = 2, 4
"""Where they are in the values of a row."""

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
    changed_ns: int = 0
    """The time of the change that this program made, where a stat may not show it, by `HashCache.end_change`."""


class KnownHash(NamedTuple):
    """The hash of a file whose stat is the same as when it was hashed, or that is marked as damaged.

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
    """The earlier hash of a damaged file; "" where it could not be read."""
    is_same: bool = True
    """Whether the ctime is the same too. Otherwise a program may have changed a damaged file."""
    is_certain: bool = True
    """Whether its disk shows every change. Otherwise a program may have changed the file and set its mtime back."""


class StoredHash(NamedTuple):
    """One row: a file as it was when it was hashed. It may be another one by now, or gone."""

    directory: str
    name: str
    signature: str
    hash: str
    damage: str


class _SignatureForms(dict[int, Callable[[os.stat_result], str]]):
    """The functions that make signatures, by a disk's device number: the files of one call are on few disks."""

    def __init__(self, change_time: Callable[[int], ChangeTime]) -> None:
        super().__init__()
        self._change_time = change_time

    def __missing__(self, device: int) -> Callable[[os.stat_result], str]:
        form = self[device] = form_on(self._change_time(device))
        return form


class HashCache:
    """A hash cache in the file `path`, made with mode 0600; None: in memory. Safe in several threads."""

    def __init__(self, path: str | None, *, busy_seconds: float = 2.0) -> None:
        self._database = SharedDatabase(path, hashtable.prepare, busy_seconds=busy_seconds)
        self.folders = FolderTable(self._database)
        """The digests of folders, which a client computes from these hashes."""
        self._moves: deque[tuple[bytes, bytes]] = deque()
        """Directories that were moved, from where and to where, and whose rows are not all moved yet."""
        self._own = OwnChanges()
        self._removed: dict[FileKey, tuple[Any, ...]] = {}
        """The rows of files that are being changed."""
        self.marked = 0
        """Changes with what no stat shows: a mark of a damaged file that was stored, and `begin_change`."""
        self.change_time: Callable[[int], ChangeTime] = lambda device: ChangeTime.CTIME
        """Which time tells on the disk with a device number that a file was changed."""

    def signature(self, found: os.stat_result) -> str:
        """The signature that a row keeps of this stat."""
        return signature_on(found, self.change_time(found.st_dev))

    def lookup(self, directory: str, files: Mapping[str, os.stat_result], *, whole: bool = False) -> dict[str, str]:
        """The known hashes of `files`: names in `directory`, with their current stat. Not those of damaged files.

        `whole` as in `known`.
        """
        found: dict[str, str] = {}
        forms = _SignatureForms(self.change_time)

        def select(connection: sqlite3.Connection) -> None:
            for key, seen, content_hash, damage, _, _ in known_rows(connection, directory, list(files), whole=whole):
                name = os.fsdecode(key)
                file = files.get(name)
                if file is not None and not damage and is_same(seen, forms[file.st_dev](file)):
                    found[name] = content_hash

        self._database.run(select)
        return found

    def known(
        self, directory: str, files: Mapping[str, os.stat_result], *, whole: bool = False
    ) -> dict[str, KnownHash]:
        """The known hashes of `files`, damaged ones among them.

        `whole` says that these are all the files in the directory from the first of the names to the last: one query
        finds them.
        """
        known: dict[str, KnownHash] = {}
        forms = _SignatureForms(self.change_time)

        def select(connection: sqlite3.Connection) -> None:
            for key, seen, content_hash, damage, read_us, content in known_rows(
                connection, directory, list(files), whole=whole
            ):
                name = os.fsdecode(key)
                file = files.get(name)
                if file is None:
                    continue  # it was removed since
                now = forms[file.st_dev](file)
                unchanged = seen == now or is_same(seen, now)
                if unchanged or (damage and is_still_marked(seen, file)):
                    certain = has_change_time(seen)
                    known[name] = KnownHash(content_hash, damage, read_us, content, unchanged, certain)

        self._database.run(select)
        return known

    def known_file(self, directory: str, name: str, found: os.stat_result) -> KnownHash | None:
        """The known hash of one file in `directory`, with its current stat."""
        return self.known(directory, {name: found}).get(name)

    def has_beneath(self, directory: str) -> bool:
        """Whether anything is known of files in or beneath a directory; they may have changed since."""
        found: list[object] = []
        top = os.fsencode(directory)

        def select(connection: sqlite3.Connection) -> None:
            found.extend(connection.execute(hashtable.BENEATH, beneath(top, os.sep)))

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
        rows = list(rows)
        self._insert(hashtable.RECORD, self._values(row for row in rows if not row.changed_ns))
        self._insert(hashtable.RECORD_WRITTEN, self._values(row for row in rows if row.changed_ns))

    def record_reads(self, rows: Iterable[CachedHash]) -> None:
        """Store what reading files again has shown; a known hash stays."""
        self._insert(hashtable.RECORD_READ, self._values(rows))

    def mark(self, row: CachedHash) -> bool:
        """Store what reading a damaged file again has shown; whether no such reading had found it damaged before.

        In one step, so that of several that find the same damage at the same time one is told so. A mark with
        `read_us` 0 is not that of such a reading. Also true where that cannot be known.
        """
        values = self._values([row])
        known: list[tuple[str, str, int]] = []
        query = "SELECT signature, damage, read_us FROM hashes WHERE directory = ? AND name = ?"

        def update(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                known.extend(connection.execute(query, values[0][:2]))
                connection.executemany(hashtable.RECORD_READ, values)

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
                connection.execute(hashtable.MOVE_MARKS, (there, len(top) + 1, *beneath(top)))
            self._moves.append((top, there))

        self._database.run(update)
        self.do_deferred()

    def do_deferred(self) -> bool:
        """Move some more of what is known of files whose directories were moved; whether anything is left."""

        def move(connection: sqlite3.Connection) -> None:
            if not self._moves:
                return
            top, there = self._moves[0]
            rows = connection.execute(hashtable.TO_MOVE, (*beneath(top), MOVED_AT_ONCE)).fetchall()
            with connection:
                connection.executemany(hashtable.DELETE, [row[:2] for row in rows])
                connection.executemany(hashtable.PLACE, [(there + row[0][len(top) :], *row[1:]) for row in rows])
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
                connection.execute(f"{hashtable.DELETE} AND signature = ?", keys)

        self._database.run(delete)

    def begin_change(self, file: FileKey, new: os.stat_result | None) -> bool:
        """A file is about to be replaced or changed, on a disk whose stats may not show that.

        What is known under its name is removed, durably, where it could be taken for what is known of the new file:
        the one with the stat `new`, None for any. A mark stays, which keeps the damaged content from passing for sound
        after a crash. False where that cannot be done: then the file may not be changed. The caller calls `end_change`
        in any case.
        """
        keys = _keys(file)
        self._own.begin(file)
        self.marked += 1

        def delete(connection: sqlite3.Connection) -> None:
            for row in connection.execute(hashtable.ROW, keys).fetchall():
                if new is None or is_same(row[_SIGNATURE], self.signature(new)):
                    if not row[_DAMAGE]:
                        _delete_durably(connection, hashtable.DELETE, keys)
                    self._removed[file] = row

        return self._database.run(delete)

    def end_change(self, file: FileKey, *, changed: bool = True) -> int:
        """End a change of a file; where it was not made, what was removed is known again.

        Returns the `changed_ns` of the row that is about the new file.
        """
        removed = self._removed.pop(file, None)
        if removed is not None:
            change = (hashtable.DELETE_MARK, _keys(file)) if changed else (hashtable.RECORD, removed)
            self._database.run(lambda connection: _commit(connection, *change))
        self.marked += 1
        return self._own.end(file)

    def forget_beneath(self, directory: str) -> bool:
        """Remove, durably, what is known of files in or beneath a directory; False where that cannot be done."""

        def delete(connection: sqlite3.Connection) -> None:
            top = beneath(os.fsencode(directory))
            if connection.execute(hashtable.BENEATH, top).fetchone():
                _delete_durably(connection, hashtable.DELETE_BENEATH, top)

        return self._database.run(delete)

    def _values(self, rows: Iterable[CachedHash]) -> list[tuple[object, ...]]:
        """The columns of those rows that can be trusted later."""
        forms = _SignatureForms(self.change_time)
        return [
            (
                os.fsencode(row.directory),
                os.fsencode(row.name),
                forms[row.found.st_dev](row.found),
                row.hash,
                row.damage,
                row.content,
                row.read_us,
            )
            for row in rows
            if is_trustworthy(row.found, row.hashed_ns)
            and self._own.allows((row.directory, row.name), row.hashed_ns, row.changed_ns)
        ]

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

    def release_memory(self) -> None:
        """Give back the memory that is needed only while it is used."""
        self._database.release_memory()

    def close(self) -> None:
        """Close the database; after that nothing is known and nothing is stored. May be called twice."""
        self._database.close()


def _delete_durably(connection: sqlite3.Connection, statement: str, parameters: Sequence[bytes]) -> None:
    """Delete rows, so that they do not come back after a power cut."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        _commit(connection, statement, parameters)
    finally:
        connection.execute("PRAGMA synchronous = NORMAL")


def _commit(connection: sqlite3.Connection, statement: str, parameters: Sequence[Any]) -> None:
    """Execute one statement in a transaction."""
    with connection:
        connection.execute(statement, parameters)


def _keys(file: FileKey) -> tuple[bytes, bytes]:
    directory, name = file
    return os.fsencode(directory), os.fsencode(name)
