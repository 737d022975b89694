"""The table `version`: what was replaced or removed, by path and time."""

from __future__ import annotations

from typing import Iterator, Sequence

from homeftp.cluster.database import IQueries, Transaction
from homeftp.endpoint import NO_FOLDERS, FolderSet
from homeftp.store.cluster.base.rows import (
    SEPARATOR,
    VERSION_COLUMNS,
    FileRow,
    Names,
    VersionRow,
    digest_of,
    path_names,
    path_range,
    path_text,
    ranges_around,
    version_of,
)

_CHUNK = 1000
"""Versions that one statement gives."""

_INSERT = """
WITH gone AS MATERIALIZED (SELECT path, at_us FROM removed WHERE share = %s)
INSERT INTO version (share, path, at_us, mtime_us, mode, size, hash, content, made_us, found, checked_us)
SELECT %s, a.path,
    greatest(coalesce(a.at_us, now_us()),
        (SELECT max(v.at_us) + 1 FROM version v WHERE v.share = %s AND v.path = a.path),
        (SELECT max(r.at_us) + 1 FROM restored r WHERE r.share = %s AND r.path = a.path),
        (SELECT max(g.at_us) + 1 FROM gone g WHERE starts_with(a.path || %s, g.path || %s)))
    + row_number() OVER (PARTITION BY a.path ORDER BY a.no) - 1,
    a.mtime_us, a.mode, a.size, a.hash, a.content, a.made_us, a.found, a.checked_us
FROM unnest(%b::text[], %b::bigint[], %b::bigint[], %b::integer[], %b::bigint[], %b::bytea[], %b::bigint[],
    %b::bigint[], %b::bytea[], %b::bigint[]) WITH ORDINALITY
    AS a (path, at_us, mtime_us, mode, size, hash, content, made_us, found, checked_us, no)
"""

_INSERT_REMOVED = """
INSERT INTO version (share, path, at_us, mtime_us, mode, size, hash, content, made_us, found, checked_us)
SELECT %s, a.path, coalesce(
        (SELECT v.at_us + 1 FROM version v WHERE v.share = %s AND v.path = a.path AND v.at_us >= a.at_us
            AND EXISTS (SELECT 1 FROM version w WHERE w.share = v.share AND w.path = v.path AND w.at_us = a.at_us)
            AND NOT EXISTS (SELECT 1 FROM version w WHERE w.share = v.share AND w.path = v.path
                AND w.at_us = v.at_us + 1)
            ORDER BY v.at_us LIMIT 1),
        a.at_us),
    a.mtime_us, a.mode, a.size, a.hash, a.content, a.made_us, a.found, a.checked_us
FROM unnest(%b::text[], %b::bigint[], %b::bigint[], %b::integer[], %b::bigint[], %b::bytea[], %b::bigint[],
    %b::bigint[], %b::bytea[], %b::bigint[])
    AS a (path, at_us, mtime_us, mode, size, hash, content, made_us, found, checked_us)
"""
"""The time, or the first one after it that the path has no version of: imported ones have any time."""

_LAST = """
SELECT max(a.at_us) FROM (
    SELECT path, at_us FROM version WHERE share = %s AND at_us >= %s
    UNION ALL SELECT path, at_us FROM restored WHERE share = %s AND at_us >= %s
) a WHERE a.path = %s OR a.path >= %s AND a.path < %s
"""

_ADD = """
INSERT INTO version (share, path, at_us, mtime_us, mode, size, hash, content, made_us, found, checked_us)
SELECT %s, a.*, NULL, 0
FROM unnest(%b::text[], %b::bigint[], %b::bigint[], %b::integer[], %b::bigint[], %b::bytea[], %b::bigint[],
    %b::bigint[]) AS a
"""

_OF_TIMES = f"""
SELECT {VERSION_COLUMNS} FROM unnest(%b::text[], %b::bigint[]) AS a (path, at_us)
JOIN version v ON v.share = %s AND v.path = a.path AND v.at_us = a.at_us
"""

_BENEATH = "v.share = %s AND (v.path = %s OR v.path >= %s AND v.path < %s)"


def insert(transaction: Transaction, share: int, kept: Sequence[tuple[Names, FileRow, int | None]]) -> None:
    """Add versions, replaced or removed at a time, or now: each later than all others of its path.

    Later than those, too, that removed directories are about to have there.
    """
    if kept:
        given = [share, share, share, share, SEPARATOR, SEPARATOR]
        transaction.execute(_INSERT, [*given, *_columns(kept)])


def insert_removed(transaction: Transaction, share: int, at_us: int, kept: Sequence[tuple[Names, FileRow]]) -> None:
    """Add versions of what was removed with a directory at a time: its path may have been used again since.

    There are no two of one path.
    """
    if kept:
        columns = _columns([(names, file, at_us) for names, file in kept])
        transaction.execute(_INSERT_REMOVED, [share, share, *columns])


def _columns(kept: Sequence[tuple[Names, FileRow, int | None]]) -> list[list[object]]:
    rows = [
        (
            *(path_text(names), at_us, file.mtime_us, file.mode, file.size, digest_of(file.hash)),
            *(file.content, file.made_us, digest_of(file.found), file.checked_us),
        )
        for names, file, at_us in kept
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def last(queries: IQueries, share: int, names: Names, since_us: int) -> int | None:
    """The time of the last version, or restoration, at a path and beneath it, if it is a time or later."""
    since = (share, since_us)
    (found,) = queries.row(_LAST, (*since, *since, *path_range(names)))
    return None if found is None else int(found)


def add(transaction: Transaction, share: int, kept: Sequence[tuple[Names, int, FileRow]]) -> None:
    """Add versions with the times that they had in another store: there is none of that path and time."""
    rows = [
        (
            *(path_text(names), at_us, file.mtime_us, file.mode, file.size, digest_of(file.hash)),
            *(file.content, file.made_us),
        )
        for names, at_us, file in kept
    ]
    if rows:
        transaction.execute(_ADD, [share, *(list(column) for column in zip(*rows, strict=True))])


def of_times(queries: IQueries, share: int, wanted: Sequence[tuple[Names, int]]) -> dict[tuple[Names, int], VersionRow]:
    """The versions with these paths and times."""
    if not wanted:
        return {}
    columns = [path_text(names) for names, _ in wanted], [at_us for _, at_us in wanted]
    found = map(version_of, queries.rows(_OF_TIMES, (*columns, share)))
    return {(path_names(each.path), each.at_us): each for each in found}


def beneath(
    queries: IQueries,
    share: int,
    names: Names,
    since_us: int | None = None,
    *,
    depth: int | None = None,
    newest_first: bool = True,
    hidden: FolderSet = NO_FOLDERS,
) -> Iterator[VersionRow]:
    """The versions of a path and of all beneath it, by path, those of each path by time.

    Only those since a time, and of paths with at most `depth` names beneath this one. The rows of `hidden` folders are
    not read, so that the time that this takes does not tell how many there are.
    """
    for low, high in ranges_around(names, hidden):
        for each in _between(queries, share, low, high, len(names), since_us, depth, newest_first):
            if not hidden.covers(path_names(each.path)):  # in another spelling
                yield each


def _between(
    queries: IQueries,
    share: int,
    low: str,
    high: str | None,
    top: int,
    since_us: int | None,
    depth: int | None,
    newest_first: bool,
) -> Iterator[VersionRow]:
    where = "v.share = %s"
    parameters: list[object] = [share]
    if high is not None:
        where, parameters = f"{where} AND v.path < %s", [*parameters, high]
    if depth is not None:
        where += " AND v.path <> '' AND length(v.path) - length(replace(v.path, %s, '')) < %s"
        parameters = [*parameters, SEPARATOR, top + depth]
    if since_us is not None:
        where, parameters = f"{where} AND v.at_us >= %s", [*parameters, since_us]
    order, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
    after: tuple[str, int] | None = None
    while True:
        more = "" if after is None else f" AND (v.path > %s OR v.at_us {beyond} %s)"
        given = [*parameters, *((low,) if after is None else (after[0], *after))]
        rows = queries.rows(
            f"SELECT {VERSION_COLUMNS} FROM version v WHERE {where} AND v.path >= %s{more}"
            f" ORDER BY v.path, v.at_us {order} LIMIT {_CHUNK}",
            given,
        )
        found = [version_of(row) for row in rows]
        yield from found
        if len(found) < _CHUNK:
            return
        after = (found[-1].path, found[-1].at_us)


def lock_all(transaction: Transaction, share: int) -> bool:
    """Whether no other transaction has this lock: who removes versions because of what all take up has it."""
    return bool(transaction.row("SELECT pg_try_advisory_xact_lock(%s)", (-share,))[0])


def size(queries: IQueries, share: int) -> int:
    """Bytes of all versions."""
    return int(queries.row("SELECT coalesce(sum(size), 0) FROM version WHERE share = %s", (share,))[0])


def find(queries: IQueries, share: int, names: Names, at_us: int | None, *, lock: bool = False) -> VersionRow | None:
    """The version of a time, or the newest."""
    given: list[object] = [share, path_text(names), *(() if at_us is None else (at_us,))]
    row = queries.row(
        f"SELECT {VERSION_COLUMNS} FROM version v WHERE v.share = %s AND v.path = %s"
        f"{'' if at_us is None else ' AND v.at_us = %s'} ORDER BY v.at_us DESC LIMIT 1{' FOR UPDATE' if lock else ''}",
        given,
    )
    return None if row is None else version_of(row)


def delete(transaction: Transaction, share: int, version: VersionRow) -> bool:
    """Remove a version, but not its content; whether it was there."""
    query = "DELETE FROM version WHERE share = %s AND path = %s AND at_us = %s"
    return transaction.execute(query, (share, version.path, version.at_us)) == 1


def oldest(transaction: Transaction, share: int, names: Names, before_us: int | None, count: int) -> list[VersionRow]:
    """The oldest versions beneath a path, replaced or removed before a time, locked; others skip what one has."""
    where, parameters = _where(share, names)
    until = "" if before_us is None else " AND v.at_us < %s"
    rows = transaction.rows(
        f"SELECT {VERSION_COLUMNS} FROM version v WHERE {where}{until} ORDER BY v.at_us, v.path LIMIT {int(count)}"
        " FOR UPDATE SKIP LOCKED",
        [*parameters, *(() if before_us is None else (before_us,))],
    )
    return [version_of(row) for row in rows]


def _where(share: int, names: Names) -> tuple[str, list[object]]:
    """The condition for what is at or beneath a path."""
    if not names:
        return "v.share = %s", [share]
    return _BENEATH, [share, *path_range(names)]
