"""Checks preconditions against the disk: the content that must be at a target, and its kind."""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Callable, Mapping, Sequence

import msgspec

from homeftp.config import SLICE
from homeftp.endpoint import Endpoint
from homeftp.errors import Changed
from homeftp.hashing.filehash import at_rest, digest, is_settled, signature
from homeftp.hashing.hashcache import CachedHash, HashCache, KnownHash
from homeftp.interfaces import HashNeeded, IOpenFile
from homeftp.model import ABSENT, HashCondition
from homeftp.store.local.disk.entries import kind_of, tag_of
from homeftp.store.local.disk.errnos import close_quietly
from homeftp.store.local.disk.handles import DirHandle
from homeftp.store.local.disk.saferoot import SafeRoot
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.preconditions import changed, check_target, names_content
from homeftp.store.policy.wording import display_path

Precondition = tuple[DirHandle, Endpoint, str | None]
"""An open directory, an endpoint in it, and the precondition for that."""


class Preconditions(msgspec.Struct, frozen=True):
    """Finds out whether existing files meet preconditions. Thread-safe."""

    root: SafeRoot
    cache: HashCache
    open: Callable[[Endpoint], IOpenFile]
    """Opens a file, to be hashed by the caller of the store."""

    def expected(self, wanted: Sequence[Precondition]) -> list[str | Exception | None]:
        """For each precondition the signature of the file with the expected hash.

        None if it is no hash, `Changed` (44) if it does not hold. A damaged file
        has the hash that it had. Hashes files that the hash cache does not know; `HashNeeded` if a `HashCondition` is
        about one and they have more than `SLICE` bytes together.
        """
        stats = [catch(self._stat, *each) for each in wanted]
        known = self._known(
            {
                endpoint: found
                for (_, endpoint, _), found in zip(wanted, stats, strict=True)
                if isinstance(found, os.stat_result)
            }
        )
        read = 0
        results: list[str | Exception | None] = []
        for each, found in zip(wanted, stats, strict=True):
            if isinstance(found, os.stat_result):
                _, endpoint, precondition = each
                cached = known[endpoint.parent].get(endpoint.name)
                content_hash = None if cached is None else cached.hash
                if content_hash is None and isinstance(precondition, HashCondition):
                    content_hash = precondition.found if precondition.tag == tag_of(found) else None
                results.append(catch(self._signature, *each, found, content_hash, SLICE - read))
                if content_hash is None and not isinstance(results[-1], HashNeeded):
                    read += found.st_size
            else:
                results.append(found)
        return results

    def is_damaged(self, endpoint: Endpoint, found: os.stat_result) -> bool:
        """Whether the file with that stat is marked as damaged: what is made of its content must not pass for it."""
        return endpoint in self.damaged({endpoint: found})

    def damaged(self, files: Mapping[Endpoint, os.stat_result]) -> set[Endpoint]:
        """The files with these stats that are marked as damaged."""
        found: set[Endpoint] = set()
        for parent, known in self._known(files).items():
            found.update(parent.beneath(name) for name, each in known.items() if each.damage)
        return found

    def _known(self, files: Mapping[Endpoint, os.stat_result]) -> dict[Endpoint, dict[str, KnownHash]]:
        """The known hashes of files with these stats, by directory and name."""
        asked: dict[Endpoint, dict[str, os.stat_result]] = {}
        for endpoint, found in files.items():
            asked.setdefault(endpoint.parent, {})[endpoint.name] = found
        return {parent: self.cache.known(self.root.cache_path(parent), named) for parent, named in asked.items()}

    def _stat(self, handle: DirHandle, endpoint: Endpoint, precondition: str | None) -> os.stat_result | None:
        """The stat of the file that must have the expected hash; None if the precondition is no hash."""
        if precondition is None or precondition == ABSENT:
            return None
        found = self.root.stat_in(handle.fd, endpoint)
        check_file(endpoint, found, precondition)
        return found if names_content(precondition) else None

    def _signature(
        self,
        handle: DirHandle,
        endpoint: Endpoint,
        precondition: str | None,
        found: os.stat_result,
        content_hash: str | None,
        left: int,
    ) -> str:
        """The signature of a file, if it has the expected hash. Reads at most `left` bytes for a `HashCondition`."""
        if content_hash is None:
            fd, found = self.root.open_file_in(handle.fd, endpoint)
            try:
                if not isinstance(precondition, HashCondition):
                    found = at_rest(fd, found)
                elif not is_settled(found):
                    raise HashNeeded(precondition, None)
                elif found.st_size > left:
                    raise HashNeeded(precondition, partial(self.open, endpoint))
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


def check_file(endpoint: Endpoint, found: os.stat_result | None, precondition: str | None = None) -> None:
    """`check_target` for what has this stat: raises `WrongKind` (43) for anything that a file cannot replace."""
    check_target(endpoint, None if found is None else kind_of(endpoint, found), precondition)
