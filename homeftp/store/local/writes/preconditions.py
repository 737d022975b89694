"""On what condition something may be replaced or removed: what the client believes to be there, and of what kind."""

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
from homeftp.store.local.disk.errnos import catch, close_quietly, display_path
from homeftp.store.local.disk.saferoot import DirHandle, SafeRoot, kind_problem

Precondition = tuple[DirHandle, Endpoint, str | None]
"""An open directory, an endpoint in it, and the `if_hash` for that."""


@attrs.frozen
class Preconditions:
    """Finds out what stands where something is expected. Safe in several threads."""

    jail: SafeRoot
    index: HashCache

    def expected(self, wanted: Sequence[Precondition]) -> list[str | Exception | None]:
        """For each the signature of the content that `if_hash` names.

        None where it names none, `Changed` (44) where something else stands.
        Hashes the files that the index does not know.
        """
        standing = [catch(self._standing, *each) for each in wanted]
        asked: dict[Endpoint, dict[str, os.stat_result]] = {}
        for (_, endpoint, _), found in zip(wanted, standing, strict=True):
            if isinstance(found, os.stat_result):
                asked.setdefault(endpoint.parent, {})[endpoint.name] = found
        known = {parent: self.index.lookup(self.jail.spelled(parent), files) for parent, files in asked.items()}
        results: list[str | Exception | None] = []
        for each, found in zip(wanted, standing, strict=True):
            if isinstance(found, os.stat_result):
                endpoint = each[1]
                results.append(catch(self._signature, *each, found, known[endpoint.parent].get(endpoint.name)))
            else:
                results.append(found)
        return results

    def _standing(self, place: DirHandle, endpoint: Endpoint, if_hash: str | None) -> os.stat_result | None:
        """The stat of the file that is expected; None where none is."""
        if if_hash in (None, ABSENT, PRESENT):
            return None
        found = self.jail.look_in(place.fd, endpoint)
        check_file(endpoint, found)
        if found is None:
            raise gone(endpoint)
        return found

    def _signature(
        self,
        place: DirHandle,
        endpoint: Endpoint,
        if_hash: str | None,
        found: os.stat_result,
        content_hash: str | None,
    ) -> str:
        """The signature of the file that stands there, if it is the expected one."""
        if content_hash is None:
            fd, found = self.jail.file_in(place.fd, endpoint)
            try:
                began = time.time_ns()
                content_hash = digest(fd, found.st_size)
                before, found = found, os.fstat(fd)
            finally:
                close_quietly(fd)
            if signature(before) != signature(found):
                raise Changed(f"{display_path(endpoint)} is changing at this moment")
            self.index.record(
                [CachedHash(self.jail.spelled(endpoint.parent), endpoint.name, found, content_hash, began)]
            )
        if content_hash != if_hash:
            raise changed(endpoint)
        return signature(found)


def check_file(endpoint: Endpoint, found: os.stat_result | None) -> None:
    """Raise `WrongKind` (43) for what a file must not replace."""
    if found is None or stat.S_ISREG(found.st_mode):
        return
    problem = kind_problem(found) or "is a directory: a file cannot replace it"
    raise WrongKind(f"{display_path(endpoint)} {problem}")


def gone(endpoint: Endpoint) -> Changed:
    """The refusal where something was expected."""
    return Changed(f"{display_path(endpoint)} is not there any more")


def changed(endpoint: Endpoint) -> Changed:
    """The refusal where something else was expected."""
    return Changed(f"{display_path(endpoint)} has changed on the server: compare again")


def occupied(endpoint: Endpoint) -> Changed:
    """The refusal where nothing was expected."""
    return Changed(f"{display_path(endpoint)} exists on the server: compare first, or push without a condition")
