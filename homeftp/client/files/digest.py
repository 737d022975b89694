"""The digests of a local folder and of every folder in it, from the hashes of its files that are remembered."""

from __future__ import annotations

import hashlib
import heapq
import os
from itertools import islice
from typing import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from homeftp.client.files.hashes import signature_of
from homeftp.client.files.model import HAS_MODES, FileStat, LocalTree
from homeftp.client.files.scan import read_folder, real_path
from homeftp.client.tables.nametable import NameTable
from homeftp.client.tables.packs import Packing
from homeftp.hashing.filehash import binary, from_binary
from homeftp.hashing.foldertable import KnownFolder
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.treedigest import UNKNOWN, DirectoryDigester
from homeftp.metadata.modes import MODE_BITS
from homeftp.model import TreeDigest

_HASHES: Packing[str] = Packing(
    lambda names, hashes: tuple(map(binary, hashes)), lambda names, digests: map(from_binary, digests)
)


_LOOKED_UP = 16 * 1024
"""Files of one folder that are looked up at once: a folder may have a million."""


@attrs.define
class LocalDigests:
    """The digests of the folders of a tree, as far as they can be sent; names are those of the tree."""

    hashes: NameTable[str] = attrs.field(factory=lambda: NameTable(_HASHES))
    """The hashes of files that are remembered, but for those in unread folders; none where they are not kept."""
    digests: dict[str, TreeDigest] = attrs.field(factory=dict)
    """The digests of each folder; no other copy has those of one that is `incomplete`."""
    incomplete: set[str] = attrs.field(factory=set)
    """Folders in or beneath which the hash of a file is not remembered."""
    below: dict[str, list[str]] = attrs.field(factory=dict)
    """The folders in each folder that has some."""
    unknown: int = 0
    """How many files there are whose hashes are not remembered."""
    keeps_hashes: bool = True


def local_digests(tree: LocalTree, cache: HashCache, *, keeps_hashes: bool = True) -> LocalDigests:
    """The digests of all folders of a tree. Nothing is read but the cache, and unread folders if need be. Blocks."""
    found = LocalDigests(keeps_hashes=keeps_hashes)
    real = {"": os.path.realpath(tree.path)}
    for name in tree.directories:  # each comes after the one that it is in
        if name:
            found.below.setdefault(name.rpartition("/")[0], []).append(name)
            real[name] = real_path(tree, name, real)
    computed: dict[str, KnownFolder] = {}
    unread = len(tree.unread)
    for name in reversed(_preorder(found.below)):
        below = _digests_below(found, name)
        known = tree.unread.get(name)
        if known is not None and known.below == below:
            found.digests[name] = known.digests
            continue
        if known is not None:
            read_folder(tree, name)
        digests = found.digests[name] = _digest(tree, name, _with_hashes(tree, name, real[name], cache), found)
        if name not in found.incomplete and name in tree.plain:
            computed[real[name]] = KnownFolder(signature_of(tree, _inside(tree, name, found)), below, digests)
    cache.folders.record(computed)
    if len(tree.unread) < unread:
        tree.files.sort_folders()
    return found


def read_unread(tree: LocalTree, found: LocalDigests, cache: HashCache, names: Iterable[str]) -> Collection[str]:
    """Add what is in unread folders of these names to the tree, and the hashes that are remembered of it. Blocks.

    Returns those that have other digests by now.
    """
    changed: set[str] = set()
    unread = [name for name in names if name in tree.unread]
    for name in unread:
        read_folder(tree, name)
        real = os.path.realpath(tree.directories[name].path)
        digests = _digest(tree, name, _with_hashes(tree, name, real, cache), found)
        if digests != found.digests.get(name):
            changed.add(name)
    if unread:
        tree.files.sort_folders()
    return changed


def _digests_below(found: LocalDigests, name: str) -> bytes:
    """A hash of the digests of the folders in a folder; empty where there are none.

    The digests of an incomplete one, which no complete one has, count as well.
    """
    below = found.below.get(name)
    if not below:
        return b""
    lines = [f"{each[len(name) :]} {found.digests[each].content} {found.digests[each].full}\n" for each in below]
    return hashlib.sha256("".join(sorted(lines)).encode()).digest()


def _inside(tree: LocalTree, name: str, found: LocalDigests) -> Sequence[FileStat]:
    """The files and folders in a folder, sorted."""
    files = [file for _, file in tree.files.inside(name)]
    below = found.below.get(name)
    return sorted([*files, *(tree.directories[each] for each in below)]) if below else files


def _with_hashes(tree: LocalTree, name: str, real: str, cache: HashCache) -> Iterator[tuple[FileStat, str | None]]:
    """The files in one folder, sorted, each with its hash, if that is remembered; `real` is the folder's real path."""
    start = len(tree.directories[name].path)
    files = (file for _, file in tree.files.inside(name))
    while some := list(islice(files, _LOOKED_UP)):
        own = [file for file in some if file.name not in tree.links]  # where links lead is not looked up
        stats = {file.path[start:].lstrip(os.sep): file.stat for file in own}
        known = cache.lookup(real, stats, whole=len(own) == len(some))
        hashes = dict(zip((file.name for file in own), map(known.get, stats), strict=True))
        yield from ((file, hashes.get(file.name)) for file in some)


def _preorder(below: Mapping[str, Sequence[str]]) -> list[str]:
    """All folders, in the order in which a scan finds their files: each before those in it."""
    found = []
    pending = [""]
    while pending:
        found.append(pending.pop())
        pending += reversed(below.get(found[-1], ()))
    return found


def _digest(
    tree: LocalTree, name: str, files: Iterator[tuple[FileStat, str | None]], found: LocalDigests
) -> TreeDigest:
    """The digests of one folder, after those in it; its files come with their hashes."""
    start = len(name) + 1 if name else 0
    digester = DirectoryDigester()
    below = found.below.get(name, ())
    is_complete = all(each not in found.incomplete for each in below)
    folders = ((tree.directories[each], None) for each in below)
    for each, hash in heapq.merge(files, folders, key=_name) if below else files:
        digests = found.digests.get(each.name) if below else None
        if digests is not None:
            digester.add_directory(each.name[start:], digests, _mode(each))
            continue
        if hash is None:
            is_complete = False
            found.unknown += 1
        elif found.keeps_hashes:
            found.hashes[each.name] = hash
        digester.add_file(each.name[start:], each.stat.st_size, hash or UNKNOWN, each.mtime_us, _mode(each))
    if not is_complete:
        found.incomplete.add(name)
    return digester.digest()


def _name(found: tuple[FileStat, str | None]) -> str:
    return found[0].name


def _mode(found: FileStat) -> int | None:
    return found.stat.st_mode & MODE_BITS if HAS_MODES else None
