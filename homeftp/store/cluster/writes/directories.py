"""MOVE in the cluster store: a file beside others, and a directory alone."""

from __future__ import annotations

from homeftp.endpoint import Endpoint
from homeftp.model import Actor, Change, Entry
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.writes.committer import ClusterCommitter, check_reach
from homeftp.store.cluster.writes.transactions import KindChanged, change_by_kind
from homeftp.store.policy import limits
from homeftp.store.policy.preconditions import check_directory_move


def move(
    context: ClusterContext,
    source: Endpoint,
    target: Endpoint,
    source_precondition: str | None,
    target_precondition: str | None,
    actor: Actor,
) -> Entry:
    """Carry out `IStore.move`."""
    limits.check_move(source, target)

    def work(committer: ClusterCommitter, alone: bool) -> Entry:
        node = committer.source(source, source_precondition)
        if node.directory != alone:
            raise KindChanged
        if not node.directory:
            return committer.move_file(source, target, target_precondition, actor).entry()
        workspace = committer.workspace
        check_directory_move(source, target, workspace.get(target) is not None, target_precondition)
        check_reach(workspace, source, target, node)
        committer.add_parents(target, actor, moved_from=source)
        moved = workspace.move(source, target)
        workspace.charge_tree(source, target, node.id)
        workspace.changes.append(Change("move", "directory", source, actor, target))
        return moved.entry()

    return change_by_kind(context, source, [source, target], work, [actor])
