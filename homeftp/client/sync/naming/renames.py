"""Finding what was renamed on one side, so that the other side renames it too instead of transferring it.

A rename is only a cheaper way to the same result. The agreed tree and the other side's are rewritten as if both had the
new name already, and what is left to do is decided as always: an edit of the file there, a file added to the folder.
So a guess that is wrong costs work, and never a content.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import Callable, Collection, Container, Iterable, Iterator, Mapping, NamedTuple

import attrs

from homeftp.client.sync.model import Side, SyncNode, SyncTree, copy_nodes, is_within
from homeftp.client.tables.nameset import upwards
from homeftp.client.tables.nametable import NameTable
from homeftp.endpoint import folded


class Rename(NamedTuple):
    """A rename for the `target` to make, because the other side has made it."""

    target: Side
    old: str
    new: str


@attrs.define
class RenamedTrees:
    """The agreed tree and both sides, as they are when each of the `renames` was carried out, in their order."""

    base: NameTable[SyncNode]
    sides: dict[Side, NameTable[SyncNode]]
    renames: list[Rename] = attrs.field(factory=list)

    def rename(self, rename: Rename) -> None:
        """Carry a rename out in the agreed tree and on its target."""
        rename_node(self.base, rename.old, rename.new)
        rename_node(self.sides[rename.target], rename.old, rename.new)
        self.renames.append(rename)


def follow_renames(
    base: Mapping[str, SyncNode],
    inodes: Mapping[str, int],
    here: SyncTree,
    there: SyncTree,
    permitted: Container[Rename] | None = None,
) -> RenamedTrees:
    """Find what was renamed on one side since `base` was agreed, and rewrite the trees.

    `inodes` are those that the agreed names had here; None: all renames are `permitted`. What has got another case
    comes first; then come directories, the topmost of each; then files.
    """
    trees = RenamedTrees(copy_nodes(base), {Side.HERE: copy_nodes(here.nodes), Side.THERE: copy_nodes(there.nodes)})
    if all(name in here.nodes and name in there.nodes for name in base):
        return trees  # neither side has lost anything
    opaque = {*here.opaque, *there.opaque}
    for side, tree in ((Side.HERE, here), (Side.THERE, there)):
        known = inodes if tree.inodes else {}
        for find in (_renamed_in_case, _renamed_directories, _renamed_files):
            for old, new in find(trees, side, known, tree):
                rename = Rename(side.other, old, new)
                links = here.links if rename.target is Side.HERE else ()
                if (permitted is None or rename in permitted) and _is_possible(trees, rename, opaque, links):
                    trees.rename(rename)
    return trees


def _is_possible(trees: RenamedTrees, rename: Rename, opaque: Collection[str], links: Collection[str]) -> bool:
    """Whether the target can rename: it has the old name and not the new one, knows both, and reaches none by a link.

    False also where names clash: a folder around the new name that differs from the old one only in case cannot be
    made before the old name is gone, nor a new name that differs so from a folder that the old one is in.
    """
    nodes = trees.sides[rename.target]
    old = nodes.get(rename.old)
    if old is None or rename.new in nodes or old.kind != trees.base[rename.old].kind:
        return False
    if any(folded(each) == folded(rename.new) for each in upwards(rename.old.rpartition("/")[0])):
        return False
    above = rename.new
    while above := above.rpartition("/")[0]:
        if folded(above) == folded(rename.old) or (above in nodes and nodes[above].kind != "directory"):
            return False
    if any(is_within(rename.old, link) or is_within(rename.new, link) for link in links):
        return False
    return not any(is_within(name, rename.old) or is_within(name, rename.new) for name in opaque)


def _renamed_in_case(
    trees: RenamedTrees, side: Side, inodes: Mapping[str, int], tree: SyncTree
) -> Iterator[tuple[str, str]]:
    """Names that a side has lost, each with the only new one beside it that differs in case or in form alone.

    The content does not count: a disk or a server that takes both names for one has to give the new one to what it has.
    """
    nodes = trees.sides[side]
    tried: set[str] = set()
    while True:
        with_new = {name.rpartition("/")[0] for name in nodes if name not in trees.base}
        lost: dict[str, list[str]] = {}
        for name in trees.base if with_new else ():
            folder = name.rpartition("/")[0]
            if folder in with_new and name not in nodes and name not in tried:
                lost.setdefault(folder, []).append(name)
        tried.update(chain.from_iterable(lost.values()))
        found = [pair for folder, names in lost.items() for pair in _alike(folder, names, nodes, trees.base)]
        if not found:
            return
        yield from found


def _alike(
    folder: str, lost: Iterable[str], nodes: NameTable[SyncNode], base: NameTable[SyncNode]
) -> Iterator[tuple[str, str]]:
    """The names in a folder that were `lost`, each with the new one of its kind that it is equal to when folded."""
    start = len(folder) + 1 if folder else 0
    new: dict[str, list[str]] = {}
    for name, _ in nodes.inside(folder):
        if name not in base:
            new.setdefault(folded(name[start:]), []).append(name)
    old: dict[str, list[str]] = {}
    for name in lost if new else ():
        old.setdefault(folded(name[start:]), []).append(name)
    for fold, names in old.items():
        found = new.get(fold, ())
        if len(names) == len(found) == 1 and base[names[0]].kind == nodes[found[0]].kind:
            yield names[0], found[0]


def _renamed_directories(
    trees: RenamedTrees, side: Side, inodes: Mapping[str, int], tree: SyncTree
) -> Iterator[tuple[str, str]]:
    """Directories that a side has lost, each with the new one that has what it held."""
    nodes = trees.sides[side]
    new = {name for name, node in nodes.items() if node.kind == "directory" and name not in trees.base}
    if not new:
        return
    by_inode = {tree.inodes[name]: name for name in new if name in tree.inodes}
    lost = [name for name, node in trees.base.items() if node.kind == "directory" and name not in nodes]
    asked = {node.hash for old in lost for _, node in islice(_files_beneath(trees.base, old), _FILES_ASKED)}
    by_hash = _names_by_hash((each for each in nodes.items() if each[0] not in trees.base), lambda: asked)
    for old in sorted(lost, key=lambda name: (name.count("/"), name)):
        if old not in trees.base:  # it went with a directory around it
            continue
        candidates = sorted(_with_content(trees.base, old, by_hash), key=lambda name: (name.count("/"), name))
        if old in inodes and inodes[old] in by_inode:
            candidates.insert(0, by_inode[inodes[old]])
        for found in candidates:
            if found in new and _holds(nodes, found, trees.base, old):
                yield old, found
                break


def _names_by_hash(
    nodes: Iterable[tuple[str, SyncNode]], wanted: Callable[[], Container[str | None]]
) -> dict[str, list[str]]:
    """The names of the files that are not empty, by hash; of many files only those with the `wanted` hashes."""
    found: dict[str, list[str]] = {}
    hashes: Container[str | None] | None = None
    for count, (name, node) in enumerate(nodes):
        if count == _MANY_FILES:
            hashes = wanted()
            found = {hash: names for hash, names in found.items() if hash in hashes}
        if node.size and node.hash is not None and (hashes is None or node.hash in hashes):
            found.setdefault(node.hash, []).append(name)
    return found


_MANY_FILES = 8192
"""Where there are more new files, only those with wanted hashes are kept by their hashes: each takes 300 bytes."""


def _files_beneath(base: NameTable[SyncNode], directory: str) -> Iterator[tuple[str, SyncNode]]:
    """The files beneath a directory in `base`, each with the rest of its name."""
    pending = [directory]
    while pending:
        for name, node in base.inside(pending.pop()):
            if node.kind == "directory":
                pending.append(name)
            else:
                yield name[len(directory) :], node


def _with_content(base: NameTable[SyncNode], directory: str, by_hash: Mapping[str, list[str]]) -> set[str]:
    """The directories that have a file of this one at the same place beneath them; few files are enough to ask."""
    found: set[str] = set()
    for below, node in islice(_files_beneath(base, directory), _FILES_ASKED):
        found.update(name[: -len(below)] for name in by_hash.get(node.hash or "", ()) if name.endswith(below))
    return found


_FILES_ASKED = 16
"""Files of a lost directory by which a new one is looked for."""


def _holds(nodes: NameTable[SyncNode], directory: str, base: NameTable[SyncNode], lost: str) -> bool:
    """Whether a directory has more than half of the files of a lost one at the same places; none where it had none."""
    files = same = 0
    for below, node in _files_beneath(base, lost):
        files += 1
        same += _hash_at(nodes, directory + below) == node.hash
    return same * 2 > files if files else not any(True for _ in nodes.inside(directory))


def _hash_at(nodes: Mapping[str, SyncNode], name: str) -> str | None:
    node = nodes.get(name)
    return None if node is None else node.hash


def _renamed_files(
    trees: RenamedTrees, side: Side, inodes: Mapping[str, int], tree: SyncTree
) -> Iterator[tuple[str, str]]:
    """Files that a side has lost, each with a new one of the same content."""
    nodes = trees.sides[side]
    other = trees.sides[side.other]
    by_hash = _names_by_hash(
        (each for each in nodes.items() if each[0] not in trees.base and each[0] not in other),
        lambda: {node.hash for name, node in trees.base.items() if name not in nodes},
    )
    for old in [name for name, node in trees.base.items() if node.hash in by_hash and name not in nodes]:
        found = by_hash.get(trees.base[old].hash or "")
        if not found:
            continue
        inode = inodes.get(old)
        last = old.rpartition("/")[2]
        new = min(found, key=lambda name: (tree.inodes.get(name, -1) != inode, name.rpartition("/")[2] != last, name))
        found.remove(new)
        yield old, new


def rename_node(nodes: NameTable[SyncNode], old: str, new: str) -> None:
    """Give one of the nodes, and all beneath it, another name; nothing is looked for beneath a file."""
    if nodes[old].kind == "file":
        nodes[new] = nodes.pop(old)
    else:
        nodes.rename(old, new)
