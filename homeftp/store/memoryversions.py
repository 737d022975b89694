"""The versions of `MemoryStore`: what each name had and when, put back, or removed for good."""

from __future__ import annotations

from itertools import chain
from typing import Callable, Iterator, Sequence

import attrs
from msgspec import structs
from zope.interface import implementer

from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.history.changes import Reversion, VersionId
from homeftp.history.parts import parts_of
from homeftp.history.timeline import Timeline
from homeftp.interfaces.store import IHistory, IOpenFile, StoreOptions
from homeftp.model import Change, Entry
from homeftp.store.buffers import BytesFile
from homeftp.store.memorycommitter import MemoryCommitter, Report
from homeftp.store.memorytree import Names, Node, sort
from homeftp.store.policy import limits, wording
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.pages import entry_cost, paged


@implementer(IHistory)
class MemoryVersions(MemoryCommitter):
    """The history of a `MemoryTree`, as `IHistory` describes it."""

    def __init__(self, options: StoreOptions, clock: Callable[[], int], read_only: str | None) -> None:
        super().__init__(options, clock, read_only)
        self._keeps_versions = options.retention.seconds > 0

    def history(self) -> IHistory | None:
        """Itself; None where no versions are kept, or nothing can be changed."""
        return self if self._keeps_versions and self.read_only is None else None

    def timelines(
        self, endpoint: Endpoint, since_us: int = 0, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
    ) -> Iterator[list[Timeline]]:
        """The entries of each name, with its versions from a time on, as they were at the first step."""
        top = len(endpoint.parts)
        with self._tree.lock:
            every = {*self._tree.nodes, *self._tree.versions}
            names = [each for each in every if each[:top] == endpoint.parts and not hidden.covers(each)]
            wanted = [each for each in names if depth is None or len(each) - top <= depth]
            found = [self._timeline(each, "/".join(each[top:]), since_us) for each in sort(iter(wanted))]
        known = [each for each in found if each.current is not None or each.versions or each.problem is not None]
        parts = chain.from_iterable(map(parts_of, known))
        yield from paged(parts, lambda each: entry_cost(each.name) * (1 + len(each.versions) + len(each.restored)))

    def _timeline(self, names: Names, name: str, since_us: int) -> Timeline:
        node, kept = self._tree.nodes.get(names), self._tree.versions.get(names, {})
        problem = self._limits.filetypes.problem(names[-1]) if names else None
        if problem is not None:
            kept = {}
            if node is None or node.kind == "file":
                return Timeline(name=name, problem=None if node is None else problem)
        return Timeline(
            name=name,
            current=None if node is None else node.entry(),
            made_us=None if node is None else node.made_us,
            versions=tuple(each.version("", at_us) for at_us, each in sorted(kept.items()) if at_us >= since_us),
            restored=tuple(each for each in self._tree.restored.get(names, ()) if each.at_us >= since_us),
        )

    def open_version(self, endpoint: Endpoint, at_us: int) -> IOpenFile:
        """Open a version for reading."""
        self._limits.filetypes.check(endpoint)
        with self._tree.lock:
            node = self._version(endpoint, at_us)
        return BytesFile(node.entry(), node.content)

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Put a version back, and remove it from the versions."""
        limits.check_not_root(endpoint)
        self._limits.filetypes.check(endpoint)
        with self._changing() as changed:
            kept = self._tree.versions.get(endpoint.parts, {})
            at = max(kept, default=None) if at_us is None else at_us
            if at is None:
                raise wording.no_version(endpoint, at_us)
            node = attrs.evolve(self._version(endpoint, at), tag=self._tree.tag())
            replaced = endpoint.parts in self._tree.nodes
            self._place(endpoint, node, precondition, self._actor, changed, reserve=False)
            del kept[at]
            self._tree.keep_restoration(endpoint, at, replaced=replaced)
        return node.entry()

    def revert(self, reversions: Sequence[Reversion]) -> list[Entry | Exception | None]:
        """Give each endpoint what it had, one after the other."""
        return [catch(self._revert, each) for each in reversions]

    def _revert(self, reversion: Reversion) -> Entry | None:
        endpoint = reversion.endpoint
        if reversion.at_us is not None:
            return self.restore(endpoint, reversion.at_us, reversion.precondition)
        limits.check_removable(endpoint)
        with self._changing() as changed:
            if self._source(endpoint, reversion.precondition).kind == "directory":
                raise wording.is_directory(endpoint)
            self._remove(endpoint, changed)
        return None

    def remove_versions(self, versions: Sequence[VersionId]) -> list[int | Exception]:
        """Remove versions for good, one after the other."""
        return [catch(self._remove_version, each) for each in versions]

    def _remove_version(self, version: VersionId) -> int:
        with self._changing() as changed:
            size = len(self._version(version.endpoint, version.at_us, sound=False).content)
            del self._tree.versions[version.endpoint.parts][version.at_us]
            if not self._tree.versions[version.endpoint.parts]:
                self._tree.restored.pop(version.endpoint.parts, None)
            changed(Change("prune", "version", version.endpoint, self._actor, old_size=size))
        return size

    def _version(self, endpoint: Endpoint, at_us: int, *, sound: bool = True) -> Node:
        """A version; raises `NotFound` (40), and `Damaged` (46) for one that is not sound."""
        node = self._tree.versions.get(endpoint.parts, {}).get(at_us)
        if node is None:
            raise wording.no_version(endpoint, at_us)
        if sound and node.damaged:
            raise wording.damaged_version(endpoint)
        return node

    def _remove(self, endpoint: Endpoint, changed: Report, at_us: int | None = None) -> int:
        """Remove a file or an empty directory, now or as of a time, if it still exists; returns how many."""
        node = self._tree.nodes.get(endpoint.parts)
        if node is None:
            return 0
        if self._tree.beneath(endpoint.parts):
            raise wording.not_empty(endpoint)
        change = Change("delete", node.kind, endpoint, self._actor)
        if node.kind == "file":
            self._tree.keep_version(endpoint, node, at_us)
            change = structs.replace(change, old_size=len(node.content), old_hash=node.hash)
        del self._tree.nodes[endpoint.parts]
        changed(change)
        return 1
