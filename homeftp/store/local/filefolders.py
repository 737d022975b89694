"""The digests of directories that hold nothing but files: remembered as long as all files in them look the same.

Most files of most trees are in such directories. To look at a directory again costs a stat for each file, and neither
entries nor rows of the hash cache.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import OrderedDict
from threading import Lock
from typing import Sequence

from homeftp.endpoint import MAX_PARTS, MAX_PATH_BYTES, Endpoint, name_problem
from homeftp.errors import Refusal
from homeftp.hashing.filehash import signature
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.treedigest import DirectoryDigester
from homeftp.model import TreeDigest
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.filetypes import Filetypes

MOST_FILES = 2000
"""A directory with more files is listed: its names and stats are in memory together."""

MOST_KEPT = 16_384
"""Digests that are remembered: some 10 MB."""


class FileFolders:
    """Finds the digests of directories of one store that hold nothing but files. Thread-safe."""

    def __init__(self, root: SafeRoot, cache: HashCache, filetypes: Filetypes) -> None:
        self._root = root
        self._cache = cache
        self._filetypes = filetypes
        self._lock = Lock()
        self._kept: OrderedDict[bytes, TreeDigest] = OrderedDict()

    def digests(self, endpoint: Endpoint) -> TreeDigest | None:
        """The digests of a directory; None where it has to be listed. Blocks.

        That is so where it does not exist or cannot be read, holds a directory, very many files, or something that
        is not shared, and where the hash of a file is not known, or its content is damaged.
        """
        marked = self._cache.marked
        try:
            handle = self._root.open_directory(endpoint)
        except Refusal:
            return None
        try:
            names = self._names(endpoint, handle.fd)
            if names is None:
                return None
            stats = [os.stat(name, dir_fd=handle.fd, follow_symlinks=False) for name in names]
            for found in stats:
                self._root.disks.learn(found, handle.fd)
        except OSError:
            return None
        finally:
            close_quietly(handle.fd)
        key = self._key(names, stats, marked)
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
                return known
        digests = self._compute(endpoint, names, stats)
        if digests is not None:
            with self._lock:
                self._kept[key] = digests
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        return digests

    def _names(self, endpoint: Endpoint, directory: int) -> list[str] | None:
        """The names in an open directory in the order of a listing; None where not all are files that are shared."""
        most_bytes = MAX_PATH_BYTES - len("/".join((*endpoint.parts, "")).encode())
        names: list[str] = []
        with os.scandir(directory) as found:
            for each in found:
                name = each.name
                if (
                    len(names) == MOST_FILES
                    or name_problem(name) is not None
                    or not each.is_file(follow_symlinks=False)
                    or self._filetypes.problem(name) is not None
                    or len(name.encode()) > most_bytes
                ):
                    return None
                names.append(name)
        names.sort()  # by code points, which is by the bytes of UTF-8
        return names if not names or len(endpoint.parts) < MAX_PARTS else None

    def _key(self, names: Sequence[str], stats: Sequence[os.stat_result], marked: int) -> bytes:
        """A hash of all that the digests depend on, but the contents: another content has another signature.

        `marked` counts what no stat shows: marks of damage, and what the server writes on disks that keep no ctime.
        """
        disks = self._root.disks
        kept = sorted((device, disks.of(device).modes) for device in {found.st_dev for found in stats})
        lines = [f"{marked} {kept}"]
        lines += [
            f"{name}/{found.st_dev}.{found.st_mode}.{signature(found)}"
            for name, found in zip(names, stats, strict=True)
        ]
        return hashlib.sha256("\n".join(lines).encode()).digest()

    def _compute(self, endpoint: Endpoint, names: Sequence[str], stats: Sequence[os.stat_result]) -> TreeDigest | None:
        files = dict(zip(names, stats, strict=True))
        known = self._cache.known(self._root.cache_path(endpoint), files, whole=True)
        digester = DirectoryDigester()
        for name, found in files.items():
            row = known.get(name)
            if row is None or row.damage or not stat.S_ISREG(found.st_mode):
                return None
            entry = entry_of(found, self._root.disks)
            digester.add_file(name, found.st_size, row.hash, entry.mtime_us, entry.mode)
        return digester.finish()
