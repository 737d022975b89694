"""Checks preconditions against the disk: the content that must be at a target, and its kind."""

from __future__ import annotations

import os
import stat
import time
from typing import Sequence

import attrs

from homeftp.endpoint import Endpoint
from homeftp.errors import Changed, WrongKind
from homeftp.hashing.filehash import digest, signature
from homeftp.hashing.hashcache import CachedHash, HashCache
from homeftp.model import ABSENT, PRESENT
from homeftp.store.local.disk.entries import kind_problem
from homeftp.store.local.disk.errnos import catch, close_quietly
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.preconditions import changed, gone
from homeftp.store.policy.wording import display_path

Precondition = tuple[DirHandle, Endpoint, str | None]
"""An open directory, an endpoint in it, and the precondition for that."""


@attrs.frozen
class Preconditions:
    """Finds out whether existing files meet preconditions. Thread-safe."""

    root: SafeRoot
    cache: HashCache

    def expected(self, wanted: Sequence[Precondition]) -> list[str | Exception | None]:
        """For each precondition the signature of the file with the expected hash.

        None if it is no hash, `Changed` (44) if it does not hold. Hashes files
        that the hash cache does not know.
        """
        stats = [catch(self._stat, *each) for each in wanted]
        asked: dict[Endpoint, dict[str, os.stat_result]] = {}
        for (_, endpoint, _), found in zip(wanted, stats, strict=True):
            if isinstance(found, os.stat_result):
                asked.setdefault(endpoint.parent, {})[endpoint.name] = found
        known = {parent: self.cache.lookup(self.root.cache_path(parent), files) for parent, files in asked.items()}
        results: list[str | Exception | None] = []
        for each, found in zip(wanted, stats, strict=True):
            if isinstance(found, os.stat_result):
                endpoint = each[1]
                results.append(catch(self._signature, *each, found, known[endpoint.parent].get(endpoint.name)))
            else:
                results.append(found)
        return results

    def _stat(self, handle: DirHandle, endpoint: Endpoint, precondition: str | None) -> os.stat_result | None:
        """The stat of the file that must have the expected hash; None if the precondition is no hash."""
        if precondition is None or precondition == ABSENT:
            return None
        found = self.root.stat_in(handle.fd, endpoint)
        check_file(endpoint, found)
        if found is None:
            raise gone(endpoint)
        return None if precondition == PRESENT else found

    def _signature(
        self,
        handle: DirHandle,
        endpoint: Endpoint,
        precondition: str | None,
        found: os.stat_result,
        content_hash: str | None,
    ) -> str:
        """The signature of a file, if it has the expected hash."""
        if content_hash is None:
            fd, found = self.root.open_file_in(handle.fd, endpoint)
            try:
                began = time.time_ns()
                content_hash = digest(fd, found.st_size)
                before, found = found, os.fstat(fd)
            finally:
                close_quietly(fd)
            if signature(before) != signature(found):
                raise Changed(f"{display_path(endpoint)} is being changed right now: try again")
            self.cache.record(
                [CachedHash(self.root.cache_path(endpoint.parent), endpoint.name, found, content_hash, began)]
            )
        if content_hash != precondition:
            raise changed(endpoint)
        return signature(found)


def check_file(endpoint: Endpoint, found: os.stat_result | None) -> None:
    """Raise `WrongKind` (43) for anything that a file cannot replace."""
    if found is None or stat.S_ISREG(found.st_mode):
        return
    problem = kind_problem(found) or "is a directory: a file cannot replace it"
    raise WrongKind(f"{display_path(endpoint)} {problem}")
