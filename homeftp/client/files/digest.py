"""The digests of a local folder and of every folder in it, from the hashes of its files that are remembered."""

from __future__ import annotations

import os

import attrs

from homeftp.client.files.model import HAS_MODES, FileStat, LocalTree
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.treedigest import UNKNOWN, TreeDigester
from homeftp.model import MODE_BITS, TreeDigest


@attrs.frozen
class LocalDigests:
    """The digests of the folders of a tree, as far as they can be sent; names are those of the tree."""

    hashes: dict[str, str] = attrs.field(factory=dict)
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
    inside: dict[str, list[str]] = {name: [] for name in tree.directories}
    for name in filter(None, tree.directories):
        above = name.rpartition("/")[0]
        inside[above].append(name)
        found.below.setdefault(above, []).append(name)
    for name in tree.files:
        inside[name.rpartition("/")[0]].append(name)
    digester = TreeDigester(ended=found.digests.__setitem__)
    real = {"": os.path.realpath(tree.path)}
    pending = [""]
    while pending:
        name = pending.pop()
        file = tree.files.get(name)
        if file is not None:
            hash = found.hashes.get(name)
            if hash is None:
                _add_with_parents(name, found.incomplete)
            digester.add_file(name, file.size, hash or UNKNOWN, file.mtime_us, _mode(file))
            continue
        folder = tree.directories[name]
        if name:
            real[name] = os.path.join(real[name.rpartition("/")[0]], os.path.basename(folder.path))
            digester.add_directory(name, _mode(folder))
        names = sorted(inside.pop(name), reverse=True)
        pending += names
        files = [tree.files[each] for each in names if each in tree.files]
        by_local_name = {os.path.basename(file.path): file for file in files}
        known = cache.lookup(real[name], {local: file.stat for local, file in by_local_name.items()}, whole=True)
        found.hashes.update((by_local_name[local].name, hash) for local, hash in known.items())
    found.digests[""] = digester.finish()
    return found


def _add_with_parents(file: str, names: set[str]) -> None:
    """Add the folders that a file is in."""
    name = file
    while name:
        name = name.rpartition("/")[0]
        if name in names:
            return
        names.add(name)


def _mode(found: FileStat) -> int | None:
    return found.stat.st_mode & MODE_BITS if HAS_MODES else None
