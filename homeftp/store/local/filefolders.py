"""The digests of directories that hold nothing but files: remembered as long as all files in them look the same.

Most files of most trees are in such directories. To look at a directory again costs a stat for each file, and neither
entries nor rows of the hash cache.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from itertools import islice
from threading import Lock
from typing import Sequence

from homeftp.endpoint import MAX_NAME_BYTES, MAX_PARTS, MAX_PATH_BYTES, Endpoint, name_problem
from homeftp.errors import Refusal
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.signatures import folder_signature
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
            with os.scandir(handle.fd) as found:
                entries = list(islice(found, MOST_FILES + 1))
            if len(entries) > MOST_FILES or not all(each.is_file(follow_symlinks=False) for each in entries):
                return None
            names = sorted(each.name for each in entries)  # by code points, which is by the bytes of UTF-8
            stats = [os.stat(name, dir_fd=handle.fd, follow_symlinks=False) for name in names]
            key = self._key(endpoint, names, stats, marked)
            with self._lock:
                known = self._kept.get(key)
                if known is not None:
                    self._kept.move_to_end(key)
                    return known
            if not self._is_shared(endpoint, names, stats):
                return None
            for each in stats:
                self._root.disks.learn(each, handle.fd)
        except OSError:
            return None
        finally:
            close_quietly(handle.fd)
        key = self._key(endpoint, names, stats, marked)  # now that the disk is known
        digests = self._compute(endpoint, names, stats)
        if digests is not None:
            with self._lock:
                self._kept[key] = digests
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        return digests

    def _is_shared(self, endpoint: Endpoint, names: Sequence[str], stats: Sequence[os.stat_result]) -> bool:
        """Whether a directory with these names has nothing but files that are shared."""
        most_bytes = _name_bytes(endpoint)
        if names and len(endpoint.parts) >= MAX_PARTS:
            return False
        return all(
            name_problem(name) is None
            and stat.S_ISREG(found.st_mode)
            and self._filetypes.problem(name) is None
            and len(name.encode()) <= most_bytes
            for name, found in zip(names, stats, strict=True)
        )

    def _key(self, endpoint: Endpoint, names: Sequence[str], stats: Sequence[os.stat_result], marked: int) -> bytes:
        """A hash of all that the digests depend on, but the contents: another content has another signature.

        `marked` counts what no stat shows: marks of damage, and what the server writes on disks that keep no ctime. Of
        the path counts whether files may be in it, and how long their names may be.
        """
        disks = self._root.disks
        kept = sorted((device, disks.of(device).modes) for device in {found.st_dev for found in stats})
        return folder_signature(
            names, stats, f"{marked} {kept} {_name_bytes(endpoint)} {len(endpoint.parts) < MAX_PARTS}"
        )

    def _compute(self, endpoint: Endpoint, names: Sequence[str], stats: Sequence[os.stat_result]) -> TreeDigest | None:
        files = dict(zip(names, stats, strict=True))
        known = self._cache.known(self._root.cache_path(endpoint), files, whole=True)
        digester = DirectoryDigester()
        for name, found in files.items():
            row = known.get(name)
            if row is None or row.damage:
                return None
            entry = entry_of(found, self._root.disks)
            digester.add_file(name, found.st_size, row.hash, entry.mtime_us, entry.mode)
        return digester.digest()


def _name_bytes(endpoint: Endpoint) -> int:
    """How many bytes the name of a file in a directory may have."""
    return min(MAX_NAME_BYTES, MAX_PATH_BYTES - len("/".join((*endpoint.parts, "")).encode()))
