"""The table `restored`: what was put back, by path and time. The history needs it to tell what a path had earlier."""

from __future__ import annotations

from typing import Iterator, Sequence

from homeftp.cluster.database import IQueries, Transaction
from homeftp.endpoint import FolderSet
from homeftp.history.timeline import Restoration
from homeftp.store.cluster.base.rows import Names, path_text, ranges_around

_CHUNK = 1000
"""Rows that one statement gives."""

_INSERT = """
INSERT INTO restored (share, path, at_us, version_us)
SELECT %s, a.path, greatest(CASE WHEN a.replaced THEN 0 ELSE now_us() END, a.version_us + 1,
    (SELECT max(v.at_us) + 1 FROM version v WHERE v.share = %s AND v.path = a.path),
    (SELECT max(r.at_us) + 1 FROM restored r WHERE r.share = %s AND r.path = a.path)), a.version_us
FROM unnest(%b::text[], %b::bigint[], %b::boolean[]) AS a (path, version_us, replaced)
"""

_EXPIRE = """
DELETE FROM restored WHERE ctid IN
    (SELECT ctid FROM restored WHERE share = %s AND at_us < %s LIMIT %s FOR UPDATE SKIP LOCKED)
"""

_FORGET = """
DELETE FROM restored WHERE share = %s AND path = %s
    AND NOT EXISTS (SELECT FROM version v WHERE v.share = %s AND v.path = %s)
"""


def insert(transaction: Transaction, share: int, restored: Sequence[tuple[Names, int, bool]]) -> None:
    """Record for each path and time that the version of that time was put back, and whether it replaced a version.

    The record is later than all that is known of the path: now, or right after the newest version, if that is the file
    that was replaced.
    """
    if restored:
        paths, times = [path_text(names) for names, _, _ in restored], [version_us for _, version_us, _ in restored]
        transaction.execute(_INSERT, (share, share, share, paths, times, [replaced for _, _, replaced in restored]))


def beneath(
    queries: IQueries, share: int, names: Names, since_us: int, hidden: FolderSet
) -> Iterator[tuple[str, Restoration]]:
    """The restorations at a path and beneath it since a time, by path, the oldest first; as `versions.beneath`."""
    for low, high in ranges_around(names, hidden):
        until, more = ("", ()) if high is None else (" AND path < %s", (high,))
        after = low, -1
        while True:
            rows = queries.rows(
                "SELECT path, at_us, version_us FROM restored WHERE share = %s AND (path, at_us) > (%s, %s)"
                f" AND at_us >= %s{until} ORDER BY path, at_us LIMIT {_CHUNK}",
                (share, *after, since_us, *more),
            )
            for path, at_us, version_us in rows:
                yield path, Restoration(at_us, version_us)
            if len(rows) < _CHUNK:
                break
            after = rows[-1][:2]


def forget(transaction: Transaction, share: int, names: Names) -> None:
    """Forget what was put back at a path that has no version any more."""
    path = path_text(names)
    transaction.execute(_FORGET, (share, path, share, path))


def expire(transaction: Transaction, share: int, before_us: int, count: int) -> int:
    """Forget some of what was put back before a time; how many."""
    return transaction.execute(_EXPIRE, (share, before_us, count))
