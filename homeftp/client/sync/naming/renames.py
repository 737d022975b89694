"""Finding what was renamed on one side, so that the other side renames it too instead of transferring it.

A rename is only a cheaper way to the same result. The agreed tree and the other side's are rewritten as if both had the
new name already, and what is left to do is decided as always: an edit of the file there, a file added to the folder.
So a guess that is wrong costs work, and never a content.
"""

from __future__ import annotations

from itertools import chain
from typing import Collection, Container, Iterable, Iterator, Mapping, MutableMapping, NamedTuple, Sequence

import attrs

from homeftp.client.sync.model import Side, SyncNode, SyncTree, copy_nodes, is_within
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
    """Whether the target has what is to be renamed, nothing at the new name, knows both, and reaches none by a link."""
    nodes = trees.sides[rename.target]
    old = nodes.get(rename.old)
    if old is None or rename.new in nodes or old.kind != trees.base[rename.old].kind:
        return False
    above = rename.new
    while above := above.rpartition("/")[0]:
        if above == rename.old or (above in nodes and nodes[above].kind != "directory"):
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
        lost: dict[str, list[str]] = {}
        for name in trees.base:
            folder = name.rpartition("/")[0]
            if name not in nodes and name not in tried and (not folder or folder in nodes):
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
    by_hash: dict[str, list[str]] = {}
    for name, node in nodes.items():
        if node.size and node.hash is not None and name not in trees.base:
            by_hash.setdefault(node.hash, []).append(name)
    within: dict[str, list[str]] = {}
    for name in trees.base:
        within.setdefault(name.rpartition("/")[0], []).append(name)
    lost = [name for name, node in trees.base.items() if node.kind == "directory" and name not in nodes]
    for old in sorted(lost, key=lambda name: (name.count("/"), name)):
        if old not in trees.base:  # it went with a directory around it
            continue
        files = {name[len(old) :]: trees.base[name] for name in _files_beneath(trees.base, within, old)}
        candidates = sorted(_with_content(files, by_hash), key=lambda name: (name.count("/"), name))
        if old in inodes and inodes[old] in by_inode:
            candidates.insert(0, by_inode[inodes[old]])
        for found in candidates:
            if found in new and _holds(nodes, found, files):
                yield old, found
                break


def _files_beneath(base: Mapping[str, SyncNode], within: Mapping[str, Sequence[str]], directory: str) -> Iterator[str]:
    """The files beneath a directory that are in `base`; `within` gives the names in each directory."""
    pending = [directory]
    while pending:
        for name in within.get(pending.pop(), ()):
            if name in within:
                pending.append(name)
            elif name in base and base[name].kind == "file":
                yield name


def _with_content(files: Mapping[str, SyncNode], by_hash: Mapping[str, list[str]]) -> set[str]:
    """The directories that have one of these files at the same place beneath them; few files are enough to ask."""
    found: set[str] = set()
    for below, node in list(files.items())[:_FILES_ASKED]:
        found.update(name[: -len(below)] for name in by_hash.get(node.hash or "", ()) if name.endswith(below))
    return found


_FILES_ASKED = 16
"""Files of a lost directory by which a new one is looked for."""


def _holds(nodes: Mapping[str, SyncNode], directory: str, files: Mapping[str, SyncNode]) -> bool:
    """Whether a directory has more than half of these files at the same places; if there are none, it has none."""
    if not files:
        return not any(name.startswith(f"{directory}/") for name in nodes)
    same = sum(1 for below, node in files.items() if _hash_at(nodes, directory + below) == node.hash)
    return same * 2 > len(files)


def _hash_at(nodes: Mapping[str, SyncNode], name: str) -> str | None:
    node = nodes.get(name)
    return None if node is None else node.hash


def _renamed_files(
    trees: RenamedTrees, side: Side, inodes: Mapping[str, int], tree: SyncTree
) -> Iterator[tuple[str, str]]:
    """Files that a side has lost, each with a new one of the same content."""
    nodes = trees.sides[side]
    other = trees.sides[side.other]
    by_hash: dict[str, list[str]] = {}
    for name, node in nodes.items():
        if node.size and node.hash is not None and name not in trees.base and name not in other:
            by_hash.setdefault(node.hash, []).append(name)
    if not by_hash:
        return
    for old, node in list(trees.base.items()):
        found = by_hash.get(node.hash or "") if old not in nodes else None
        if not found:
            continue
        inode = inodes.get(old)
        last = old.rpartition("/")[2]
        new = min(found, key=lambda name: (tree.inodes.get(name, -1) != inode, name.rpartition("/")[2] != last, name))
        found.remove(new)
        yield old, new


def rename_node(nodes: MutableMapping[str, SyncNode], old: str, new: str) -> None:
    """Give one of the nodes, and all beneath it, another name."""
    beneath = f"{old}/"
    moved = [old] if nodes[old].kind == "file" else [old, *(name for name in nodes if name.startswith(beneath))]
    for name in moved:
        nodes[new + name[len(old) :]] = nodes.pop(name)
