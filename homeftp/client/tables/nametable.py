"""Values by name, for trees of a million files: all but the first ones are kept packed, in little memory.

What a scan or a listing finds of a file takes up to a kilobyte as Python objects. Packed it takes 10 to 50 bytes, and
about 2 µs each time that it is read. Which columns a value has is not in here.
"""

from __future__ import annotations

import bisect
from typing import (
    AbstractSet,
    Callable,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
    TypeVar,
    ValuesView,
    overload,
)

from homeftp.client.tables.packs import FolderRows, OpenedPack, Packing, Slice, make_pack

V = TypeVar("V")
W = TypeVar("W")
D = TypeVar("D")

PLAIN_ROWS = 32_768
"""The first rows of a table, which stay as they are: a small tree costs no more time than in a dict."""

_LARGE = 4
"""A table that gets so many times as many rows packs the first ones, too: what it spared is little then."""

PACK_ROWS = 1024
"""Rows that are packed together: more take less memory, fewer are unpacked sooner."""

_LOOSE_PACKS = 4
"""Packs that are made at once: rows of folders that are listed at the same time come by turns."""

_OPEN_PACKS = 4
"""Packs that stay unpacked after they were read: tables are read in about the order in which they were filled."""


class NameTable(MutableMapping[str, V]):
    """Values by name, whose parts are separated by `/`: iterated folder by folder, each in the order of its names.

    The order of the folders is that in which they were first named. Rows that are added out of order within a folder
    come earlier, and are never packed. For one thread at a time.
    """

    def __init__(
        self,
        packing: Packing[V],
        rows: Mapping[str, V] | None = None,
        *,
        plain: int = PLAIN_ROWS,
        together: int = PACK_ROWS,
    ) -> None:
        """The first `plain` rows stay as they are; of the others so many are packed `together`."""
        self._together = together
        self._packing = packing
        self._plain = plain
        self._opened: dict[bytes, OpenedPack[V]] = {}
        self._reset()
        if rows is not None:
            self.update(rows)

    def _reset(self) -> None:
        self._plain_left = self._plain
        self._is_large = False
        self._count = 0
        self._folders: dict[str, FolderRows[V]] = {}
        self._loose: list[FolderRows[V]] = []
        """The folders that have loose rows."""
        self._loose_count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        folder = self._folders.get(name.rpartition("/")[0])
        if folder is None:
            return False
        if (folder.plain is not None and name in folder.plain) or (folder.loose is not None and name in folder.loose):
            return True
        pack = self._pack_of(folder, name)
        return pack is not None and name in pack

    def __getitem__(self, name: str) -> V:
        found = self._find(name)
        if found is None:
            raise KeyError(name)
        return found

    @overload
    def get(self, name: str, default: None = None) -> V | None: ...

    @overload
    def get(self, name: str, default: V | D) -> V | D: ...

    def get(self, name: str, default: V | D | None = None) -> V | D | None:
        """The value of a name, `default` where it has none; quicker than the method of a `MutableMapping`."""
        found = self._find(name)
        return default if found is None else found

    def _find(self, name: str) -> V | None:
        folder = self._folders.get(name.rpartition("/")[0])
        if folder is None:
            return None
        if folder.plain is not None and name in folder.plain:
            return folder.plain[name]
        if folder.loose is not None and name in folder.loose:
            return folder.loose[name]
        return self._find_packed(folder, name)

    def _find_packed(self, folder: FolderRows[V], name: str) -> V | None:
        pack = self._pack_of(folder, name)
        return None if pack is None else pack.get(name)

    def _pack_of(self, folder: FolderRows[V], name: str) -> OpenedPack[V] | None:
        """The pack that has the row of a name, if any has it."""
        slices = folder.slices
        if slices is None or (folder.gone is not None and name in folder.gone):
            return None
        place = bisect.bisect_right(slices, name, key=_first) - 1
        return None if place < 0 else self._open(slices[place].pack)

    def __setitem__(self, name: str, value: V) -> None:
        head = name.rpartition("/")[0]
        folder = self._folders.get(head)
        if folder is None:
            folder = self._folders[head] = FolderRows()
        if folder.greatest is not None and name <= folder.greatest:
            self._replace(folder, name, value)
            return
        folder.greatest = name
        self._append(folder, name, value)

    def _append(self, folder: FolderRows[V], name: str, value: V) -> None:
        """Add a row behind those of the folder that are packed or loose."""
        folder.count += 1
        self._count += 1
        if self._plain_left:
            self._plain_left -= 1
            if folder.plain is None:
                folder.plain = {}
            folder.plain[name] = value
            return
        if folder.loose is None:
            folder.loose = {}
            self._loose.append(folder)
        folder.loose[name] = value
        self._loose_count += 1
        if self._loose_count == _LOOSE_PACKS * self._together:
            self._pack_loose()

    def _replace(self, folder: FolderRows[V], name: str, value: V) -> None:
        """Set the value of a name that may have one."""
        if folder.loose is not None and name in folder.loose:
            folder.loose[name] = value
            return
        if folder.plain is None:
            folder.plain = {}
        if name not in folder.plain:
            if self._find_packed(folder, name) is not None:
                folder.remove_packed(name)
            else:
                folder.count += 1
                self._count += 1
        folder.plain[name] = value

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        folder = self._folders[name.rpartition("/")[0]]
        for rows in (folder.loose, folder.plain):
            if rows is not None:
                rows.pop(name, None)
        if self._find_packed(folder, name) is not None:
            folder.remove_packed(name)
        folder.count -= 1
        self._count -= 1

    def __iter__(self) -> Iterator[str]:
        for folder in self._folders.values():
            yield from folder.plain or ()
            for _, pack, start, stop in folder.slices or ():
                names, gone = self._open(pack).names[start:stop], folder.gone
                yield from names if gone is None else (name for name in names if name not in gone)
            yield from folder.loose or ()

    def items(self) -> ItemsView[str, V]:
        """The rows."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """The values."""
        return _Values(self)

    def _rows(self) -> Iterator[tuple[str, V]]:
        for folder in self._folders.values():
            yield from self._rows_of(folder)

    def _rows_of(self, folder: FolderRows[V]) -> Iterator[tuple[str, V]]:
        if folder.plain is not None:
            yield from folder.plain.items()
        for slice in folder.slices or ():
            yield from self._rows_in(folder, slice)
        if folder.loose is not None:
            yield from folder.loose.items()

    def _rows_in(self, folder: FolderRows[V], slice: Slice) -> Iterable[tuple[str, V]]:
        """The packed rows of a slice, without those that are gone."""
        _, pack, start, stop = slice
        opened, gone = self._open(pack), folder.gone
        rows = zip(opened.names[start:stop], opened.values[start:stop], strict=True)
        return rows if gone is None else ((name, value) for name, value in rows if name not in gone)

    def inside(self, folder: str) -> Iterator[tuple[str, V]]:
        """The rows of the names that are directly in a folder; "" is the top, whose own row is there too."""
        found = self._folders.get(folder)
        return iter(()) if found is None else self._rows_of(found)

    def folders(self) -> AbstractSet[str]:
        """The folders in which there are names, in their order."""
        return self._folders.keys()

    def copy(self) -> NameTable[V]:
        """Another table with the same rows; what is packed is shared."""
        return self.of_folders(lambda _: True)

    def of_folders(self, chosen: Callable[[str], bool]) -> NameTable[V]:
        """A table of the rows in the chosen folders only; what is packed is shared."""
        some: NameTable[V] = NameTable(self._packing, plain=0, together=self._together)
        some._take({name: folder.copy() for name, folder in self._folders.items() if chosen(name)})
        return some

    def _take(self, folders: dict[str, FolderRows[V]]) -> None:
        self._folders = folders
        self._count = sum(folder.count for folder in folders.values())
        self._loose = [folder for folder in folders.values() if folder.loose is not None]
        self._loose_count = sum(len(folder.loose or ()) for folder in self._loose)

    def read_as(self, packing: Packing[W], convert: Callable[[V], W]) -> NameTable[W]:
        """A table of what `convert` makes of the values. What is packed is shared: `packing` makes the same of it."""
        other: NameTable[W] = NameTable(packing, plain=0, together=self._together)
        other._take({name: folder.converted(convert) for name, folder in self._folders.items()})
        return other

    def keep(self, chosen: Callable[[str, V], bool]) -> None:
        """Delete all rows but those that are chosen by their names and values; packs stay where all in them is."""
        if self._loose:
            self._pack_loose()
        folders, self._folders, self._count = self._folders, {}, 0
        for name in [*folders]:
            kept = self._kept(folders.pop(name), chosen)
            if kept.count:
                self._folders[name] = kept

    def _kept(self, folder: FolderRows[V], chosen: Callable[[str, V], bool]) -> FolderRows[V]:
        """The chosen rows of a folder that has no loose ones; slices are shared up to the first that is not whole."""
        kept: FolderRows[V] = FolderRows()
        kept.greatest, kept.gone = folder.greatest, folder.gone
        if folder.plain is not None:
            kept.plain = {name: value for name, value in folder.plain.items() if chosen(name, value)}
            kept.count = len(kept.plain)
            self._count += kept.count
        whole: list[Slice] = []
        for slice in folder.slices or ():
            rows = [*self._rows_in(folder, slice)]
            some = [row for row in rows if chosen(*row)]
            if len(some) == len(rows) and kept.slices is None:
                whole.append(slice)
                kept.count += len(rows)
                self._count += len(rows)
                continue
            kept.slices = whole
            for name, value in some:
                self._append(kept, name, value)
        kept.slices = kept.slices or whole
        return kept

    def rename(self, old: str, new: str) -> None:
        """Give a name, and all beneath it, another name, that has no value; raises `KeyError` where there is none."""
        self[new] = self.pop(old)
        beneath = f"{old}/"
        for name in [each for each in self._folders if each == old or each.startswith(beneath)]:
            folder = self._folders.pop(name)
            self._count -= folder.count
            if folder.loose is not None:
                self._loose.remove(folder)
                self._loose_count -= len(folder.loose)
            for each, value in self._rows_of(folder):
                self[new + each[len(old) :]] = value

    def sort_folders(self) -> None:
        """Let each folder come before those in it, as in a listing."""
        ordered = sorted(self._folders.items(), key=lambda item: item[0].replace("/", "\0"))
        self._folders = dict(ordered)

    def _pack_loose(self) -> None:
        if not self._is_large and self._count >= self._plain * _LARGE:
            self._is_large = True
            self._pack_plain()
        folders, self._loose, self._loose_count = self._loose, [], 0
        self._pack_rows(self._take_loose(folders))

    def _pack_plain(self) -> None:
        """Pack the first rows of the table, except those of folders that have got rows out of order."""
        taken: list[tuple[FolderRows[V], dict[str, V]]] = []
        packed: list[list[Slice]] = []
        for folder in self._folders.values():
            if folder.plain and folder.comes_first(folder.plain):
                taken.append((folder, folder.plain))
                packed.append(folder.slices or [])
                folder.plain = folder.slices = None
        self._pack_rows(taken)
        for (folder, _), slices in zip(taken, packed, strict=True):
            folder.slices = [*(folder.slices or ()), *slices]

    def _take_loose(self, folders: Iterable[FolderRows[V]]) -> Iterator[tuple[FolderRows[V], dict[str, V]]]:
        for folder in folders:
            rows, folder.loose = folder.loose or {}, None
            yield folder, rows

    def _pack_rows(self, taken: Iterable[tuple[FolderRows[V], dict[str, V]]]) -> None:
        """Pack rows of some folders; in each they come after what is packed already."""
        names: list[str] = []
        values: list[V] = []
        marks: list[tuple[FolderRows[V], int]] = []
        for folder, rows in taken:
            marks.append((folder, len(names)))
            for name, value in rows.items():
                if len(names) == self._together:
                    self._pack(names, values, marks)
                    names, values, marks = [], [], [(folder, 0)]
                names.append(name)
                values.append(value)
        if names:
            self._pack(names, values, marks)

    def _pack(self, names: Sequence[str], values: Sequence[V], marks: Sequence[tuple[FolderRows[V], int]]) -> None:
        """Pack rows; the marks say where those of each folder begin."""
        pack = make_pack(self._packing, names, values)
        stops = [*(start for _, start in marks[1:]), len(names)]
        for (folder, start), stop in zip(marks, stops, strict=True):
            if start < stop:
                if folder.slices is None:
                    folder.slices = []
                folder.slices.append(Slice(names[start], pack, start, stop))

    def _open(self, pack: bytes) -> OpenedPack[V]:
        opened = self._opened.get(pack)
        if opened is None:
            opened = OpenedPack(self._packing, pack)
            while len(self._opened) >= _OPEN_PACKS:
                del self._opened[next(iter(self._opened))]
            self._opened[pack] = opened
        return opened


def _first(slice: Slice) -> str:
    return slice.first


class _Items(ItemsView[str, V]):
    """The rows of a table, which are iterated without a lookup of each name."""

    _mapping: NameTable[V]

    def __iter__(self) -> Iterator[tuple[str, V]]:
        return self._mapping._rows()


class _Values(ValuesView[V]):
    """The values of a table, which are iterated without a lookup of each name."""

    _mapping: NameTable[V]

    def __iter__(self) -> Iterator[V]:
        return (value for _, value in self._mapping._rows())
