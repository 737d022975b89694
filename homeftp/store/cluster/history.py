"""The history of the cluster store: what each name had and when, put back, or removed for good."""

from __future__ import annotations

import heapq
import itertools
from typing import Iterator, Mapping, Sequence

from msgspec import structs
from zope.interface import implementer

from homeftp.cluster.database import TransactionConflict
from homeftp.config import LISTING_PAGE
from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.history.changes import Reversion, VersionId
from homeftp.history.timeline import Restoration, Timeline
from homeftp.interfaces.importing import IExportedHistory
from homeftp.interfaces.store import IHistory, IOpenFile
from homeftp.model import Actor, Change, Entry, Version, WriteRequest
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import NODES, Names, NodeRow, VersionRow, path_names, path_text
from homeftp.store.cluster.reading.listing import TreeReader
from homeftp.store.cluster.reading.opened import open_contents
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.cluster.tables import restorations, usage, versions
from homeftp.store.cluster.writes import removal
from homeftp.store.cluster.writes.committer import ClusterCommitter, as_file
from homeftp.store.cluster.writes.transactions import change
from homeftp.store.policy import limits, wording
from homeftp.store.policy.outcomes import catch
from homeftp.store.policy.pages import entry_cost, paged


@implementer(IHistory, IExportedHistory)
class ClusterHistory:
    """The history of a share, as `IHistory` describes it, for one actor."""

    def __init__(self, context: ClusterContext, actor: Actor) -> None:
        self._context = context
        self._actor = actor
        self._filetypes = context.limits.filetypes

    # -- reading -------------------------------------------------------------------

    def timelines(
        self, endpoint: Endpoint, since_us: int = 0, *, depth: int | None = None, hidden: FolderSet = NO_FOLDERS
    ) -> Iterator[Sequence[Timeline]]:
        """The entries of each name, with its versions from a time on: the tree and the versions, merged."""
        for _ in removal.finish(self._context, endpoint.parts, hidden):
            yield ()
        top = len(endpoint.parts)
        nodes = iter(self._nodes(endpoint, depth, hidden))
        found = versions.beneath(
            self._context.database,
            self._context.share.id,
            endpoint.parts,
            since_us,
            depth=depth,
            newest_first=False,
            hidden=hidden,
        )
        kept = itertools.groupby(found, key=lambda each: each.path)
        restored = _RestoredPaths(
            restorations.beneath(self._context.database, self._context.share.id, endpoint.parts, since_us, hidden)
        )
        parts = (part for merged in _merged(nodes, kept) for part in self._parts(top, restored, *merged))
        yield from paged(parts, lambda each: entry_cost(each.name) * (1 + len(each.versions) + len(each.restored)))

    def _nodes(self, endpoint: Endpoint, depth: int | None, hidden: FolderSet) -> Iterator[tuple[str, NodeRow]]:
        node = names_table.find(self._context.database, self._context.share.root, endpoint.parts)
        if node is None or hidden.covers(endpoint.parts):
            return
        yield path_text(endpoint.parts), node
        if not node.directory or depth == 0:
            return
        reader = TreeReader(self._context.database, NODES)
        if depth == 1:
            children = reader.children(node.id, endpoint.parts, hidden)
            yield from ((path_text((*endpoint.parts, each.name)), each) for each in children)
        else:
            found = reader.tree(node.id, endpoint.parts, hidden)
            top = len(endpoint.parts)
            yield from ((path_text(names), each) for names, each in found if depth is None or len(names) - top <= depth)

    def _parts(
        self,
        top: int,
        restored: _RestoredPaths,
        path: str,
        node: NodeRow | None,
        kept: Iterator[VersionRow] | None,
    ) -> Iterator[Timeline]:
        """The timeline of one path, in parts of at most a page of what is known of it."""
        names = path_names(path)
        name = "/".join(names[top:])
        problem = self._filetypes.problem(names[-1]) if names else None
        if problem is not None and (node is None or not node.directory):
            if node is not None:
                yield Timeline(name=name, problem=problem)
            return
        part: list[Version | Restoration] = []
        past: list[Iterator[Version | Restoration]] = [restored.of(path)]
        if problem is None and kept is not None:
            past.insert(0, (each.version(Endpoint(names)) for each in kept))
        for event in heapq.merge(*past, key=lambda each: each.at_us):
            if len(part) == LISTING_PAGE:
                yield _timeline(name, part)
                part = []
            part.append(event)
        if node is not None or part:
            current = None if node is None else node.entry()
            yield structs.replace(
                _timeline(name, part), current=current, made_us=None if node is None else node.made_us
            )

    def open_version(self, endpoint: Endpoint, at_us: int) -> IOpenFile:
        """Open a version for reading."""
        (file,) = self.open_versions([VersionId(endpoint, at_us)], -1)
        if isinstance(file, Exception):
            raise file
        return file

    def open_versions(self, asked: Sequence[VersionId], inline: int) -> Sequence[IOpenFile | Exception]:
        """`open_version` for several at once, with as many statements."""
        database, share = self._context.database, self._context.share.id
        removal.finish_files(self._context, {each.endpoint.parts for each in asked})

        def find() -> Sequence[tuple[VersionRow, Entry] | Exception]:
            found = versions.of_times(database, share, [(each.endpoint.parts, each.at_us) for each in asked])
            return [catch(self._readable, each, found) for each in asked]

        return open_contents(database, self._context.bucket, find, inline)

    def _readable(self, version: VersionId, found: Mapping[tuple[Names, int], VersionRow]) -> tuple[VersionRow, Entry]:
        endpoint = version.endpoint
        self._filetypes.check(endpoint)
        row = found.get((endpoint.parts, version.at_us))
        if row is None:
            raise wording.no_version(endpoint, version.at_us)
        if row.damaged:
            raise wording.damaged_version(endpoint)
        return row, Entry("", "file", row.size, row.mtime_us, row.mode, row.hash, f"{row.content or 0}")

    # -- changing ------------------------------------------------------------------

    def restore(self, endpoint: Endpoint, at_us: int | None, precondition: str | None) -> Entry:
        """Put a version back, and remove it from the versions."""
        limits.check_not_root(endpoint)
        self._filetypes.check(endpoint)
        removal.finish_files(self._context, [endpoint.parts])
        share = self._context.share.id

        def work(committer: ClusterCommitter) -> Entry:
            workspace = committer.workspace
            row = versions.find(workspace.transaction, share, endpoint.parts, at_us, lock=True)
            if row is None:
                raise wording.no_version(endpoint, at_us)
            if row.damaged:
                raise wording.damaged_version(endpoint)
            file = as_file(row, workspace.new("file", WriteRequest(endpoint=endpoint)))
            replaced = workspace.get(endpoint) is not None
            node = committer.place(endpoint, file, lambda: row.content, precondition, self._actor, reserve=False)
            if not versions.delete(workspace.transaction, share, row):
                raise TransactionConflict
            workspace.restored.append((endpoint.parts, row.at_us, replaced))
            workspace.charge(endpoint.parts, -usage.cost(row.size))
            return node.entry()

        return change(self._context, [endpoint], work)

    def revert(self, reversions: Sequence[Reversion]) -> list[Entry | Exception | None]:
        """Give each endpoint what it had, one after the other."""
        return [catch(self._revert, each) for each in reversions]

    def _revert(self, reversion: Reversion) -> Entry | None:
        endpoint = reversion.endpoint
        if reversion.at_us is not None:
            return self.restore(endpoint, reversion.at_us, reversion.precondition)
        limits.check_removable(endpoint)

        def work(committer: ClusterCommitter) -> None:
            if committer.source(endpoint, reversion.precondition).directory:
                raise wording.is_directory(endpoint)
            committer.remove(endpoint, self._actor)

        change(self._context, [endpoint], work)
        return None

    def remove_versions(self, versions: Sequence[VersionId]) -> list[int | Exception]:
        """Remove versions for good, one after the other."""
        return [catch(self._remove_version, each) for each in versions]

    def _remove_version(self, version: VersionId) -> int:
        endpoint, share = version.endpoint, self._context.share.id
        removal.finish_files(self._context, [endpoint.parts])

        def work(committer: ClusterCommitter) -> int:
            workspace = committer.workspace
            row = versions.find(workspace.transaction, share, endpoint.parts, version.at_us, lock=True)
            if row is None:
                raise wording.no_version(endpoint, version.at_us)
            versions.delete(workspace.transaction, share, row)
            restorations.forget(workspace.transaction, share, endpoint.parts)
            if row.content is not None:
                workspace.drop(row.content)
            workspace.charge(endpoint.parts, -usage.cost(row.size))
            workspace.changes.append(Change("prune", "version", endpoint, self._actor, old_size=row.size))
            return row.size

        return change(self._context, [endpoint], work)


class _RestoredPaths:
    """The restorations, path by path; the paths are asked for in their order."""

    def __init__(self, found: Iterator[tuple[str, Restoration]]) -> None:
        self._found = found
        self._next = next(found, None)

    def of(self, path: str) -> Iterator[Restoration]:
        """The restorations at a path."""
        while self._next is not None and self._next[0] <= path:
            there, restoration = self._next
            self._next = next(self._found, None)
            if there == path:
                yield restoration


def _timeline(name: str, part: Sequence[Version | Restoration]) -> Timeline:
    """A part of a name's past."""
    return Timeline(
        name=name,
        versions=tuple(each for each in part if isinstance(each, Version)),
        restored=tuple(each for each in part if isinstance(each, Restoration)),
    )


_Group = tuple[str, Iterator[VersionRow]]


def _merged(
    nodes: Iterator[tuple[str, NodeRow]], kept: Iterator[_Group]
) -> Iterator[tuple[str, NodeRow | None, Iterator[VersionRow] | None]]:
    """The entries of the tree and the versions, by path: both are sorted by the bytes of their paths."""
    node, group = next(nodes, None), next(kept, None)
    while node is not None or group is not None:
        if group is None or (node is not None and node[0] < group[0]):
            assert node is not None
            yield node[0], node[1], None
            node = next(nodes, None)
        elif node is None or group[0] < node[0]:
            yield group[0], None, group[1]
            group = next(kept, None)
        else:
            yield node[0], node[1], group[1]
            node, group = next(nodes, None), next(kept, None)
