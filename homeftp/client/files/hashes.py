"""The hash cache for local files: which hashes it knows, and recording new ones. Every function takes None for none."""

from __future__ import annotations

import os
from typing import Callable, Mapping, Sequence

from homeftp.client.files.model import FileStat
from homeftp.hashing.hashcache import CachedHash, HashCache


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
