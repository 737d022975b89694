"""Looking up names one after the other in the order of a table: each row is passed once, and searched for never.

A table is at its slowest where rows that are packed are looked up one by one (`nametable`).
"""

from __future__ import annotations

from typing import Generic, TypeVar

from homeftp.client.tables.nametable import NameTable

V = TypeVar("V")


class Cursor(Generic[V]):
    """The rows of the names that are directly in one folder of a table, which must not change meanwhile."""

    def __init__(self, table: NameTable[V], folder: str) -> None:
        self._table = table
        self._rows = table.inside(folder)
        self._next = next(self._rows, None)

    def get(self, name: str) -> V | None:
        """The value of a name in the folder; None where it has none. Names in their order cost the least."""
        row = self._next
        while row is not None and row[0] < name:
            row = next(self._rows, None)
        self._next = row
        return row[1] if row is not None and row[0] == name else self._table.get(name)
