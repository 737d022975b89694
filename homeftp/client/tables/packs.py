"""Packs of named values: many values in a few bytes each. Which columns a value has is not in here."""

from __future__ import annotations

import marshal
import zlib
from typing import Any, Callable, Generic, Iterable, Mapping, Sequence, TypeVar

import msgspec

V = TypeVar("V")

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
