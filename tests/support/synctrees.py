"""Carrying a plan out on trees that are dictionaries, and random trees for it."""

from __future__ import annotations

from itertools import islice
from typing import Mapping

from hypothesis import strategies as st

from homeftp.client.sync.model import Act, Side, SyncAction, SyncNode, SyncPlan, is_within, same_content

Nodes = dict[str, SyncNode]


def file(content: str, mtime_us: int = 0, mode: int = 0o644) -> SyncNode:
    """A file whose hash is its content."""
    return SyncNode("file", content, len(content), mtime_us, mode)


DIRECTORY = SyncNode("directory", mode=0o755)


class Refused(AssertionError):
    """A step of a plan is not possible on what is there."""


def carry_out(plan: SyncPlan, here: Nodes, there: Nodes, steps: int | None = None) -> Nodes:
    """Carry a plan, or its first `steps`, out on both sides; gives what was agreed. Raises `Refused`."""
    sides = {Side.HERE: here, Side.THERE: there}
    agreed = dict(plan.agreed)
    for action in islice(plan.actions, steps):
        _carry_out(action, sides[action.target], sides[action.target.other], agreed)
    return agreed


def _carry_out(action: SyncAction, target: Nodes, source: Nodes, agreed: Nodes) -> None:
    if action.act is Act.SUSPICIOUS:
        return
    name, expected = action.name, action.node(action.target)
    if not same_content(target.get(name), expected):
        raise Refused(f"{action}: there is {target.get(name)}")
    if action.act in (Act.COPY, Act.METADATA):
        if action.act is Act.COPY and expected is not None and expected.kind != source[name].kind:
            raise Refused(f"{action}: something else is in the way")
        _check_place(target, name, action)
        if source.get(name) != action.source:
            raise Refused(f"{action}: the source is {source.get(name)}")
        target[name] = agreed[name] = source[name]
    elif action.act is Act.DELETE:
        if any(each != name and is_within(each, name) for each in target):
            raise Refused(f"{action}: the directory is not empty")
        del target[name]
    else:
        if any(is_within(each, action.to) for each in target):
            raise Refused(f"{action}: the new name is taken")
        for each in [each for each in target if is_within(each, name)]:
            target[action.to + each[len(name) :]] = target.pop(each)


def _check_place(target: Nodes, name: str, action: SyncAction) -> None:
    above = name.rpartition("/")[0]
    if above and (above not in target or target[above].kind != "directory"):
        raise Refused(f"{action}: there is no such directory")


_NAMES = ("a", "b", "c.txt")
_PATHS = [*_NAMES, *(f"{first}/{second}" for first in _NAMES for second in _NAMES)]
_PATHS += [f"a/b/{third}" for third in _NAMES]

_FILES = st.builds(file, st.sampled_from(["", "one", "two", "three", "four"]), st.integers(0, 2))


# A strategy that is made in an example is looked through in each: that takes as long as what is tested.
_ANY_PATH = st.sampled_from(_PATHS)
_FILES_OF_TREE = st.dictionaries(_ANY_PATH, _FILES, max_size=6)
_DIRECTORIES_OF_TREE = st.sets(_ANY_PATH, max_size=2)
_CHANGES = st.lists(st.sampled_from(["put", "remove", "rename", "directory"]), max_size=4)
_NEW_NAMES = st.sampled_from([*_PATHS, "new", "b/new"])


def _tree(files: Nodes, directories: set[str]) -> Nodes:
    nodes: Nodes = {}
    for path, node in files.items():
        put(nodes, path, node)
    for path in directories:
        put(nodes, path, DIRECTORY)
    return nodes


TREES = st.builds(_tree, _FILES_OF_TREE, _DIRECTORIES_OF_TREE)
"""Any small tree."""


def put(nodes: Nodes, path: str, node: SyncNode) -> None:
    """Put a file or directory into a tree; files where directories have to be are replaced."""
    above = path
    while above := above.rpartition("/")[0]:
        if nodes.get(above, DIRECTORY).kind == "file":
            del nodes[above]
    above = path
    missing = []
    while above := above.rpartition("/")[0]:
        missing.append(above)
    for each in reversed(missing):
        nodes.setdefault(each, DIRECTORY)
    if node.kind == "file" or nodes.get(path, node).kind == "file":
        remove(nodes, path)
    nodes.setdefault(path, node)


def remove(nodes: Nodes, path: str) -> None:
    """Remove a name and all beneath it."""
    for each in [each for each in nodes if is_within(each, path)]:
        del nodes[each]


def change(draw: st.DrawFn, base: Mapping[str, SyncNode]) -> Nodes:
    """A tree that a few changes make of another: edits, deletions, renames."""
    nodes = dict(base)
    for each in draw(_CHANGES):
        if each == "put":
            put(nodes, draw(_ANY_PATH), draw(_FILES))
        elif each == "directory":
            put(nodes, draw(_ANY_PATH), DIRECTORY)
        else:
            names = sorted(nodes) or _PATHS
            path = names[draw(st.integers(0, len(names) - 1))]
            if each == "remove":
                remove(nodes, path)
            else:
                _rename(nodes, path, draw(_NEW_NAMES))
    return nodes


def _rename(nodes: Nodes, old: str, new: str) -> None:
    if is_within(new, old) or is_within(old, new):
        return
    moved = {new + name[len(old) :]: node for name, node in nodes.items() if is_within(name, old)}
    remove(nodes, old)
    remove(nodes, new)
    for name, node in sorted(moved.items()):
        put(nodes, name, node)
