"""A list of values, for plans of a million steps: all but the first ones are kept packed, in little memory."""

from __future__ import annotations

import marshal
import zlib
from itertools import chain, islice
from typing import Callable, Generic, Iterable, Iterator, NamedTuple, TypeVar

import msgspec

from homeftp.client.tables.nametable import PACK_ROWS, PLAIN_ROWS
from homeftp.client.tables.packs import LEVEL, Columns

V = TypeVar("V")


class ListPacking(msgspec.Struct, Generic[V], frozen=True):
    """How values are packed."""

    pack: Callable[[list[V]], Columns]
    """Gets some values, and gives their columns."""
    unpack: Callable[[Columns], Iterable[V]]
    """Gets the columns, and gives the values."""


class _Pack(NamedTuple):
    """Values that are packed together."""

    size: int
    data: bytes


class PackedList(Generic[V]):
    """Values in an order, to be iterated. One that is iterated must not grow meanwhile.

    Lists share what is packed where one is made of others, or of the values of one that are chosen.
    """

    def __init__(
        self,
        packing: ListPacking[V],
        values: Iterable[V] = (),
        *,
        plain: int = PLAIN_ROWS,
        together: int = PACK_ROWS,
    ) -> None:
        """The first `plain` values stay as they are; of the others so many are packed `together`."""
        self._packing = packing
        self._plain_most = plain
        self._together = together
        self._plain: list[V] = []
        self._packs: list[_Pack] = []
        self._loose: list[V] = []
        self.extend(values)

    def __len__(self) -> int:
        return len(self._plain) + sum(pack.size for pack in self._packs) + len(self._loose)

    def __iter__(self) -> Iterator[V]:
        packed = chain.from_iterable(map(self._unpack, self._packs))
        return chain(self._plain, packed, self._loose)

    def __eq__(self, other: object) -> bool:
        """Whether another list, of any kind, has the same values in the same order."""
        if not isinstance(other, PackedList | list | tuple):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))

    def append(self, value: V) -> None:
        """Add a value at the end."""
        if len(self._plain) < self._plain_most:
            self._plain.append(value)
            return
        self._loose.append(value)
        if len(self._loose) == self._together:
            self._pack_loose()

    def extend(self, values: Iterable[V]) -> None:
        """Add values at the end."""
        if not isinstance(values, PackedList):
            for value in values:
                self.append(value)
            return
        self.extend(values._plain)
        for pack in values._packs:
            self._add(pack)
        self.extend(values._loose)

    def where(self, chosen: Callable[[V], bool]) -> PackedList[V]:
        """A list of the values that are chosen."""
        some: PackedList[V] = PackedList(self._packing, plain=self._plain_most, together=self._together)
        some.extend(filter(chosen, self._plain))
        for pack in self._packs:
            values = [*filter(chosen, self._unpack(pack))]
            if len(values) == pack.size:
                some._add(pack)
            else:
                some.extend(values)
        some.extend(filter(chosen, self._loose))
        return some

    def first(self, count: int) -> list[V]:
        """The first values, at most so many."""
        return list(islice(self, count))

    def _add(self, pack: _Pack) -> None:
        """Add what is packed already; nothing stays plain behind that."""
        self._plain_most = 0
        if self._loose:
            self._pack_loose()
        self._packs.append(pack)

    def _pack_loose(self) -> None:
        data = zlib.compress(marshal.dumps(self._packing.pack(self._loose)), LEVEL)
        self._packs.append(_Pack(len(self._loose), data))
        self._loose = []

    def _unpack(self, pack: _Pack) -> Iterable[V]:
        return self._packing.unpack(marshal.loads(zlib.decompress(pack.data)))
