"""One change of a store as one transaction of the database, with its record in the audit log."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Callable, Sequence, TypeVar

from homeftp.cluster.database import TRIES, Commit, Transaction
from homeftp.endpoint import Endpoint
from homeftp.errors import Busy
from homeftp.model import Actor
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.tables import names as names_table
from homeftp.store.cluster.tables import usage
from homeftp.store.cluster.writes.committer import ClusterCommitter
from homeftp.store.cluster.writes.workspace import Workspace
from homeftp.workers.deadline import operation

T = TypeVar("T")


def change(
    context: ClusterContext,
    endpoints: Sequence[Endpoint],
    work: Callable[[ClusterCommitter], T],
    actors: Sequence[Actor] = (),
    *,
    alone: bool = False,
) -> T:
    """Change what is at these endpoints, in one transaction: `work` may be called again where others get in the way.

    `actors` are those for whom something is stored. What `work` raises leaves everything as it was. Changes are handed
    to the log in the order of their commits: of this server here, and of all of them where the log is in the database.
    Raises `Internal` (50) where earlier changes, or these, could not be recorded.
    """
    context.log.ensure_recorded()
    _count(context, actors)

    def transaction_of(transaction: Transaction) -> tuple[Workspace, T]:
        workspace = Workspace(context, transaction, alone=alone)
        workspace.load(endpoints)
        result = work(ClusterCommitter(workspace))
        workspace.flush()
        return workspace, result

    def record(commit: Commit, done: tuple[Workspace, T]) -> None:
        workspace, _ = done
        if not workspace.changes:
            commit()
            return
        with operation() as deadline, context.log.changing(deadline.left()) as changed:
            commit()
            for each in workspace.changes:
                changed(each)

    return context.database.transact(transaction_of, record)[1]


def read(
    context: ClusterContext,
    endpoints: Sequence[Endpoint],
    work: Callable[[ClusterCommitter], T],
    actors: Sequence[Actor] = (),
) -> T:
    """The result of `work` on these endpoints, which changes nothing, so that nothing is locked."""
    _count(context, actors)

    def transaction_of(transaction: Transaction) -> T:
        workspace = Workspace(context, transaction)
        workspace.load_unlocked(endpoints)
        return work(ClusterCommitter(workspace))

    return context.database.transact_read_only(transaction_of)


class KindChanged(Exception):
    """A file is a directory by now, or the other way round: it must be changed in another way."""


def change_by_kind(
    context: ClusterContext,
    subject: Endpoint,
    endpoints: Sequence[Endpoint],
    work: Callable[[ClusterCommitter, bool], T],
    actors: Sequence[Actor] = (),
) -> T:
    """`change`, alone if `subject` is a directory; `work` learns that, and raises `KindChanged` where it is not so."""
    for _ in range(TRIES):
        node = names_table.find(context.database, context.share.root, subject.parts)
        alone = node is not None and node.directory
        with contextlib.suppress(KindChanged):
            return change(context, endpoints, partial(_with, work, alone), actors, alone=alone)
    raise Busy("too many others are changing the same: try again later; nothing was changed")


def _with(work: Callable[[ClusterCommitter, bool], T], alone: bool, committer: ClusterCommitter) -> T:
    return work(committer, alone)


def _count(context: ClusterContext, actors: Sequence[Actor]) -> None:
    """Have what the quotas of the store and of these actors count be counted."""
    homes = {each.allotment.home.parts for each in actors if each.allotment and each.allotment.quota is not None}
    if context.options.quota is not None:
        homes.add(())
    for home in sorted(homes):
        usage.ensure(context.database, context.share.id, context.share.root, home)
