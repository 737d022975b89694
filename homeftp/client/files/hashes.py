"""The hash cache for local files: which hashes it knows, and recording new ones. Every function takes None for none."""

from __future__ import annotations

import os
from typing import Sequence

from homeftp.client.files.model import FileStat
from homeftp.hashing.hashcache import CachedHash, HashCache


def known_hashes(cache: HashCache | None, files: Sequence[FileStat]) -> dict[str, str]:
    """The hashes that the cache knows, by path."""
    known: dict[str, str] = {}
    if cache is None:
        return known
    folders: dict[str, dict[str, os.stat_result]] = {}
    for file in files:
        folder, name = os.path.split(file.path)
        folders.setdefault(folder, {})[name] = file.stat
    for folder, names in folders.items():
        for name, found in cache.lookup(os.path.realpath(folder), names).items():
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
