"""The digests of a local folder and of every folder in it, from the hashes of its files that are remembered."""

from __future__ import annotations

import heapq
import os
from itertools import islice
from typing import Iterator, Mapping, Sequence

import attrs

from homeftp.client.files.model import HAS_MODES, FileStat, LocalTree
from homeftp.client.tables.nametable import NameTable, Packing
from homeftp.hashing.filehash import binary, from_binary
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.treedigest import UNKNOWN, DirectoryDigester
from homeftp.metadata.modes import MODE_BITS
from homeftp.model import TreeDigest

_HASHES: Packing[str] = Packing(
    lambda names, hashes: tuple(map(binary, hashes)), lambda names, digests: map(from_binary, digests)
)


_LOOKED_UP = 16 * 1024
"""Files of one folder that are looked up at once: a folder may have a million."""


@attrs.frozen
class LocalDigests:
    """The digests of the folders of a tree, as far as they can be sent; names are those of the tree."""

    hashes: NameTable[str] = attrs.field(factory=lambda: NameTable(_HASHES))
    """The hashes of files that are remembered."""
    digests: dict[str, TreeDigest] = attrs.field(factory=dict)
    """The digests of each folder; no other copy has those of one that is `incomplete`."""
    incomplete: set[str] = attrs.field(factory=set)
    """Folders in or beneath which the hash of a file is not remembered."""
    below: dict[str, list[str]] = attrs.field(factory=dict)
    """The folders in each folder that has some."""

    @property
    def unknown(self) -> int:
        """How many files there are whose hashes are not remembered."""
        return self.digests[""].files - len(self.hashes)


def local_digests(tree: LocalTree, cache: HashCache) -> LocalDigests:
    """The digests of all folders of a tree. Nothing is read but the cache. Blocks."""
    found = LocalDigests()
    real = {"": os.path.realpath(tree.path)}
    for name, folder in tree.directories.items():  # each comes after the one that it is in
        if name:
            above = name.rpartition("/")[0]
            found.below.setdefault(above, []).append(name)
            real[name] = tree.links.get(name) or os.path.join(real[above], os.path.basename(folder.path))
    for name in reversed(_preorder(found.below)):
        found.digests[name] = _digest(tree, name, _with_hashes(tree, name, real[name], cache), found)
    return found


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
        else:
            found.hashes[each.name] = hash
        digester.add_file(each.name[start:], each.stat.st_size, hash or UNKNOWN, each.mtime_us, _mode(each))
    if not is_complete:
        found.incomplete.add(name)
    return digester.finish()


def _name(found: tuple[FileStat, str | None]) -> str:
    return found[0].name


def _mode(found: FileStat) -> int | None:
    return found.stat.st_mode & MODE_BITS if HAS_MODES else None
