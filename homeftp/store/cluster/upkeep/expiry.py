"""Expiry of versions that were kept long enough, or take up too much, and of uploads that did not go on."""

from __future__ import annotations

from typing import Sequence

from homeftp.cluster.database import Transaction
from homeftp.config import PARTIAL_UPLOAD_SECONDS
from homeftp.model import SECOND_US
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.base.rows import Names, VersionRow, path_names
from homeftp.store.cluster.tables import contents, restorations, uploads, usage, versions

_AT_ONCE = 500
"""Rows that go in one transaction."""


def expire(context: ClusterContext) -> None:
    """Remove versions and uploads that were kept long enough, and the oldest versions beyond the owner's limit."""
    while _versions(context, _older_than(context)):
        pass
    while _restorations(context, _older_than(context)):
        pass
    while _uploads(context):
        pass
    most = _most(context)
    while most is not None and _beyond(context, most):
        pass


def _most(context: ClusterContext) -> int | None:
    """Bytes that all versions may take up. A percentage is one of the quota: a bucket has no size."""
    retention, quota = context.options.retention, context.options.quota
    if retention.percent is not None:
        return None if quota is None else retention.most(quota)
    return None if retention.size is None else retention.most(0)


def _older_than(context: ClusterContext) -> int:
    return contents.now_us(context.database) - int(context.options.retention.seconds * SECOND_US)


def _versions(context: ClusterContext, before_us: int) -> int:
    """Remove some of the oldest versions: those before a time. How many went."""

    def work(transaction: Transaction) -> int:
        usage.lock_share(transaction, context.share.id, alone=False)
        found = versions.oldest(transaction, context.share.id, (), before_us, _AT_ONCE)
        _remove(context, transaction, found)
        return len(found)

    return context.database.transact(work, maintenance=True)


def _restorations(context: ClusterContext, before_us: int) -> int:
    """Forget some of what was put back before a time, as the versions of that time are gone. How many went."""
    return context.database.transact(
        lambda transaction: restorations.expire(transaction, context.share.id, before_us, _AT_ONCE), maintenance=True
    )


def _beyond(context: ClusterContext, most: int) -> int:
    """Remove some of the oldest versions, as long as all take up more than `most` bytes. How many went.

    One server at a time does so: what another one has removed shows only when that is committed.
    """

    def work(transaction: Transaction) -> int:
        share = context.share.id
        usage.lock_share(transaction, share, alone=False)
        if not versions.lock_all(transaction, share):
            return 0
        over = versions.size(transaction, share) - most
        gone: list[VersionRow] = []
        for each in versions.oldest(transaction, share, (), None, _AT_ONCE) if over > 0 else ():
            if over > 0:
                over -= each.size
                gone.append(each)
        _remove(context, transaction, gone)
        return len(gone)

    return context.database.transact(work, maintenance=True)


def _remove(context: ClusterContext, transaction: Transaction, gone: Sequence[VersionRow]) -> None:
    for each in gone:
        versions.delete(transaction, context.share.id, each)
    contents.drop(transaction, [each.content for each in gone if each.content is not None])
    _discount(context, transaction, [(path_names(each.path), each.size) for each in gone])


def _uploads(context: ClusterContext) -> int:
    def work(transaction: Transaction) -> int:
        usage.lock_share(transaction, context.share.id, alone=False)
        before_us = contents.now_us(transaction) - int(PARTIAL_UPLOAD_SECONDS * SECOND_US)
        found = uploads.older(transaction, context.share.id, before_us, _AT_ONCE)
        uploads.delete(transaction, [each.id for each in found])
        contents.drop(transaction, [each.content for each in found])
        _discount(context, transaction, [(each.names, each.arrived) for each in found])
        return len(found)

    return context.database.transact(work, maintenance=True)


def _discount(context: ClusterContext, transaction: Transaction, gone: Sequence[tuple[Names, int]]) -> None:
    usage.charge(transaction, context.share.id, [(names, -usage.cost(size)) for names, size in gone])
