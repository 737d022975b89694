"""The digests of a local folder and of every folder in it, from the hashes of its files that are remembered."""

from __future__ import annotations

import os
from typing import Mapping, Sequence

import attrs

from homeftp.client.files.model import HAS_MODES, FileStat, LocalTree
from homeftp.client.table import NameTable, Packing
from homeftp.hashing.filehash import binary, from_binary
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.treedigest import UNKNOWN, DirectoryDigester
from homeftp.model import MODE_BITS, TreeDigest

_HASHES: Packing[str] = Packing(
    lambda names, hashes: tuple(map(binary, hashes)), lambda names, digests: map(from_binary, digests)
)


@attrs.frozen
class LocalDigests:
    """The digests of the folders of a tree, as far as they can be sent; names are those of the tree."""

    hashes: NameTable[str] = attrs.field(factory=lambda: NameTable(_HASHES))
    """The hashes of files that are remembered."""
    digests: dict[str, TreeDigest] = attrs.field(factory=dict)
    """Those of each folder; no other copy has those of one that is `incomplete`."""
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
            real[name] = os.path.join(real[above], os.path.basename(folder.path))
    for name in reversed(_preorder(found.below)):
        files = [file for _, file in tree.files.inside(name)]
        stats = {file.path[len(tree.directories[name].path) :].lstrip(os.sep): file.stat for file in files}
        known = cache.lookup(real[name], stats, whole=True)
        found.digests[name] = _digest(tree, name, files, list(map(known.get, stats)), found)
    return found


def _preorder(below: Mapping[str, Sequence[str]]) -> list[str]:
    """All folders, in the order in which a scan finds their files: each before those in it."""
    found = []
    pending = [""]
    while pending:
        found.append(pending.pop())
        pending += reversed(below.get(found[-1], ()))
    return found


def _digest(
    tree: LocalTree, name: str, files: Sequence[FileStat], hashes: Sequence[str | None], found: LocalDigests
) -> TreeDigest:
    """The digests of one folder, after those in it; its files have these hashes, as far as they are remembered."""
    start = len(name) + 1 if name else 0
    digester = DirectoryDigester()
    known = {file.name: hash for file, hash in zip(files, hashes, strict=True) if hash is not None}
    found.hashes.update(known)
    below = found.below.get(name, ())
    if len(known) < len(files) or any(each in found.incomplete for each in below):
        found.incomplete.add(name)
    inside = files if not below else sorted([*files, *(tree.directories[each] for each in below)], key=_name)
    for each in inside:
        digests = found.digests.get(each.name) if below else None
        if digests is not None:
            digester.add_directory(each.name[start:], digests, _mode(each))
        else:
            hash = known.get(each.name, UNKNOWN)
            digester.add_file(each.name[start:], each.stat.st_size, hash, each.mtime_us, _mode(each))
    return digester.finish()


def _name(found: FileStat) -> str:
    return found.name


def _mode(found: FileStat) -> int | None:
    return found.stat.st_mode & MODE_BITS if HAS_MODES else None
