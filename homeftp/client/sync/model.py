"""The values of a sync: one name on one side, both trees, and a plan. No input and no output."""

from __future__ import annotations

import enum
from itertools import repeat
from typing import Collection, Iterable, Mapping, NamedTuple, Sequence

import attrs

from homeftp.client.tables.nameset import nearest
from homeftp.client.tables.nametable import NameTable
from homeftp.client.tables.packedlist import ListPacking, PackedList
from homeftp.client.tables.packs import Columns, Packing
from homeftp.hashing.filehash import binary, from_binary
from homeftp.model import Entry, Kind


class Side(enum.Enum):
    """One of the two copies of a folder."""

    HERE = "here"
    """This machine's."""
    THERE = "there"
    """The server's."""

    @property
    def other(self) -> Side:
        """The other copy."""
        return Side.THERE if self is Side.HERE else Side.HERE


class Direction(enum.Enum):
    """Which side is changed."""

    BOTH = "both"
    """Each gets what was changed on the other."""
    PUSH = "push"
    """The server's copy is made like the one here."""
    PULL = "pull"
    """The copy here is made like the server's."""


class Preference(enum.Enum):
    """Which content stands where both sides were changed."""

    HERE = "here"
    THERE = "there"
    NEWER = "newer"


class SyncNode(NamedTuple):
    """A file or directory on one side, or as both sides agreed on it."""

    kind: Kind
    hash: str | None = None
    """The hash of a file; None for a directory."""
    size: int = 0
    """Bytes of content; 0 for a directory."""
    mtime_us: int | None = None
    """The mtime of a file, in microseconds since 1970 UTC. None: not kept, and for a directory."""
    mode: int | None = None
    """The permission bits; None: not kept."""

    @property
    def content(self) -> tuple[Kind, str | None]:
        """The fields that are equal where two copies have the same content."""
        return self.kind, self.hash

    @property
    def metadata(self) -> tuple[int | None, int | None]:
        """The fields that are equal besides where two copies have the same metadata."""
        return self.mtime_us, self.mode


@attrs.frozen
class SyncOptions:
    """The user's decisions about a sync."""

    direction: Direction = Direction.BOTH
    preference: Preference | None = None
    """None: where both sides were changed, both contents are kept."""
    machine: str = "this machine"
    """The name of this machine, for the names of copies."""
    day: str = "1970-01-01"
    """Today, for the names of copies."""
    merge: bool = False
    """Whether texts that both sides have changed are merged where that is possible, before the preference counts."""


def _pack(names: Sequence[str], nodes: Sequence[SyncNode]) -> Columns:
    return (
        [node.kind for node in nodes],
        [None if node.hash is None else binary(node.hash) for node in nodes],
        [node.size for node in nodes],
        [node.mtime_us for node in nodes],
        [node.mode for node in nodes],
    )


def _unpack(names: Sequence[str], columns: Columns) -> Iterable[SyncNode]:
    """The nodes; also those of the server's entries, whose first columns are the same."""
    kinds, digests, sizes, times, modes, *others = columns
    hashes = (None if digest is None else from_binary(digest) for digest in digests)
    nodes = map(SyncNode, kinds, hashes, sizes, times, modes)
    return map(_node_of, nodes) if others and "directory" in kinds else nodes


def _node_of(node: SyncNode) -> SyncNode:
    """The node of an entry of the server, which has a size and a time of a directory too."""
    return SyncNode("directory", mode=node.mode) if node.kind == "directory" else node


PACKING: Packing[SyncNode] = Packing(_pack, _unpack)
"""Keeps all of a node, whose hash is one of a content."""


def node_table() -> NameTable[SyncNode]:
    """An empty table of nodes by name."""
    return NameTable(PACKING)


def nodes_of(entries: NameTable[Entry]) -> NameTable[SyncNode]:
    """The nodes of the server's entries, which share what is packed with them."""
    return entries.read_as(PACKING, node_of)


def node_of(entry: Entry) -> SyncNode:
    """The node of an entry of the server."""
    if entry.kind == "directory":
        return SyncNode("directory", mode=entry.mode)
    return SyncNode("file", entry.hash, entry.size, entry.mtime_us, entry.mode)


def copy_nodes(nodes: Mapping[str, SyncNode]) -> NameTable[SyncNode]:
    """A copy of the nodes, to be changed."""
    return nodes.copy() if isinstance(nodes, NameTable) else NameTable(PACKING, nodes)


def inode_table() -> NameTable[int]:
    """An empty table of inodes by name."""
    return NameTable(Packing(lambda names, inodes: (list(inodes),), lambda names, columns: columns[0]))


def same_content(one: SyncNode | None, other: SyncNode | None) -> bool:
    """Whether two sides have the same content of a name, or both have none."""
    return (one and one.content) == (other and other.content)


def is_within(name: str, folder: str) -> bool:
    """Whether a name is that of a folder, or of something beneath it."""
    return name == folder or name.startswith(f"{folder}/")


class Unsynced(NamedTuple):
    """Why something cannot be synced."""

    reason: str
    """In words for people."""
    failed: bool
    """Whether it should be synced: it is no link and no device, but cannot be read."""
    is_reported: bool = True
    """Whether people are told of it; False for a second name of something that is reported."""


@attrs.frozen
class SyncTree:
    """The files of one side; a name comes after the directory that it is in."""

    nodes: Mapping[str, SyncNode] = attrs.field(factory=dict)
    """By the name relative to the folder; the folder itself is not among them."""
    opaque: Mapping[str, Unsynced] = attrs.field(factory=dict)
    """Names that cannot be synced: they and what is beneath them stay as they are."""
    inodes: Mapping[str, int] = attrs.field(factory=dict)
    """A number that a file or directory keeps when it is renamed, where the side has one."""
    links: Collection[str] = ()
    """Links whose targets are in their place. Nothing is changed at or beneath them on this side."""
    partial: Collection[str] = ()
    """The directories that hold something that is left out, so that they stay."""
    unnamed: Mapping[int, str] = attrs.field(factory=dict)
    """The inodes of files whose names cannot be sent, or are in such folders, each with the opaque name.

    Also those of folders that cannot be read.
    """
    mounts: Collection[str] = ()
    """Directories that are on another disk than the one around them."""
    folding: Collection[str] = ()
    """The mount points of disks that take two names for one if they differ only in case or the form of their letters.

    "" is that of the folder itself.
    """

    def folds(self, folder: str) -> bool:
        """Whether a directory is on one of the `folding` disks."""
        return nearest(folder, self.mounts) in self.folding


class Act(enum.Enum):
    """The action for a name."""

    MOVE = "move"
    """Rename it on the target to what it is called on the other side."""
    COPY = "copy"
    """Give the target the content or the directory of the other side, with its metadata."""
    METADATA = "metadata"
    """Give the target the time and mode of the other side."""
    DELETE = "delete"
    """Delete it at the target, which keeps it as a version."""
    MERGE = "merge"
    """Both sides changed a text: both get a text with both changes. The target is the side that gets it last."""
    KEEP_BOTH = "keep both"
    """Both sides changed it: the target's file gets another name, so that both contents are kept."""
    SUSPICIOUS = "suspicious"
    """The target's file is empty, as after a crash: both sides stay as they are until a person decides."""


class SyncAction(NamedTuple):
    """One step of a plan. It is carried out only where both sides still are what the plan saw."""

    act: Act
    target: Side
    """The side that is changed; of SUSPICIOUS, the side whose file is empty."""
    name: str
    here: SyncNode | None = None
    """The entry here when the plan was made."""
    there: SyncNode | None = None
    """The entry on the server when the plan was made."""
    to: str = ""
    """The new name, of MOVE and KEEP_BOTH."""

    def node(self, side: Side) -> SyncNode | None:
        """The entry on a side when the plan was made."""
        return self.here if side is Side.HERE else self.there

    @property
    def source(self) -> SyncNode | None:
        """The source of a COPY or METADATA."""
        return self.node(self.target.other)


_ACTS, _SIDES = tuple(Act), tuple(Side)

_NO_NODE = SyncNode("file")
"""Is packed where a side has nothing."""


def _pack_actions(actions: Sequence[SyncAction]) -> Columns:
    here, there = [action.here for action in actions], [action.there for action in actions]
    return (
        [_ACTS.index(action.act) for action in actions],
        [_SIDES.index(action.target) for action in actions],
        [action.name for action in actions],
        _pack_nodes(here),
        _pack_nodes(there),
        [action.to for action in actions],
    )


def _pack_nodes(nodes: Sequence[SyncNode | None]) -> Columns | None:
    """The columns of what a side has; None where it has nothing at all."""
    if not any(nodes):
        return None
    return [node is not None for node in nodes], *_pack((), [node or _NO_NODE for node in nodes])


def _unpack_actions(columns: Columns) -> Iterable[SyncAction]:
    acts, sides, names, here, there, new_names = columns
    nodes = (_unpack_nodes(each, len(names)) for each in (here, there))
    return map(SyncAction, map(_ACTS.__getitem__, acts), map(_SIDES.__getitem__, sides), names, *nodes, new_names)


def _unpack_nodes(columns: Columns | None, count: int) -> Iterable[SyncNode | None]:
    if columns is None:
        return repeat(None, count)
    exists, *others = columns
    return (node if known else None for known, node in zip(exists, _unpack((), tuple(others)), strict=True))


ACTION_PACKING: ListPacking[SyncAction] = ListPacking(_pack_actions, _unpack_actions)
"""Keeps all of a step."""


def step_list(actions: Iterable[SyncAction] = ()) -> PackedList[SyncAction]:
    """Steps in their order, a million of which take little memory."""
    return actions if isinstance(actions, PackedList) else PackedList(ACTION_PACKING, actions)


@attrs.frozen
class SyncPlan:
    """The actions that make both sides agree."""

    actions: PackedList[SyncAction] = attrs.field(factory=step_list, converter=step_list)
    """In the order in which they are carried out."""
    agreed: Mapping[str, SyncNode] = attrs.field(factory=dict)
    """The entries that both sides have already, and that were not known to be agreed."""
    gone: Sequence[str] = ()
    """The agreed names that neither side has any more."""
    opaque: Mapping[str, Unsynced] = attrs.field(factory=dict)
    """The names that cannot be synced on one of the sides."""
    files: Mapping[Side, int] = attrs.field(factory=dict)
    """How many files each side has now."""
    agreed_files: int = 0
    """How many files were agreed on last."""

    @property
    def reported(self) -> Mapping[str, Unsynced]:
        """The opaque names of which people are told."""
        return {name: unsynced for name, unsynced in self.opaque.items() if unsynced.is_reported}
