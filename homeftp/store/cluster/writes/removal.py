"""Removing files and directories: a directory goes at once with all that is in it, and its versions are made in steps.

The row of the directory loses its place in the tree, in one transaction, and `removed` has the path that it had. From
then on no path leads to what is in it. Files become versions in steps, in any server that comes first: the one
that removed it, one that asks for versions, or the hourly upkeep. So it is finished after a crash too. A request
for the versions of one file makes only these.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Collection, Generator, Iterator, Sequence

import attrs

from homeftp.cluster.database import Transaction
from homeftp.endpoint import NO_FOLDERS, Endpoint, FolderSet
from homeftp.errors import Refusal
from homeftp.model import Actor, Change
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import Names, NodeRow
from homeftp.store.cluster.tables import contents, removals, usage, versions
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.cluster.tables.removals import Removal
from homeftp.store.cluster.writes.committer import ClusterCommitter
from homeftp.store.cluster.writes.transactions import KindChanged, change_by_kind
from homeftp.store.cluster.writes.workspace import Workspace
from homeftp.store.policy import limits, wording

STEP = 500
"""Entries that become versions in one transaction."""


def remove(
    context: ClusterContext, endpoint: Endpoint, precondition: str | None, recursive: bool, actor: Actor
) -> Generator[int, None, None]:
    """Carry out `IStore.remove`."""
    limits.check_removable(endpoint)

    def work(committer: ClusterCommitter, alone: bool) -> Removal | None:
        found = committer.source(endpoint, precondition)
        if found.directory != alone:
            raise KindChanged
        if not found.directory or not names_table.has_children(committer.workspace.transaction, found.id):
            committer.remove(endpoint, actor)
            return None
        if not recursive:
            raise wording.not_empty(endpoint)
        return _detach(committer, endpoint, found, actor)

    removal = change_by_kind(context, endpoint, [endpoint], work)
    if removal is None:
        yield 1
        return
    with contextlib.suppress(Refusal):  # the directory is removed: where a step fails, somebody else makes the rest
        while removed := step(context, removal):
            yield removed


def _detach(committer: ClusterCommitter, endpoint: Endpoint, node: NodeRow, actor: Actor) -> Removal:
    workspace = committer.workspace
    removal = Removal(node.id, endpoint.parts, _time(workspace, endpoint.parts))
    workspace.detach(endpoint)
    usage.forget_beneath(workspace.transaction, workspace.context.share.id, endpoint.parts)
    removals.insert(workspace.transaction, workspace.context.share.id, removal)
    workspace.changes.append(Change("delete", "directory", endpoint, actor))
    return removal


def _time(workspace: Workspace, names: Names) -> int:
    """The time of a removal: now, and later than all that happened there before, whatever the clock was then."""
    transaction, share = workspace.transaction, workspace.context.share.id
    last_us = versions.last(transaction, share, names, workspace.now_us)
    times: list[int] = [each.at_us + 1 for each in removals.overlapping(transaction, share, names)]
    return max(workspace.now_us, 0 if last_us is None else last_us + 1, *times)


def finish(context: ClusterContext, names: Names, hidden: FolderSet = NO_FOLDERS) -> Iterator[None]:
    """Make all versions of what was removed at, above or beneath a path, and is not hidden, step by step."""
    for removal in removals.overlapping(context.database, context.share.id, names):
        while not hidden.covers(removal.names) and step(context, removal):
            yield


def finish_all(context: ClusterContext) -> None:
    """Finish what other servers have begun and not ended."""
    for _ in finish(context, ()):
        pass


def finish_files(context: ClusterContext, paths: Collection[Names]) -> None:
    """Make the versions that some paths get from removed directories, however much else is in these."""
    (around,) = paths if len(paths) == 1 else ((),)
    for removal in removals.overlapping(context.database, context.share.id, around):
        for names in paths:
            if removal.names == names[: len(removal.names)]:
                context.database.transact(partial(_keep_file, context, removal, names))


def _keep_file(context: ClusterContext, removal: Removal, names: Names, transaction: Transaction) -> None:
    usage.lock_share(transaction, context.share.id, alone=False)
    if removals.lock(transaction, removal.node):
        beneath = names[len(removal.names) :]
        node = names_table.walk(transaction, removal.node, [beneath]).get(beneath)
        if node is not None and not node.directory:
            _RemovalStep(context, transaction, removal).keep_only(names[:-1], node)


def step(context: ClusterContext, removal: Removal) -> int:
    """Make versions of some of what is in a removed directory; how many entries went, 0 when there are none left."""

    def work(transaction: Transaction) -> int:
        usage.lock_share(transaction, context.share.id, alone=False)
        if not removals.lock(transaction, removal.node):
            return 0
        return _RemovalStep(context, transaction, removal).run()

    return context.database.transact(work)


@attrs.define
class _RemovalStep:
    """One transaction of it: directories are emptied from the deepest on."""

    context: ClusterContext
    transaction: Transaction
    removal: Removal
    removed: int = 0
    charged: list[tuple[Names, int]] = attrs.field(factory=list)

    def run(self) -> int:
        way: list[tuple[int, Names]] = [(self.removal.node, self.removal.names)]
        while way and self.removed < STEP:
            id, names = way[-1]
            nodes = names_table.children(self.transaction, id, STEP)
            files = [node for node in nodes if not node.directory]
            if files:
                self._keep(names, files)
            elif nodes:
                way.append((nodes[0].id, (*names, nodes[0].name)))
            else:
                names_table.delete(self.transaction, [id])
                self.removed += 1
                self.charged.append((names, -usage.cost(0)))
                way.pop()
        if not way:
            removals.delete(self.transaction, self.removal.node)
        self._charge()
        return self.removed

    def keep_only(self, names: Names, file: NodeRow) -> None:
        """Only one file, of the directory with these names."""
        self._keep(names, [file])
        self._charge()

    def _charge(self) -> None:
        usage.charge(self.transaction, self.context.share.id, self.charged)
        usage.forget_beneath(self.transaction, self.context.share.id, self.removal.names)

    def _keep(self, names: Names, files: Sequence[NodeRow]) -> None:
        if self.context.keeps_versions:
            kept = [((*names, node.name), node) for node in files]
            versions.insert_removed(self.transaction, self.context.share.id, self.removal.at_us, kept)
        else:
            contents.drop(self.transaction, [node.content for node in files if node.content is not None])
            self.charged += (((*names, node.name), -usage.cost(node.size)) for node in files)
        names_table.delete(self.transaction, [node.id for node in files])
        self.removed += len(files)
