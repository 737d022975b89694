"""The collector: objects that no part names any more are removed, and packs that are half dead are written again.

`garbage` has the objects to be looked at: those of contents that were dropped, and those that a listing of the bucket
found and no part names. Each is looked at a grace period after that, by the clock of the database. If no part names it
then, it is marked as doomed, and from then on no writer can name it; after that it is deleted, and at last forgotten.
Any number of servers may do this at once, and each may be killed at any time.
"""

from __future__ import annotations

from functools import partial
from typing import Sequence

from homeftp.cluster.database import Transaction
from homeftp.cluster.objects import ObjectMissing, is_object_name
from homeftp.config import DAY
from homeftp.errors import Forbidden
from homeftp.model import SECOND_US
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.tables import collected, contents
from homeftp.store.cluster.upkeep.guard import guard_bucket
from homeftp.store.cluster.upkeep.ownership import expect_own

AT_ONCE = 500
"""Objects that are looked at in one transaction."""

_LISTED_EVERY_SECONDS = 7 * DAY
"""Between two listings of the whole bucket: orphans are rare, and a listing of a large bucket is long."""


def collect(context: ClusterContext) -> int:
    """Remove what no file names any more; how many objects were removed.

    Raises `Forbidden` (33) if the bucket belongs to another database by now.
    """
    _expect_own(context)
    removed = _delete(context)
    while (doomed := _doom(context)) is not None:
        if doomed:
            removed += _delete(context)
    if not collected.is_held(context.database) and collected.due(
        context.database, collected.ORPHANS, _LISTED_EVERY_SECONDS
    ):
        find_orphans(context)
    return removed


def find_orphans(context: ClusterContext) -> int:
    """List the bucket, and have all objects looked at that no part names; how many there were.

    What somebody else keeps in the bucket has other names, and is left alone.
    """
    found = 0
    for page in context.bucket.list():
        names = [name for name, _ in page if is_object_name(name)]

        def work(transaction: Transaction, names: Sequence[str] = names) -> int:
            unknown = collected.unnamed(transaction, names)
            contents.suspect(transaction, unknown)
            return len(unknown)

        found += context.database.transact(work, maintenance=True)
    return found


def _doom(context: ClusterContext) -> bool | None:
    """Look at some objects whose time has come: whether any are to be deleted; None where there were none."""
    halves: list[str] = []

    def work(transaction: Transaction) -> bool | None:
        halves.clear()
        grace_us = int(context.cluster.grace_seconds * SECOND_US)
        objects = collected.lock_due(transaction, contents.now_us(transaction) - grace_us, AT_ONCE)
        if not objects:
            return None
        # a statement of its own: it sees what was committed before the rows were locked
        dead = collected.unnamed_of(transaction, objects)
        collected.doom(transaction, dead)
        alive = sorted(set(objects) - set(dead))
        halves.extend(collected.half_dead(transaction, alive))
        collected.forget(transaction, sorted(set(alive) - set(halves)))
        contents.suspect(transaction, halves)  # where this server ends before it has written them anew
        return bool(dead)

    found = context.database.transact(work, maintenance=True)
    for name in halves:
        rewrite(context, name)
    return found


def _delete(context: ClusterContext) -> int:
    """Delete all objects that are doomed.

    A collection is long, and a database that was recovered from a dump may take the bucket over meanwhile, and name
    them: whose it is is asked before each step.
    """
    removed = 0
    while doomed := collected.doomed(context.database, AT_ONCE):
        _expect_own(context)
        context.bucket.delete(doomed)
        context.database.transact(partial(_forget, doomed))
        removed += len(doomed)
    return removed


def _expect_own(context: ClusterContext) -> None:
    try:
        expect_own(context.database, context.bucket)
    except Forbidden:
        guard_bucket(context.database, context.bucket)
        raise


def _forget(names: Sequence[str], transaction: Transaction) -> None:
    collected.forget_objects(transaction, names)


def rewrite(context: ClusterContext, name: str) -> None:
    """Write what lives in a pack as a new one. The old one stays a grace period: somebody may be reading it."""
    since_us = contents.now_us(context.database)
    ranges = collected.live_ranges(context.database, name)
    try:
        pieces = context.bucket.get_many(name, ranges)
    except ObjectMissing:
        return  # a verification finds that
    new = context.bucket.new_name()
    context.bucket.put(new, b"".join(pieces))
    starts = [sum(size for _, size in ranges[:number]) for number in range(len(ranges))]

    def work(transaction: Transaction) -> None:
        contents.claim(transaction, [new], since_us=since_us, grace_seconds=context.cluster.grace_seconds)
        contents.insert_packs(transaction, {new: sum(size for _, size in ranges)})
        collected.redirect(transaction, name, ranges, new, starts)
        contents.suspect(transaction, [name, new])

    context.database.transact(work, maintenance=True)
