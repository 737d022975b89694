"""Listings of the cluster store: directories are read in chunks, in the order of their names' bytes."""

from __future__ import annotations

import itertools
from typing import Generic, Iterator

from homeftp.cluster.database import IQueries
from homeftp.endpoint import FolderSet
from homeftp.store.cluster.base.rows import N, Names, RowShape
from homeftp.store.cluster.tables import names as names_table

CHUNK = 1000
"""Entries of a directory that are read at once."""

_AHEAD = 32
"""Directories that are read together, where a listing goes down into them."""

_EACH = 100
"""Entries of each of these: what has more is read by itself from there on."""

_MOST_AHEAD = 5000
"""Entries that are held for directories that come later: whatever the tree looks like, memory is bounded."""


class _OpenDirectory(Generic[N]):
    """A directory on the way down: what was read of it, and how far the walk is."""

    def __init__(self, id: int, names: Names, nodes: list[N], complete: bool) -> None:
        self.id = id
        self.names = names
        self.nodes = nodes
        self.complete = complete
        self.next = 0


class TreeReader(Generic[N]):
    """Walks through one directory, each directory in it followed by what that holds. For one walk."""

    def __init__(self, queries: IQueries, shape: RowShape[N]) -> None:
        self._queries = queries
        self._shape = shape
        self._ahead: dict[int, list[N]] = {}

    def children(self, id: int, names: Names, hidden: FolderSet) -> Iterator[N]:
        """The entries directly in a directory of these names, sorted."""
        level = _OpenDirectory[N](id, names, [], complete=False)
        while not level.complete:
            self._go_on(level)
            nodes = level.nodes
            yield from nodes if not hidden else (each for each in nodes if not hidden.covers((*names, each.name)))

    def tree(self, id: int, names: Names, hidden: FolderSet) -> Iterator[tuple[Names, N]]:
        """The entries in a directory and beneath: all that exists from the beginning to the end is given once."""
        levels = [self._level(id, names)]
        while levels:
            level = levels[-1]
            if level.next == len(level.nodes):
                if level.complete:
                    levels.pop()
                else:
                    self._go_on(level)
                continue
            node = level.nodes[level.next]
            level.next += 1
            path = (*level.names, node.name)
            if hidden and hidden.covers(path):
                continue
            yield path, node
            if node.directory:
                if node.id not in self._ahead:
                    self._look_ahead(level, hidden)
                levels.append(self._level(node.id, path))

    def _level(self, id: int, names: Names) -> _OpenDirectory[N]:
        nodes = self._ahead.pop(id, None)
        if nodes is not None:
            return _OpenDirectory(id, names, nodes, len(nodes) < _EACH)
        level: _OpenDirectory[N] = _OpenDirectory(id, names, [], complete=False)
        self._go_on(level)
        return level

    def _go_on(self, level: _OpenDirectory[N]) -> None:
        """Read the next entries of a directory."""
        after = level.nodes[-1].name if level.nodes else ""
        level.nodes = names_table.shaped_children(self._queries, self._shape, level.id, CHUNK, after)
        level.complete, level.next = len(level.nodes) < CHUNK, 0

    def _look_ahead(self, level: _OpenDirectory[N], hidden: FolderSet) -> None:
        """Read the beginnings of the directory that was just met, and of those after it that show, together."""
        if sum(map(len, self._ahead.values())) > _MOST_AHEAD:
            return
        later = (node for node in level.nodes[level.next - 1 :] if node.directory)
        shown = (node.id for node in later if not (hidden and hidden.covers((*level.names, node.name))))
        ids = list(itertools.islice(shown, _AHEAD))
        self._ahead.update(names_table.children_of_many(self._queries, self._shape, ids, _EACH))
