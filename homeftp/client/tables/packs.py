"""Packs of named values, and the rows of one folder, most of which are packed: many values in a few bytes each.

Which columns a value has is not in here, nor is the table that has the folders.
"""

from __future__ import annotations

import marshal
import operator
import zlib
from typing import Any, Callable, Generic, Iterable, Mapping, NamedTuple, Sequence, TypeVar

import msgspec

V = TypeVar("V")
W = TypeVar("W")

LEVEL = 1
"""The level of zlib: the fastest. Names and times of one folder are much alike."""

Columns = tuple[Any, ...]
"""The columns of some values: what `marshal` can write."""


class Packing(msgspec.Struct, Generic[V], frozen=True):
    """How values are packed."""

    pack: Callable[[Sequence[str], Sequence[V]], Columns]
    """Gets some names and their values, and gives the columns of the values."""
    unpack: Callable[[Sequence[str], Columns], Iterable[V]]
    """Gets the names and the columns, and gives the values."""


def make_pack(packing: Packing[V], names: Sequence[str], values: Sequence[V]) -> bytes:
    """A pack of these names and their values."""
    return zlib.compress(marshal.dumps(("\0".join(names), packing.pack(names, values))), LEVEL)


class OpenedPack(Generic[V]):
    """The names of a pack; its values are unpacked when one is asked for, which takes ten times as long."""

    __slots__ = ("_columns", "_packing", "_places", "_values", "names")

    def __init__(self, packing: Packing[V], pack: bytes) -> None:
        joined, self._columns = marshal.loads(zlib.decompress(pack))
        self._packing = packing
        self.names: Sequence[str] = joined.split("\0")
        self._values: Sequence[V] | None = None
        self._places: Mapping[str, int] | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._by_name()

    def _by_name(self) -> Mapping[str, int]:
        if self._places is None:
            self._places = dict(zip(self.names, range(len(self.names)), strict=True))
        return self._places

    @property
    def values(self) -> Sequence[V]:
        """The values, in the order of the names."""
        if self._values is None:
            self._values, self._columns = list(self._packing.unpack(self.names, self._columns)), ()
        return self._values

    def get(self, name: str) -> V | None:
        """The value of a name; None where the pack does not have it."""
        place = self._by_name().get(name)
        return None if place is None else self.values[place]


class Slice(NamedTuple):
    """Rows of one folder in a pack, which may have rows of other folders too."""

    first: str
    """The name of the first row."""
    pack: bytes
    start: int
    stop: int


class FolderRows(Generic[V]):
    """The rows of the names that are directly in one folder."""

    __slots__ = ("count", "gone", "greatest", "loose", "plain", "slices")

    def __init__(self) -> None:
        self.count = 0
        self.greatest: str | None = None
        """The last name in the order of names so far: what comes after it is new, and what is packed is sorted."""
        self.plain: dict[str, V] | None = None
        """Rows that are not packed: the first ones of the table, and those that came out of order or were replaced."""
        self.slices: list[Slice] | None = None
        self.loose: dict[str, V] | None = None
        """The newest rows, which are packed next."""
        self.gone: set[str] | None = None
        """The names of packed rows that were replaced or deleted."""

    def remove_packed(self, name: str) -> None:
        """A packed row was replaced, or deleted."""
        if self.gone is None:
            self.gone = set()
        self.gone.add(name)

    def comes_first(self, rows: Mapping[str, V]) -> bool:
        """Whether rows are in order, and come before all that are packed or are to be packed.

        Not where packed rows were replaced: those in their place must not be packed, as if they were gone.
        """
        if self.gone is not None:
            return False
        names = list(rows)
        behind = self.slices[0].first if self.slices else next(iter(self.loose or ()), None)
        return (behind is None or names[-1] < behind) and all(map(operator.lt, names, names[1:]))

    def copy(self) -> FolderRows[V]:
        """Rows that can be changed without these; what is packed is shared."""
        return self.converted(lambda value: value)

    def converted(self, convert: Callable[[V], W]) -> FolderRows[W]:
        """The rows with other values, but for those that are packed."""
        copy: FolderRows[W] = FolderRows()
        copy.count, copy.greatest = self.count, self.greatest
        copy.gone = None if self.gone is None else set(self.gone)
        copy.plain = None if self.plain is None else {name: convert(value) for name, value in self.plain.items()}
        copy.slices = None if self.slices is None else list(self.slices)
        copy.loose = None if self.loose is None else {name: convert(value) for name, value in self.loose.items()}
        return copy
