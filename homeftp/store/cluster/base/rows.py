"""The rows of the cluster store's tables as values, and as what callers of the store see."""

from __future__ import annotations

from typing import Any, Callable, Generic, Iterator, NamedTuple, Protocol, Sequence, TypeVar

import attrs
import msgspec

from homeftp.endpoint import Endpoint, FolderSet
from homeftp.hashing.filehash import ALGORITHM, binary, from_binary
from homeftp.model import Entry, Kind, Version

Names = tuple[str, ...]

SEPARATOR = "\x01"
"""Between the names of a path in the database. No name holds a control character, and all others sort after it."""

BEHIND = "\x02"
"""A path followed by this sorts behind everything beneath the path."""


def path_text(names: Sequence[str]) -> str:
    """A path as the database has it; "" for the root."""
    return SEPARATOR.join(names)


def path_names(text: str) -> Names:
    """The names of such a path."""
    return tuple(text.split(SEPARATOR)) if text else ()


def path_range(names: Sequence[str]) -> tuple[str, str, str]:
    """A path as the database has it, and the range of all beneath it: from one text on, and up to another."""
    path = path_text(names)
    return path, path + SEPARATOR, path + BEHIND


def ranges_around(names: Names, hidden: FolderSet) -> Iterator[tuple[str, str | None]]:
    """The ranges of a path and all beneath it, without the hidden folders: each from a path on, and up to another."""
    low, end = path_text(names), path_text(names) + BEHIND if names else None
    for folder in sorted(map(path_text, hidden.folders)):
        if low <= folder and (end is None or folder < end):
            yield low, folder
            low = folder + BEHIND
    yield low, end


class ShareId(msgspec.Struct, frozen=True):
    """A share, and the directory that is its root."""

    id: int
    root: int


class FileRow(msgspec.Struct, frozen=True):
    """The columns of a file that the tree and the versions both have."""

    mtime_us: int
    mode: int
    size: int
    hash: str | None
    content: int | None
    """The number of its content, by which `part` has its bytes; None for an empty file, and for a directory."""
    made_us: int
    found: str | None
    """The result of `verify` for a damaged content: its hash, or "" where it could not be read."""
    checked_us: int

    @property
    def damaged(self) -> bool:
        """Whether the content was not kept."""
        return self.found is not None


class NodeRow(FileRow, frozen=True):
    """A file or a directory in the tree."""

    id: int
    parent: int
    name: str
    alike: int
    directory: bool
    tag: int

    @property
    def kind(self) -> Kind:
        """The kind of the entry."""
        return "directory" if self.directory else "file"

    def entry(self, name: str = "") -> Entry:
        """The node as callers of the store see it."""
        return Entry(
            name,
            self.kind,
            self.size,
            self.mtime_us,
            self.mode,
            None if self.damaged else self.hash,
            str(self.tag),
            (self.hash or "") if self.damaged else None,
        )


class ListedRow(NamedTuple):
    """A file or a directory as a listing shows it. A folder may have many: so it is no more than the tuple it was."""

    id: int
    parent: int
    name: str
    directory: bool
    size: int
    mtime_us: int
    mode: int
    hash: bytes | None
    tag: int
    found: bytes | None

    def entry(self, name: str) -> Entry:
        """The row as callers of the store see it."""
        _, _, _, directory, size, mtime_us, mode, hash, tag, found = self
        if found is not None:
            return Entry(name, "file", size, mtime_us, mode, None, str(tag), hash_of(hash) or "")
        digest = None if hash is None else ALGORITHM + hash.hex()
        return Entry(name, "directory" if directory else "file", size, mtime_us, mode, digest, str(tag))


class VersionRow(FileRow, frozen=True):
    """A version."""

    path: str
    at_us: int

    def version(self, top: Endpoint) -> Version:
        """The version as callers see it, by its name beneath an endpoint."""
        name = "/".join(path_names(self.path)[len(top.parts) :])
        return Version(name, self.at_us, self.size, self.mtime_us, self.mode, self.hash, self.made_us)


FILE_COLUMNS = "{0}.mtime_us, {0}.mode, {0}.size, {0}.hash, {0}.content, {0}.made_us, {0}.found, {0}.checked_us"
"""The columns of a `FileRow`, of the table that takes the place of {0}."""

NODE_COLUMNS = f"{FILE_COLUMNS}, {{0}}.id, {{0}}.parent, {{0}}.name, {{0}}.alike, {{0}}.directory, {{0}}.tag".format(
    "n"
)
"""The columns of a `NodeRow`, of the table n."""

LISTED_COLUMNS = ", ".join(f"n.{column}" for column in ListedRow._fields)
"""The columns of a `ListedRow`, of the table n."""

VERSION_COLUMNS = f"{FILE_COLUMNS}, {{0}}.path, {{0}}.at_us".format("v")
"""The columns of a `VersionRow`, of the table v."""


def node_of(row: Sequence[Any]) -> NodeRow:
    """The node of a row with `NODE_COLUMNS`."""
    mtime_us, mode, size, hash, content, made_us, found, *rest = row
    digest = None if hash is None else ALGORITHM + hash.hex()
    return NodeRow(mtime_us, mode, size, digest, content, made_us, None if found is None else hash_of(found), *rest)


class IPlaced(Protocol):
    """A row of the tree, whatever else it has."""

    @property
    def id(self) -> int:
        """The number of the node."""

    @property
    def parent(self) -> int:
        """The number of its directory."""

    @property
    def name(self) -> str:
        """The name in its directory."""

    @property
    def directory(self) -> bool:
        """Whether it is a directory itself."""


N = TypeVar("N", bound=IPlaced)


@attrs.frozen
class RowShape(Generic[N]):
    """The columns that are read of the rows of a tree, and the values that they become."""

    columns: str
    make: Callable[[Sequence[Any]], N]


NODES = RowShape(NODE_COLUMNS, node_of)
"""All of each row."""

LISTED = RowShape(LISTED_COLUMNS, ListedRow._make)
"""As much of each row as a listing shows."""


def version_of(row: Sequence[Any]) -> VersionRow:
    """The version of a row with `VERSION_COLUMNS`."""
    mtime_us, mode, size, hash, content, made_us, found, *rest = row
    return VersionRow(mtime_us, mode, size, hash_of(hash), content, made_us, hash_of(found), *rest)


def hash_of(digest: bytes | None) -> str | None:
    """A hash as the rest of the code has it; "" for an empty one."""
    return None if digest is None else from_binary(bytes(digest)) if digest else ""


def digest_of(hash: str | None) -> bytes | None:
    """A hash as the database has it."""
    return None if hash is None else binary(hash) if hash else b""


class ContentPart(msgspec.Struct, frozen=True):
    """Some bytes of a content: a whole object, or a range of one."""

    object: str
    start: int
    size: int
