"""Which files and versions are marked as damaged."""

from __future__ import annotations

import os
import stat
from typing import Sequence

import msgspec

from homeftp.endpoint import Endpoint
from homeftp.hashing.hashcache import HashCache, StoredHash
from homeftp.hashing.signatures import is_still_marked
from homeftp.model import Damage, damage_kind
from homeftp.store.local.disk.errnos import MISSING
from homeftp.store.local.disk.handles import raw
from homeftp.store.local.disk.metadir import FOLDER
from homeftp.store.local.disk.quota import VERSIONS
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.local.versions.naming import Names, original_of, time_of


class DamageMarks(msgspec.Struct, frozen=True):
    """Finds what is marked. Thread-safe."""

    root: SafeRoot
    cache: HashCache

    def damaged(self) -> Sequence[Damage]:
        """The marked files that are still the marked content.

        The mark of a file that was changed is removed. That of a file that is not there stays, and is not told: its
        disk may not be mounted, and comes back with the same damage.
        """
        found = []
        for row in self.cache.damaged():
            names = self.root.names_of(row.directory)
            if names is None:
                continue  # of another folder that this state folder was used for
            try:
                now = self._stat(names, row.name)
            except OSError as error:
                if error.errno not in MISSING:  # the disk fails just there
                    found.append(_damage(names, row))
                continue
            if stat.S_ISREG(now.st_mode) and is_still_marked(row.signature, now):
                found.append(_damage(names, row))
            else:
                self.cache.forget(row)
        return sorted(found, key=lambda each: (each.name, each.at_us or 0))

    def _stat(self, names: Names, name: str) -> os.stat_result:
        with self.root.open_below(self.root.fd, names) as directory:
            stored = self.root.stored_name(directory, Endpoint((name,)))
            return os.stat(stored, dir_fd=directory, follow_symlinks=False)


def _damage(names: Names, row: StoredHash) -> Damage:
    name, at_us = raw(row.name), None
    path: Names = (*names, name)
    depth = next((depth for depth in range(len(names)) if names[depth : depth + 2] == (FOLDER, VERSIONS)), None)
    if depth is not None:
        folder = names[depth + 2 :]
        path = (*names[:depth], *(original_of(folder, name) or (name,)))
        at_us = time_of(folder, name)
    shown = "/".join(part.decode("utf-8", "replace") for part in path)
    return Damage(shown, damage_kind(row.damage), row.hash or None, at_us)
