"""Finding names of the server that a sync leaves out because of names here. No input and no output."""

from __future__ import annotations

from typing import Container, Mapping

from homeftp.client.files.model import LocalTree
from homeftp.client.sync.model import Side, SyncNode, SyncTree, Unsynced
from homeftp.client.tables.nameset import is_beneath, upwards


def other_spellings(tree: LocalTree) -> Mapping[str, Unsynced]:
    """The names that a sync leaves out since files that failed here because of their names may have them on the server.

    An earlier sync with the other rule for names, with or without `--strict-names`, may have agreed on them. Another
    file here that has such a name by the present rule is reported.
    """
    found = {}
    for name, failed in tree.other_names.items():
        is_taken = name in tree.files or name in tree.directories
        last = failed.rpartition("/")[2]
        reason = f"'{last}' beside it may have this name on the server, and cannot be synced: rename one of them"
        found[name] = Unsynced(reason, failed=True, is_reported=is_taken)
    return found


def moved_to_opaque(
    base: Mapping[str, SyncNode],
    inodes: Mapping[str, int],
    here: SyncTree,
    there: SyncTree,
    opaque: Container[str],
) -> Mapping[str, Unsynced]:
    """The agreed names that one side has lost because their files are under an `opaque` name there.

    The files are found by inode, here only, and by content. To delete them on the other side would leave the only copy
    where nothing is synced. A folder that is lost with all of its files is named in their place.
    """
    waiting: dict[str, Unsynced] = {}
    for side, tree, other in ((Side.HERE, here, there), (Side.THERE, there, here)):
        lost = [name for name, node in base.items() if node.kind == "file" and name not in tree.nodes]
        lost = [name for name in lost if name in other.nodes and not is_beneath(name, opaque)]
        if not lost:
            continue
        found = dict(tree.unnamed)
        hashes = {}
        for name, node in tree.nodes.items():
            if node.kind == "file" and is_beneath(name, opaque):
                if name in tree.inodes:
                    found[tree.inodes[name]] = name
                if node.hash is not None and node.size and name not in base:
                    hashes[node.hash] = name
        for name in lost:
            above = (each for each in upwards(name.rpartition("/")[0]) if each not in tree.nodes)
            kept = (tree.unnamed.get(inodes.get(each, -1)) for each in above)
            to = found.get(inodes.get(name, -1)) or hashes.get(base[name].hash or "") or next(filter(None, kept), None)
            if to is not None:
                waiting[name] = _moved(to, side)
    return _topmost(waiting, base, here, there) if waiting else {}


def _moved(to: str, side: Side) -> Unsynced:
    """Why a file is left as it is that one side has under the name `to` now, or in a folder of that name."""
    where, other = ("here", "on the server") if side is Side.HERE else ("on the server", "here")
    return Unsynced(
        f"it seems to be in '{to}' {where} now, which cannot be synced. It is kept {other} until '{to}' can be synced, "
        "or the file is moved elsewhere",
        failed=True,
    )


def _topmost(
    waiting: Mapping[str, Unsynced], base: Mapping[str, SyncNode], here: SyncTree, there: SyncTree
) -> Mapping[str, Unsynced]:
    """For each of these files the topmost lost folder that it is in, and of which all files wait; or the file."""
    kept = {
        each
        for name, node in base.items()
        if node.kind == "file" and name not in waiting
        for each in upwards(name.rpartition("/")[0])
    }
    found = {}
    for name, unsynced in waiting.items():
        top = name
        while (above := top.rpartition("/")[0]) and above not in kept:
            if above in here.nodes and above in there.nodes:
                break
            top = above
        found[top] = unsynced
    return found
