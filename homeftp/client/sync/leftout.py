"""The agreed state of names that patterns leave out, in the archive, beside that of the others.

Without it a name that is included again, and that one side has changed meanwhile, would look as if both had. Everything
here blocks.
"""

from __future__ import annotations

import sqlite3
from typing import Container, Iterable, Sequence

import attrs

from homeftp.client.selection import Selector
from homeftp.client.sync.archive import Agreement, SyncArchive, SyncPair, node_of_row, pair_id, split_name
from homeftp.client.sync.model import SyncNode
from homeftp.client.sync.scope import Scope
from homeftp.client.tables.nameset import upwards

MOST_NAMES = 50_000
"""Names of a pair that are remembered: those that were left out last."""

_FIELDS = "folder, name, kind, hash, size, mtime_us, mode, inode"

_OUT = ("agreed", "left_out")

_ROW = "pair = ? AND folder = ? AND name = ?"


@attrs.frozen
class SelectionChange:
    """Which names of an agreement are selected now, and were not before, and the reverse."""

    selector: Selector
    left_out: Sequence[str] = ()
    """Names that are no longer selected."""
    included: Sequence[str] = ()
    """Names that were not selected before."""

    def record(self, archive: SyncArchive, pair: SyncPair) -> None:
        """Record which names are selected; what is agreed of them stays as it was."""
        _move(archive, pair, self.included, "left_out", "agreed")
        _move(archive, pair, self.left_out, *_OUT)

    def record_folders(self, archive: SyncArchive, pair: SyncPair, folders: Iterable[str]) -> None:
        """Record also what is left out of the agreed names in these folders, before the folders are recorded anew."""
        if not self.selector.takes_all:
            rows = _rows(archive, pair, "agreed", folders)
            _move(archive, pair, [name for name, node, _ in rows if not _takes(self.selector, name, node)], *_OUT)


def select_agreed(
    archive: SyncArchive,
    pair: SyncPair,
    agreement: Agreement,
    selector: Selector,
    scope: Scope,
    same: Container[str] = (),
) -> SelectionChange:
    """Keep in an agreement only what is selected, and add what is selected again; `scope` is what is compared.

    The agreement lacks what is in folders that are the `same` on both sides.
    """
    nodes, inodes = agreement.nodes, agreement.inodes
    left_out = [name for name, node in nodes.items() if not _takes(selector, name, node)]
    for name in left_out:
        del nodes[name]
    included = []
    folders = _folders(archive, pair) if agreement.has_left_out else ()
    taken = [folder for folder in folders if selector.takes(folder, is_directory=True)]
    for name, node, inode in _rows(archive, pair, "left_out", taken):
        if not _takes(selector, name, node) or name not in scope or name in nodes:
            continue
        included.append(name)
        if split_name(name)[0] not in same:
            nodes[name] = node
            if inode:
                inodes[name] = inode
    return SelectionChange(selector, left_out, included)


def _takes(selector: Selector, name: str, node: SyncNode) -> bool:
    return selector.takes(name, is_directory=node.kind == "directory")


def _folders(archive: SyncArchive, pair: SyncPair) -> Sequence[str]:
    """The folders that the names that were left out are in."""
    found: list[str] = []

    def select(connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT DISTINCT folder FROM left_out WHERE pair = ?", [pair_id(connection, pair)])
        found.extend(folder for (folder,) in rows)

    archive.database.run(select)
    return found


def _rows(
    archive: SyncArchive, pair: SyncPair, table: str, folders: Iterable[str]
) -> Sequence[tuple[str, SyncNode, int]]:
    """The names in these folders that a table has, each with its node and inode."""
    found: list[tuple[str, SyncNode, int]] = []
    query = f"SELECT {_FIELDS} FROM {table} WHERE pair = ? AND folder = ? ORDER BY name"

    def select(connection: sqlite3.Connection) -> None:
        number = pair_id(connection, pair)
        for folder in folders:
            found.extend(map(node_of_row, connection.execute(query, [number, folder])))

    archive.database.run(select)
    return found


def _move(archive: SyncArchive, pair: SyncPair, names: Iterable[str], source: str, target: str) -> None:
    """Move the rows of these names to another table, whose own rows of them go, and forget what is too much."""
    keys = sorted(map(split_name, names))
    if not keys:
        return
    around = {above for folder, _ in keys for above in ("", *upwards(folder))}

    def write(connection: sqlite3.Connection) -> None:
        number = pair_id(connection, pair)
        rows = [(number, *key) for key in keys]
        with connection:
            connection.executemany(
                f"INSERT OR REPLACE INTO {target} (pair, {_FIELDS}) SELECT pair, {_FIELDS} FROM {source} WHERE {_ROW}",
                rows,
            )
            connection.executemany(f"DELETE FROM {source} WHERE {_ROW}", rows)
            connection.execute(
                "DELETE FROM left_out WHERE rowid IN (SELECT rowid FROM left_out WHERE pair = ?1 ORDER BY rowid LIMIT "
                "max(0, (SELECT count(*) FROM left_out WHERE pair = ?1) - ?2))",
                [number, MOST_NAMES],
            )
            connection.executemany(
                "DELETE FROM folders WHERE pair = ? AND folder = ?", [(number, folder) for folder in around]
            )

    archive.database.run(write)
