"""Going through tables in the order of a tree: the names of several of them, or the rows of one folder."""

from __future__ import annotations

from itertools import chain
from typing import Any, Generic, Iterator, TypeVar

from homeftp.client.tables.nameset import upwards
from homeftp.client.tables.nametable import NameTable

V = TypeVar("V")


def name_order(name: str) -> str:
    """Sorts a directory before what it holds, and that before what comes after the directory."""
    return name.replace("/", "\0")


class AllNames:
    """The names of some tables, each once and in `name_order`; found folder by folder whenever they are iterated."""

    def __init__(self, *tables: NameTable[Any]) -> None:
        self._tables = tables
        self._below: dict[str, set[str]] = {}
        """The folders that are in each folder, as far as there are names beneath them."""
        for folder in chain.from_iterable(table.folders() for table in tables):
            for name in upwards(folder):
                self._below.setdefault(name.rpartition("/")[0], set()).add(name)

    def __iter__(self) -> Iterator[str]:
        return self._walk(reverse=False)

    def __reversed__(self) -> Iterator[str]:
        return self._walk(reverse=True)

    def _walk(self, *, reverse: bool) -> Iterator[str]:
        pending = [self._in("", reverse=reverse)]
        while pending:
            for name, is_known, below in pending[-1]:
                if is_known:
                    yield name
                if below:
                    pending.append(self._in(name, reverse=reverse))
                    break
            else:
                pending.pop()

    def _in(self, folder: str, *, reverse: bool) -> Iterator[tuple[str, bool, bool]]:
        """The content of a folder: each name, whether it is one of the names, and whether those beneath it follow.

        In reverse a directory comes once for what is beneath it, and then for itself.
        """
        below = self._below.get(folder, set())
        known = {name for table in self._tables for name, _ in table.inside(folder)}
        for name in sorted(known | below if below else known, reverse=reverse):
            if name not in below:
                yield name, True, False
            elif reverse:
                yield name, False, True
                yield name, name in known, False
            else:
                yield name, name in known, True


class Cursor(Generic[V]):
    """The rows of the names that are directly in one folder of a table, which must not change meanwhile.

    Where names are looked up in their order, each row is passed once: to search for packed rows takes long.
    """

    def __init__(self, table: NameTable[V], folder: str) -> None:
        self._table = table
        self._rows = table.inside(folder)
        self._next = next(self._rows, None)

    def get(self, name: str) -> V | None:
        """The value of a name in the folder; None where it has none."""
        row = self._next
        while row is not None and row[0] < name:
            row = next(self._rows, None)
        self._next = row
        return row[1] if row is not None and row[0] == name else self._table.get(name)
