"""The hash cache for local files: the hashes and the folders that it knows, and recording new hashes.

Folders that look as they did when their digests were computed need not be looked at file by file. Such a folder is
known by one signature of its names and stats. It counts only if nothing in it is left out, or has another name on the
wire, so that no name has to be checked again. Functions that take a cache take None for none.
"""

from __future__ import annotations

import os
import stat as stat_module
from typing import Callable, Mapping, NamedTuple, Sequence

from homeftp.client.files.model import FileStat, LocalTree
from homeftp.endpoint import RESERVED
from homeftp.hashing.foldertable import FolderTable, KnownFolder
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.hashing.signatures import folder_signature

_VERSION = "1"
"""The version of the signatures: folders that were recorded under another one are looked at again."""

_ONLY_MODE = (0,) * 9
"""The rest of the stat of a folder: its own time says nothing about the files in it."""


def known_hashes(cache: HashCache | None, files: Sequence[FileStat]) -> dict[str, str]:
    """The hashes that the cache knows, by path."""
    return {} if cache is None else _by_path(cache.lookup, files)


def remembers_folder(cache: HashCache, folder: str) -> bool:
    """Whether the cache knows anything of files beneath a folder; they may have changed since."""
    return cache.has_beneath(os.path.realpath(folder))


def former_hashes(cache: HashCache | None, files: Sequence[FileStat]) -> dict[str, str]:
    """The hashes that files had when this machine last hashed them, by path, also of those that changed since."""
    return {} if cache is None else _by_path(lambda folder, names: cache.former(folder, list(names)), files)


def _by_path(
    look_up: Callable[[str, Mapping[str, os.stat_result]], Mapping[str, str]], files: Sequence[FileStat]
) -> dict[str, str]:
    """The hashes that `look_up` knows of the files of each folder, by path."""
    known: dict[str, str] = {}
    folders: dict[str, dict[str, os.stat_result]] = {}
    for file in files:
        folder, name = os.path.split(file.path)
        folders.setdefault(folder, {})[name] = file.stat
    for folder, names in folders.items():
        for name, found in look_up(os.path.realpath(folder), names).items():
            known[os.path.join(folder, name)] = found
    return known


def record_hashes(cache: HashCache | None, hashed: Sequence[tuple[FileStat, str]], started_ns: int) -> None:
    """Record hashes whose computing started at `started_ns`, nanoseconds since 1970 (see `filehash.is_trustworthy`)."""
    if cache is None or not hashed:
        return
    rows = []
    folders: dict[str, str] = {}
    for file, content_hash in hashed:
        folder, name = os.path.split(file.path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        rows.append(CachedHash(folders[folder], name, file.stat, content_hash, started_ns))
    cache.record(rows)


class Unchanged(NamedTuple):
    """A folder that looks as it did."""

    known: KnownFolder
    folders: Sequence[tuple[str, os.stat_result]]
    """The names of the folders in it, sorted, and their stats."""


def find_unchanged(
    folders: FolderTable, tree: LocalTree, path: str, real: str, names: Sequence[str]
) -> Unchanged | None:
    """Find the folder at `path` in the table, if it looks as it did; None where each file has to be looked at.

    `real` is its real path, and `names` is what it has. Blocks.
    """
    known = folders.find(real) if tree.selector.takes_all else None
    if known is None:
        return None
    try:
        names, stats = _look(path, sorted(names))
    except OSError:
        return None
    if known.signature != _signature(tree, names, stats):
        return None
    both = zip(names, stats, strict=True) if known.below else ()
    return Unchanged(known, [(name, found) for name, found in both if stat_module.S_ISDIR(found.st_mode)])


def _look(path: str, names: list[str]) -> tuple[list[str], list[os.stat_result]]:
    """The names in a folder but for what a sync keeps there, and their stats. Raises OSError."""
    if os.stat in os.supports_dir_fd:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            stats = [os.stat(name, dir_fd=folder, follow_symlinks=False) for name in names]
        finally:
            os.close(folder)
    else:
        stats = [os.lstat(os.path.join(path, name)) for name in names]
    if RESERVED in names:
        place = names.index(RESERVED)
        if stat_module.S_ISDIR(stats[place].st_mode):
            del names[place], stats[place]
    return names, stats


def signature_of(tree: LocalTree, found: Sequence[FileStat]) -> bytes:
    """The signature of a folder of the tree that has these files and folders, sorted, and nothing else."""
    return _signature(tree, [each.name.rpartition("/")[2] for each in found], [each.stat for each in found])


def _signature(tree: LocalTree, names: Sequence[str], stats: Sequence[os.stat_result]) -> bytes:
    if any(map(stat_module.S_ISDIR, {found.st_mode for found in stats})):
        stats = [
            os.stat_result((found.st_mode, *_ONLY_MODE)) if stat_module.S_ISDIR(found.st_mode) else found
            for found in stats
        ]
    return folder_signature(names, stats, _VERSION, "strict" if tree.selector.strict_names else "")
