"""The local names of what is fetched, where those on the server are escaped; and names that clash with others."""

from __future__ import annotations

from itertools import chain
from typing import AbstractSet, Collection, Iterator, Mapping

from homeftp.client.escapes import ESCAPE, ESCAPES, unescape_name
from homeftp.client.files.model import LocalTree
from homeftp.client.files.names import NO_LOCAL_NAME
from homeftp.client.plan.listing import RemoteListing
from homeftp.client.tables.nameset import is_beneath, nearest
from homeftp.client.tables.nametable import NameTable
from homeftp.endpoint import folded
from homeftp.model import Entry


def spell(listing: RemoteListing, tree: LocalTree) -> None:
    """Note in `tree` the local name of each escaped name in the listing, so that it is written under that.

    A name that no local name has on the wire fails, with everything below it: two files could get the same name.
    """
    if tree.selector.strict_names or not ESCAPES:
        return
    failed: set[str] = set()
    for name in [name for name in listing.entries if ESCAPE in name]:
        above, _, last = name.rpartition("/")
        local = unescape_name(last)
        if above in failed or local is None:
            failed.add(name)
            del listing.entries[name]
            if above not in failed:
                listing.failed.append((name, NO_LOCAL_NAME))
        elif local != last and name not in tree.local_names:
            tree.local_names[name] = local


def clash_reason(other: str, *, here: bool) -> str:
    """Why a new name is left out that is similar to `other` beside it, for this disk or for the server."""
    last = other.rpartition("/")[2]
    where = "the disk here cannot hold both" if here else "the server does not take both"
    return (
        f"its name differs from '{last}' beside it only in case or in the form of its letters, and {where}: "
        "rename one of them"
    )


def leave_out_refused(tree: LocalTree, entries: NameTable[Entry], same: Collection[str]) -> None:
    """Leave in a tree that is to be sent no new name that differs from one beside it only in case or in form.

    For a server that refuses those: of two new names none is chosen. `entries` is what the server has, except in the
    directories that are the `same`.
    """
    folders = _folders(tree)
    clashes: dict[str, str] = {}
    for folder in (folders.keys() | tree.files.folders()).difference(same):
        clashes.update(_similar(_names(tree, folders, folder), {name for name, _ in entries.inside(folder)}))
    for name in [each for each in chain(tree.files, tree.directories) if is_beneath(each, clashes)]:
        tree.files.pop(name, None)
        tree.directories.pop(name, None)
    for name, other in sorted(clashes.items()):
        tree.failed.append((name, clash_reason(other, here=False)))


def leave_out_unstorable(listing: RemoteListing, tree: LocalTree, folding: Collection[str]) -> None:
    """As `leave_out_refused`, for what is to be fetched to the `folding` disks, which ignore case.

    `tree` is what is there; the disks are named by their mount points in it, "" for that of the folder.
    """
    folders, mounts = _folders(tree), tree.mount_points
    clashes: dict[str, str] = {}
    for folder in listing.entries.folders():
        if nearest(folder, mounts) not in folding:
            continue
        there = {name for name, _ in listing.entries.inside(folder) if name}
        clashes.update(_similar(there, _names(tree, folders, folder)))
    if clashes:
        listing.entries.keep(lambda name, _: not is_beneath(name, clashes))
    for name, other in sorted(clashes.items()):
        listing.failed.append((name, clash_reason(other, here=True)))


def _folders(tree: LocalTree) -> Mapping[str, AbstractSet[str]]:
    """The directories in each directory of a tree."""
    folders: dict[str, set[str]] = {}
    for name in tree.directories:
        if name:
            folders.setdefault(name.rpartition("/")[0], set()).add(name)
    return folders


def _names(tree: LocalTree, folders: Mapping[str, AbstractSet[str]], folder: str) -> AbstractSet[str]:
    """All names of a tree that are directly in one of its folders."""
    return {*folders.get(folder, ()), *(name for name, _ in tree.files.inside(folder))}


def _similar(source: AbstractSet[str], target: AbstractSet[str]) -> Iterator[tuple[str, str]]:
    """The names in a folder that the target lacks, each with one to which it is equal when both are folded."""
    new = source - target
    if not new:
        return
    alike: dict[str, list[str]] = {}
    for name in chain(sorted(target), sorted(new)):
        alike.setdefault(folded(name.rpartition("/")[2]), []).append(name)
    for names in alike.values():
        for name in names if len(names) > 1 else ():
            if name in new:
                yield name, next(each for each in names if each != name)
