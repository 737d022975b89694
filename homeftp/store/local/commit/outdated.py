"""Removes what the hash cache knows of files that are about to be replaced, where a new stat would not show it.

On most disks a new file has another inode and ctime, and what was known of the old one no longer counts. On FAT and
exFAT another content of the same size and time looks the same. There what is known is removed before the change, and
the change is refused where that cannot be done.
"""

from __future__ import annotations

import contextlib
import os
from typing import Iterator

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.errors import Busy, Refusal
from homeftp.hashing.hashcache import HashCache
from homeftp.hashing.ownchanges import FileKey
from homeftp.metadata.kept import ChangeTime
from homeftp.store.local.commit.pending import PendingRename, PendingUnlink
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.saferoot import SafeRoot


class OutdatedHashes(msgspec.Struct, frozen=True):
    """The hashes that the cache must forget. Thread-safe; `Namespace` calls it while it holds its lock."""

    root: SafeRoot
    cache: HashCache

    @contextlib.contextmanager
    def renaming(self, pending: PendingRename) -> Iterator[None]:
        """The block gives a file its name in a directory that `may_look_the_same`. Raises `Busy` (51), and OSError."""
        key = self._key(pending.target.endpoint)
        changed = False
        try:
            self._begin(key, os.fstat(pending.file.source.fd))
            changed = True
            yield
        except BaseException:
            changed = changed and self._may_have_name(pending)
            raise
        finally:
            pending.changed_ns = self.cache.end_change(key, changed=changed)

    @contextlib.contextmanager
    def changing(self, pending: PendingUnlink) -> Iterator[None]:
        """The block sets the time of a file. Raises `Busy` (51), and OSError."""
        if not self.may_look_the_same(pending.handle):
            yield
            return
        key = self._key(pending.endpoint)
        try:
            self._begin(key, None)
            yield
        finally:
            self.cache.end_change(key)

    @contextlib.contextmanager
    def moving(self, source: Endpoint, target: Endpoint, handle: DirHandle) -> Iterator[None]:
        """The block gives a directory another name, in an open directory. Raises `Busy` (51), and OSError."""
        old, new = self.root.cache_path(source), self.root.cache_path(target)
        look_the_same = self.may_look_the_same(handle)
        if look_the_same and not self.cache.forget_beneath(new):
            raise _refused()
        yield
        self.cache.moved(old, new)
        while look_the_same and self.cache.do_deferred():
            pass  # what is moved later could be taken for what is known of a file that is written meanwhile

    def _may_have_name(self, pending: PendingRename) -> bool:
        """Whether the new file has its name, or another one than the old file may have it."""
        try:
            found = self.root.stat_in(pending.target.handle.fd, pending.target.endpoint)
            return found is None or os.path.samestat(found, os.fstat(pending.file.source.fd))
        except (Refusal, OSError):
            return True

    def _begin(self, key: FileKey, found: os.stat_result | None) -> None:
        if not self.cache.begin_change(key, found):
            raise _refused()

    def _key(self, endpoint: Endpoint) -> FileKey:
        return self.root.cache_path(endpoint.parent), endpoint.name

    def may_look_the_same(self, handle: DirHandle) -> bool:
        """Whether a new file in an open directory may have the stat of an old one. Raises OSError."""
        return self.root.disks.of(os.fstat(handle.fd).st_dev).change_time is not ChangeTime.CTIME


def _refused() -> Busy:
    return Busy("the server's hash cache is locked or cannot be written: nothing was changed, try again later")
