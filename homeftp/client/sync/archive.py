"""The state that both sides of each pair of folders agreed on last, in a database of this machine.

Losing it is harmless: what exists on either side is kept then. So is an older state of it: what both sides have changed
alike since is agreed on again, and the rest is a conflict at worst. Everything here blocks, and nothing raises.
"""

from __future__ import annotations

import itertools
import sqlite3
from typing import Any, Collection, Iterable, Iterator, Mapping, NamedTuple, Sequence

import attrs

from homeftp.client.plan.survey import names_around
from homeftp.client.sync.model import SyncNode, inode_table, node_table
from homeftp.client.tables.nameset import upwards
from homeftp.client.tables.nametable import NameTable
from homeftp.hashing.database import SharedDatabase, tables
from homeftp.hashing.filehash import ALGORITHM, from_binary
from homeftp.hashing.treedigest import NOTHING, UNKNOWN, DirectoryDigester
from homeftp.model import Kind, TreeDigest

_VERSION = 1

_BUSY_SECONDS = 10.0
"""Seconds to wait for another process: it writes a few thousand rows at a time."""

_MOST_WRITTEN = 20_000
"""Rows of one transaction: another process waits for less than 0.1 s."""

_KINDS: Sequence[Kind] = ("file", "directory")
"""The kinds, by their numbers."""

_SCHEMA = (
    """
CREATE TABLE IF NOT EXISTS pairs (
    id INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    account TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    local TEXT NOT NULL,
    marker TEXT NOT NULL,
    UNIQUE (server, account, endpoint, local)
)
""",
    """
CREATE TABLE IF NOT EXISTS agreed (
    pair INTEGER NOT NULL REFERENCES pairs (id),
    folder TEXT NOT NULL,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    hash BLOB,
    size INTEGER NOT NULL,
    mtime_us INTEGER,
    mode INTEGER,
    inode INTEGER NOT NULL,
    PRIMARY KEY (pair, folder, name)
) WITHOUT ROWID
""",
    # A folder has a row if all that is agreed about what is in it and beneath it has that digest. Where a name is
    # recorded, the rows of the folders around it are deleted.
    """
CREATE TABLE IF NOT EXISTS folders (
    pair INTEGER NOT NULL REFERENCES pairs (id),
    folder TEXT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (pair, folder)
) WITHOUT ROWID
""",
    """
CREATE TABLE IF NOT EXISTS facts (
    pair INTEGER NOT NULL REFERENCES pairs (id),
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (pair, field)
) WITHOUT ROWID
""",
    # As `agreed`, for names that patterns leave out (`leftout`).
    "CREATE TABLE IF NOT EXISTS left_out "
    "(pair INTEGER, folder TEXT, name TEXT, kind INTEGER, hash BLOB, size INTEGER, mtime_us INTEGER, mode INTEGER, "
    "inode INTEGER, UNIQUE (pair, folder, name))",
)

_EMPTY = TreeDigest(content=NOTHING, full=NOTHING, files=0, directories=0, size=0)
"""The digests of a folder in which nothing is agreed."""

_AFTER_ALL = b""
"""SQLite sorts bytes after all texts, and so after each folder."""

_BENEATH = "(folder = ? OR (folder > ? AND folder < ?))"

_PLACE = "server = ? AND account = ? AND endpoint = ? AND local = ?"


class SyncPair(NamedTuple):
    """A local folder and a directory of a server."""

    server: str
    """The fingerprint of the server's CA, whatever its address, and its name on this machine."""
    account: str
    endpoint: str
    local: str
    """The local folder's real path."""


@attrs.frozen
class Agreement:
    """The agreed state of a pair."""

    nodes: NameTable[SyncNode]
    inodes: NameTable[int]
    """The inodes of the files and directories here, as far as they are known."""
    has_left_out: bool = False
    """Whether something is known of names that patterns left out."""


class SyncArchive:
    """The database in the file `path`, made with mode 0600; None: in memory. Safe in several threads and processes."""

    def __init__(self, path: str | None, *, busy_seconds: float = _BUSY_SECONDS) -> None:
        self.database = SharedDatabase(path, tables(_VERSION, _SCHEMA), busy_seconds=busy_seconds)

    def marker(self, pair: SyncPair) -> str | None:
        """The marker that the local folder of a pair had; None for a pair that is new, or forgotten."""
        found: list[str] = []

        def select(connection: sqlite3.Connection) -> None:
            rows = connection.execute(f"SELECT marker FROM pairs WHERE {_PLACE}", pair)
            found.extend(marker for (marker,) in rows)

        self.database.run(select)
        return found[0] if found else None

    def begin(self, pair: SyncPair, marker: str) -> bool:
        """A pair is going to be synced, whose local folder has this marker. False where that cannot be written."""

        def insert(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute(
                    "INSERT INTO pairs (server, account, endpoint, local, marker) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET marker = excluded.marker",
                    [*pair, marker],
                )

        return self.database.run(insert)

    def facts(self, pair: SyncPair) -> Mapping[str, str]:
        """The server's answers about the account, when the agreed state was recorded: fields of `Hello`."""
        found: dict[str, str] = {}

        def select(connection: sqlite3.Connection) -> None:
            query = "SELECT field, value FROM facts WHERE pair = ?"
            found.update(connection.execute(query, [pair_id(connection, pair)]).fetchall())

        self.database.run(select)
        return found

    def record_fact(self, pair: SyncPair, field: str, value: str) -> None:
        """Record that the agreed state was recorded under this value of a field."""

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                row = [pair_id(connection, pair), field, value]
                connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", row)

        self.database.run(write)

    def forget(self, pair: SyncPair) -> None:
        """Remove all that is known of a pair."""

        def delete(connection: sqlite3.Connection) -> None:
            number = pair_id(connection, pair)
            with connection:
                for table in ("agreed", "folders", "facts", "left_out"):
                    connection.execute(f"DELETE FROM {table} WHERE pair = ?", [number])
                connection.execute("DELETE FROM pairs WHERE id = ?", [number])

        self.database.run(delete)

    def digests(self, pair: SyncPair) -> Mapping[str, str]:
        """The folders beneath which all is agreed, with its full digest, by name; "" is the pair's own."""
        found: dict[str, str] = {}

        def select(connection: sqlite3.Connection) -> None:
            rows = connection.execute("SELECT folder, digest FROM folders WHERE pair = ?", [pair_id(connection, pair)])
            found.update((folder, ALGORITHM + digest.hex()) for folder, digest in rows)

        self.database.run(select)
        return found

    def read(self, pair: SyncPair, left_out: Iterable[str] = (), parts: Collection[str] = ("",)) -> Agreement:
        """The agreed state, except of the content of the folders that are `left_out`.

        Of the folder only the `parts` count, names with all beneath them, and the directories around them.
        """
        nodes = node_table()
        inodes = inode_table()
        ignored = frozenset(left_out)
        single = {name for name in (*parts, *names_around(parts)) if name}
        known: list[object] = []

        def select(connection: sqlite3.Connection) -> None:
            number = pair_id(connection, pair)
            known.extend(connection.execute("SELECT 1 FROM left_out WHERE pair = ? LIMIT 1", [number]))
            for name in sorted(single):
                add(connection.execute(f"{_SELECT} AND name = ?", [number, *split_name(name)]))
            for part in sorted(parts):
                for folder in _folders(connection, number, part):
                    if folder not in ignored:
                        add(connection.execute(f"{_SELECT} ORDER BY name", [number, folder]))

        def add(rows: Iterable[Sequence[Any]]) -> None:
            for name, node, inode in map(node_of_row, rows):
                nodes[name] = node
                if inode:
                    inodes[name] = inode

        self.database.run(select)
        return Agreement(nodes, inodes, bool(known))

    def count_files(self, pair: SyncPair) -> int:
        """How many files are agreed."""
        found: list[int] = []

        def select(connection: sqlite3.Connection) -> None:
            query = "SELECT count(*) FROM agreed WHERE pair = ? AND kind = ?"
            found.extend(connection.execute(query, [pair_id(connection, pair), _KINDS.index("file")]).fetchone())

        self.database.run(select)
        return sum(found)

    def record(
        self,
        pair: SyncPair,
        agreed: Mapping[str, SyncNode],
        gone: Iterable[str] = (),
        inodes: Mapping[str, int] | None = None,
    ) -> None:
        """Both sides have what is `agreed`, and have no longer what is `gone`; `inodes` as far as they are known."""
        known = inodes or {}
        rows = ((*split_name(name), node, known.get(name, 0)) for name, node in agreed.items())
        while batch := list(itertools.islice(rows, _MOST_WRITTEN)):
            self._write(pair, batch, ())
        names = (split_name(name) for name in gone)
        while removed := list(itertools.islice(names, _MOST_WRITTEN)):
            self._write(pair, (), removed)

    def _write(
        self, pair: SyncPair, rows: Sequence[tuple[str, str, SyncNode, int]], gone: Sequence[tuple[str, str]]
    ) -> None:
        folders = {*(row[0] for row in rows), *(each[0] for each in gone)}
        around = {"", *itertools.chain.from_iterable(map(upwards, folders))}

        def write(connection: sqlite3.Connection) -> None:
            number = pair_id(connection, pair)
            with connection:
                connection.executemany(_INSERT, [_row(number, *row) for row in rows])
                connection.executemany(
                    "DELETE FROM agreed WHERE pair = ? AND folder = ? AND name = ?",
                    [(number, *each) for each in gone],
                )
                connection.executemany(
                    "DELETE FROM folders WHERE pair = ? AND folder = ?", [(number, each) for each in around]
                )

        self.database.run(write)

    def record_folder(
        self, pair: SyncPair, folder: str, agreed: Mapping[str, SyncNode], inodes: Mapping[str, int]
    ) -> None:
        """Record the agreed state of a folder, without that beneath its directories."""

        def write(connection: sqlite3.Connection) -> None:
            number = pair_id(connection, pair)
            rows = [_row(number, *split_name(name), node, inodes.get(name, 0)) for name, node in agreed.items()]
            with connection:
                connection.execute("DELETE FROM agreed WHERE pair = ? AND folder = ?", [number, folder])
                connection.executemany(_INSERT, rows)

        self.database.run(write)

    def record_digests(self, pair: SyncPair, digests: Mapping[str, str]) -> None:
        """Record the full digests of these folders, which are agreed with everything beneath them."""

        def write(connection: sqlite3.Connection) -> None:
            number = pair_id(connection, pair)
            rows = [(number, folder, bytes.fromhex(digest[len(ALGORITHM) :])) for folder, digest in digests.items()]
            with connection:
                connection.executemany("INSERT OR REPLACE INTO folders VALUES (?, ?, ?)", rows)

        self.database.run(write)

    def remember_folders(self, pair: SyncPair) -> None:
        """Record the digests of all folders, computed from what is agreed about what is in them and beneath them."""
        below: dict[str, TreeDigest] = {}
        computed: dict[str, str] = {}

        def compute(connection: sqlite3.Connection) -> None:
            number = pair_id(connection, pair)
            for folder in reversed([*_folders(connection, number, "")]):  # each before the one that it is in
                digester = DirectoryDigester()
                for _, last, kind, hash, size, mtime_us, mode, _ in connection.execute(
                    f"{_SELECT} ORDER BY name", [number, folder]
                ):
                    if _KINDS[kind] == "directory":
                        inside = f"{folder}/{last}" if folder else last
                        digester.add_directory(last, below.pop(inside, _EMPTY), mode)
                    else:
                        digester.add_file(last, size, UNKNOWN if hash is None else from_binary(hash), mtime_us, mode)
                below[folder] = digester.digest()
                computed[folder] = below[folder].full

        self.database.run(compute)
        self.record_digests(pair, computed)

    def record_inodes(self, pair: SyncPair, inodes: Iterable[tuple[str, int]]) -> None:
        """Record which inodes agreed names have here."""
        rows = ((inode, *split_name(name)) for name, inode in inodes)

        def write(connection: sqlite3.Connection) -> None:
            number = pair_id(connection, pair)
            with connection:
                connection.executemany(
                    f"UPDATE agreed SET inode = ? WHERE pair = {number} AND folder = ? AND name = ?", batch
                )

        while batch := list(itertools.islice(rows, _MOST_WRITTEN)):
            self.database.run(write)

    def move(self, pair: SyncPair, old: str, new: str) -> None:
        """Both sides have renamed what was agreed on at and beneath `old` to `new`; what is left out went with it."""
        (folder, last), (new_folder, new_last) = split_name(old), split_name(new)

        def write(connection: sqlite3.Connection) -> None:
            number = pair_id(connection, pair)
            with connection:
                for table in ("agreed", "left_out"):
                    connection.execute(
                        f"UPDATE OR REPLACE {table} SET folder = ?, name = ? WHERE (pair, folder, name) = (?, ?, ?)",
                        [new_folder, new_last, number, folder, last],
                    )
                    connection.execute(
                        f"UPDATE OR REPLACE {table} SET folder = ? || substr(folder, ?) WHERE pair = ? AND {_BENEATH}",
                        [new, len(old) + 1, number, old, f"{old}/", f"{old}0"],  # 0 is the next character after /
                    )
                connection.execute("DELETE FROM folders WHERE pair = ?", [number])

        self.database.run(write)

    def close(self) -> None:
        """Close the database; after that nothing is known, and nothing is stored. May be called twice."""
        self.database.close()


_INSERT = "INSERT OR REPLACE INTO agreed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


_SELECT = "SELECT folder, name, kind, hash, size, mtime_us, mode, inode FROM agreed WHERE pair = ? AND folder = ?"

_SELECT_FOLDERS = """
WITH RECURSIVE found (folder) AS (
    VALUES (?)
    UNION ALL
    SELECT (SELECT min(folder) FROM agreed WHERE pair = ? AND folder > found.folder AND folder < ?)
    FROM found WHERE folder IS NOT NULL
)
SELECT folder FROM found WHERE folder > ?
"""


def _folders(connection: sqlite3.Connection, number: int, top: str) -> Iterator[str]:
    """The folders at and beneath `top` in which names are agreed, found one after the other in the index."""
    first, behind = (f"{top}/", f"{top}0") if top else ("", _AFTER_ALL)
    yield top
    yield from (folder for (folder,) in connection.execute(_SELECT_FOLDERS, [first, number, behind, first]))


def split_name(name: str) -> tuple[str, str]:
    """The folder that a name is in, and its last part."""
    folder, _, last = name.rpartition("/")
    return folder, last


def _row(number: int, folder: str, last: str, node: SyncNode, inode: int) -> tuple[object, ...]:
    hash = None if node.hash is None else bytes.fromhex(node.hash[len(ALGORITHM) :])
    return number, folder, last, _KINDS.index(node.kind), hash, node.size, node.mtime_us, node.mode, inode


def node_of_row(row: Sequence[Any]) -> tuple[str, SyncNode, int]:
    """The name, node and inode of a row, without the pair."""
    folder, last, kind, hash, size, mtime_us, mode, inode = row
    node = SyncNode(_KINDS[kind], None if hash is None else ALGORITHM + hash.hex(), size, mtime_us, mode)
    return f"{folder}/{last}" if folder else str(last), node, inode


def pair_id(connection: sqlite3.Connection, pair: SyncPair) -> int:
    """The id of a pair; 0, which none has, for one that is not known."""
    row = connection.execute(f"SELECT id FROM pairs WHERE {_PLACE}", pair).fetchone()
    return 0 if row is None else int(row[0])
