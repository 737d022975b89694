"""The committing half of `MemoryStore`: what all its changes have in common.

Every change is made under the lock, after everything that can refuse it was checked, and is recorded.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator

import attrs
from msgspec import structs

from homeftp.endpoint import Endpoint
from homeftp.hashing.filehash import hash_bytes
from homeftp.interfaces.store import StoreOptions
from homeftp.model import SERVER, Actor, Change, Entry, WriteRequest
from homeftp.store.memoryreader import MemoryReader
from homeftp.store.memorytree import Node
from homeftp.store.policy import wording
from homeftp.store.policy.changelog import ChangeLog
from homeftp.store.policy.preconditions import check, check_replaceable, check_source

Report = Callable[[Change], None]


class MemoryCommitter(MemoryReader):
    """Changes a `MemoryTree`, and records that."""

    def __init__(self, options: StoreOptions, clock: Callable[[], int], read_only: str | None) -> None:
        super().__init__(options, clock)
        self.read_only = read_only
        self._log = ChangeLog(options.record_changes)
        self._actor = SERVER

    def _source(self, endpoint: Endpoint, precondition: str | None) -> Node:
        """The node to copy, move, remove or give metadata, if it meets the precondition."""
        node = self._existing(endpoint)
        check_source(endpoint, node.kind, precondition)
        check(endpoint, node.entry(), precondition)
        return node

    def _actor_of(self, request: WriteRequest) -> Actor:
        return request.acting(self._actor)

    def _check_writable(self) -> None:
        if self.read_only is not None:
            raise wording.read_only(self.read_only)

    @contextmanager
    def _changing(self) -> Iterator[Report]:
        """Every change is made in here: under the lock, and reported to the change log."""
        self._check_writable()
        with self._tree.lock:
            self._log.ensure_recorded()
            with self._log.changing() as changed:
                yield changed

    def _place(
        self,
        endpoint: Endpoint,
        node: Node,
        precondition: str | None,
        actor: Actor,
        changed: Report,
        *,
        source: Endpoint | None = None,
        reserve: bool = True,
        keeps_empty: bool = True,
    ) -> None:
        """Put a file at `endpoint`, moved from `source` if given; the file that it replaces becomes a version."""
        existing = self._tree.nodes.get(endpoint.parts)
        check_replaceable(endpoint, self._tree.entry(endpoint), precondition)
        if existing is None:
            self._tree.check_name(endpoint, moved_from=source)
        if reserve and source is None:
            self._tree.reserve(endpoint, self._tree.cost(endpoint, len(node.content)), actor)
            self._add_directories(endpoint.parent, actor, changed)
        else:
            self._make_directories(endpoint.parent, actor, changed)
        change = Change("add", "file", endpoint, actor, None, len(node.content), node.hash)
        if existing is not None:
            mends = existing.damaged and existing.hash == node.hash
            kept = attrs.evolve(existing, hash=hash_bytes(existing.content), damaged=False) if mends else existing
            if existing.content or keeps_empty:
                self._tree.keep_version(endpoint, kept)
            change = structs.replace(change, what="replace", old_size=len(existing.content), old_hash=existing.hash)
        if source is not None:
            del self._tree.nodes[source.parts]
            change = structs.replace(change, what="move", endpoint=source, to=endpoint)
        self._tree.nodes[endpoint.parts] = node
        changed(change)

    def _make_directories(self, endpoint: Endpoint, actor: Actor, changed: Report) -> None:
        """Make what is missing on the way to a directory, and it, within the quotas."""
        if endpoint.parts not in self._tree.nodes:
            self._tree.reserve(endpoint, self._tree.cost(endpoint, 0), actor)
        self._add_directories(endpoint, actor, changed)

    def _add_directories(self, endpoint: Endpoint, actor: Actor, changed: Report) -> None:
        for parent in self._tree.missing(endpoint):
            self._tree.check_name(parent)
            self._tree.nodes[parent.parts] = self._tree.new("directory", WriteRequest(endpoint=parent))
            changed(Change("add", "directory", parent, actor))

    def _set_metadata(
        self, endpoint: Endpoint, mtime_us: int | None, mode: int | None, actor: Actor, changed: Report
    ) -> Entry:
        node = self._tree.set_metadata(endpoint, mtime_us, mode)
        changed(Change("metadata", node.kind, endpoint, actor))
        return node.entry()
