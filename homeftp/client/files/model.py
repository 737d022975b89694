"""Local files and folders as values: what a scan found. No input and no output."""

from __future__ import annotations

import os
import stat as stat_module
from typing import AbstractSet, Iterable, Mapping, NamedTuple, Sequence

import attrs

from homeftp.client.selection import EVERYTHING, Selector
from homeftp.client.tables.nametable import NameTable
from homeftp.client.tables.packs import Columns, Packing
from homeftp.hashing.foldertable import KnownFolder
from homeftp.metadata.kept import in_range

HAS_MODES = os.name == "posix"
"""Whether local files have permission bits; without them no modes are sent, set or compared."""

PERMISSIONS = 0o777
"""The bits of a mode that are sent, set and compared."""


_MOST_INODE = 2**63 - 1


class FileStat(NamedTuple):
    """A file or directory and its stat."""

    name: str
    """The name on the wire, relative to the scanned folder; "" is the folder itself."""
    path: str
    stat: os.stat_result

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return stat_module.S_ISDIR(self.stat.st_mode)

    @property
    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return stat_module.S_ISREG(self.stat.st_mode)

    @property
    def size(self) -> int:
        """The number of bytes of the content."""
        return self.stat.st_size

    @property
    def inode(self) -> int:
        """A number that a file or directory keeps when it is renamed, no larger than SQLite holds."""
        return self.stat.st_ino & _MOST_INODE

    @property
    def mtime_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return in_range(self.stat.st_mtime_ns // 1000)


def _pack(names: Sequence[str], files: Sequence[FileStat]) -> Columns:
    """The columns of files whose keys are their names."""
    stats = [file.stat for file in files]
    tops = {_top(file) for file in files}
    is_plain = len(tops) == 1 and None not in tops
    return (
        tops.pop() if is_plain else None,
        None if is_plain else [file.path for file in files],
        [stat.st_mode for stat in stats],
        [stat.st_ino for stat in stats],
        [stat.st_dev for stat in stats],
        [stat.st_size for stat in stats],
        [stat.st_mtime_ns for stat in stats],
        [stat.st_ctime_ns for stat in stats],
    )


def _top(file: FileStat) -> str | None:
    """The scanned folder, with a separator; None where a part of the name is spelled otherwise here."""
    relative = file.name.replace("/", os.sep)
    return file.path[: -len(relative)] if relative and file.path.endswith(relative) else None


def _unpack(names: Sequence[str], columns: Columns) -> Iterable[FileStat]:
    """The files, their stats without what nothing uses: owner, links, access time, and times in seconds."""
    top, paths, modes, inodes, devices, sizes, changed_ns, status_changed_ns = columns
    if paths is None:
        paths = [top + name.replace("/", os.sep) for name in names]
    no = [None] * len(names)
    visible = modes, inodes, devices, no, no, no, sizes, no, no, no
    seconds = no, no, no
    fields = zip(*visible, *seconds, no, changed_ns, status_changed_ns, strict=True)
    return map(FileStat, names, paths, map(os.stat_result, fields))


PACKING: Packing[FileStat] = Packing(_pack, _unpack)
"""Keeps of a stat what tells whether a file is the same still, and what is sent of it."""


def file_table(files: Mapping[str, FileStat] | None = None) -> NameTable[FileStat]:
    """A table of files by name."""
    return NameTable(PACKING, files)


@attrs.frozen
class LocalTree:
    """A local folder with everything in it that can be sent, by name."""

    path: str
    files: NameTable[FileStat] = attrs.field(factory=file_table)
    directories: dict[str, FileStat] = attrs.field(factory=dict)
    links: dict[str, str] = attrs.field(factory=dict)
    """Names of links that were followed, each with the real path of the file or folder that it leads to."""
    skipped: list[tuple[str, str]] = attrs.field(factory=list)
    """Names of what is never sent, such as links, each with the reason."""
    failed: list[tuple[str, str]] = attrs.field(factory=list)
    """Names of what should be sent and cannot be, each with the reason."""
    partials: list[str] = attrs.field(factory=list)
    """Names of partial downloads that earlier transfers left."""
    selector: Selector = attrs.field(factory=lambda: Selector(EVERYTHING))
    """The selection, with that of the ignore files in it; the rest of the folder is not in here."""
    partial_directories: set[str] = attrs.field(factory=set)
    """The directories that hold something that is left out."""
    unread: dict[str, KnownFolder] = attrs.field(factory=dict)
    """Folders whose files are not in here, because the folders look as they did when this was computed of them."""
    plain: set[str] = attrs.field(factory=set)
    """Folders of which all is in here, and has the same name on the wire."""
    local_names: dict[str, str] = attrs.field(factory=dict)
    """For a name on the wire the local spelling of its last part, where that differs (Unicode form)."""

    unnamed: list[FileStat] = attrs.field(factory=list)
    """Files and folders that failed because of their names, and folders that cannot be read."""
    other_names: dict[str, str] = attrs.field(factory=dict)
    """The names on the wire that failed ones have by the other rule for names, with or without `--strict-names`."""

    @property
    def mount_points(self) -> AbstractSet[str]:
        """The directories that are on another disk than the one around them, and are no links."""
        disks = {name: found.stat.st_dev for name, found in self.directories.items()}
        around = {name: disks.get(name.rpartition("/")[0]) for name in disks if name}
        known = {name for name, disk in around.items() if disk and disks[name]}  # os.scandir tells none on Windows
        return {name for name in known.difference(self.links) if disks[name] != around[name]}
