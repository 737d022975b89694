"""Answers about files that need not wait for a disk: from the kernel's memory, of files that a job has seen.

These calls are made on the reactor's thread, so that each must return at once. The kernel is asked for what it has in
memory only: a path by openat2(2) with RESOLVE_CACHED, a content by preadv2(2) with RWF_NOWAIT. The hash cache is a
database on a disk: what a job has found there of a file (`recent.py`) counts here as long as the stat of the file is
the same. A name is known to be new where the server remembers the names of its directory. Whatever is not so is left to
a job. docs/decisions/at-once has the reasons.
"""

from __future__ import annotations

import os
import stat

from homeftp.endpoint import Endpoint
from homeftp.errors import Refusal
from homeftp.hashing.filehash import is_settled
from homeftp.hashing.hashcache import HashCache
from homeftp.model import Entry
from homeftp.store.local.commit.similarnames import NameCollisions
from homeftp.store.local.disk.entries import entry_of
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.read import LocalFile
from homeftp.store.local.recent import RecentFiles, is_same
from homeftp.store.policy.filetypes import Filetypes

_STAT = getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class ImmediateReader:
    """Answers at once, or not at all. For the reactor's thread."""

    def __init__(
        self,
        root: SafeRoot,
        cache: HashCache,
        recent: RecentFiles,
        filetypes: Filetypes,
        names: NameCollisions | None = None,
    ) -> None:
        """`names` are those that the server remembers; None for a folder that it does not change."""
        self._root = root
        self._cache = cache
        self._recent = recent
        self._filetypes = filetypes
        self._names = names

    def stat(self, endpoint: Endpoint, hashed: bool = True) -> Entry | None:
        """The entry of what exists there; None where only a job can tell."""
        fd = self._open(endpoint, _STAT)
        if fd is None:
            return None
        try:
            found = os.fstat(fd)
        except OSError:
            return None
        finally:
            close_quietly(fd)
        if stat.S_ISDIR(found.st_mode):
            return entry_of(found, self._root.disks) if self._root.disks.describes(found) else None
        entry = self._recent.entry(endpoint.parts, found)
        return self._unhashed(endpoint, found) if entry is None and not hashed else entry

    def _unhashed(self, endpoint: Endpoint, found: os.stat_result) -> Entry | None:
        """The entry of an allowed file, without its hash."""
        allowed = stat.S_ISREG(found.st_mode) and self._filetypes.problem(endpoint.name) is None
        return entry_of(found, self._root.disks) if allowed and self._root.disks.describes(found) else None

    def is_new(self, endpoint: Endpoint) -> bool:
        """Whether nothing has this name, nor a name that is too similar, as far as the server remembers."""
        if self._names is None or endpoint.is_top or self._filetypes.problem(endpoint.name) is not None:
            return False
        fd = self._open(endpoint.parent, _STAT)
        if fd is None:
            return False
        try:
            return self._names.lacks(os.fstat(fd), endpoint.name)
        except OSError:
            return False
        finally:
            close_quietly(fd)

    def open(self, endpoint: Endpoint, inline: int, hashed: bool = True) -> LocalFile | None:
        """A file of at most `inline` bytes, read; None where only a job can tell."""
        fd = self._open(endpoint, _READ)
        if fd is None:
            return None
        try:
            found = os.fstat(fd)
            entry = self._recent.entry(endpoint.parts, found)
            if entry is None and not hashed and self._recent.undamaged and is_settled(found):
                entry = self._unhashed(endpoint, found)
            if entry is None or entry.size > inline:
                return None
            content = self._root.system.read_cached(fd, entry.size + 1)
            if len(content) != entry.size or not is_same(found, os.fstat(fd)):
                return None
        except OSError:
            return None
        finally:
            close_quietly(fd)
        file = LocalFile(self._cache, self._root.disks, endpoint, "", -1, found, entry.hash)
        file.content = content
        return file

    def _open(self, endpoint: Endpoint, flags: int) -> int | None:
        """A descriptor of what is there, if its path is in memory, and on the root's own disk."""
        if self._root.mounts.points:
            return None
        try:
            return self._root.resolver.open_cached(self._root.fd, endpoint.parts, flags)
        except (OSError, Refusal):
            return None
