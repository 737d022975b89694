"""Queries of the collector, on the tables `garbage`, `part`, `pack` and `owner`."""

from __future__ import annotations

from typing import Iterator, Sequence

from homeftp.cluster.database import Database, IQueries, Transaction
from homeftp.model import SECOND_US

Range = tuple[int, int]

ORPHANS = "orphans"
"""The task of looking for objects that no part names."""

_HELD = "recovered"
"""The task that stands in the way of that."""


def lock_due(transaction: Transaction, before_us: int, count: int) -> list[str]:
    """Some objects that are to be looked at since before a time, locked; those that a writer names are left out."""
    query = (
        "SELECT object FROM garbage WHERE since_us < %s AND NOT doomed ORDER BY since_us LIMIT %s"
        " FOR UPDATE SKIP LOCKED"
    )
    return [name for (name,) in transaction.rows(query, (before_us, count))]


def unnamed_of(queries: IQueries, objects: Sequence[str]) -> list[str]:
    """The objects among those given that no part names."""
    query = (
        "SELECT a.object FROM unnest(%b::text[]) AS a (object)"
        " WHERE NOT EXISTS (SELECT 1 FROM part p WHERE p.object = a.object)"
    )
    return [name for (name,) in queries.rows(query, (list(objects),))]


def unnamed(queries: IQueries, objects: Sequence[str]) -> list[str]:
    """The objects among those given that no part names, and that no later look is planned for."""
    known = queries.rows("SELECT object FROM garbage WHERE object = ANY(%s)", (list(objects),))
    return sorted(set(unnamed_of(queries, objects)) - {name for (name,) in known})


def doom(transaction: Transaction, objects: Sequence[str]) -> None:
    """From now on no writer can name these objects."""
    transaction.execute("UPDATE garbage SET doomed = true WHERE object = ANY(%s)", (list(objects),))


def doomed(queries: IQueries, count: int) -> list[str]:
    """Some objects that are to be deleted."""
    return [name for (name,) in queries.rows("SELECT object FROM garbage WHERE doomed LIMIT %s", (count,))]


def forget(transaction: Transaction, objects: Sequence[str]) -> None:
    """These objects need not be looked at: they are in use."""
    transaction.execute("DELETE FROM garbage WHERE object = ANY(%s)", (list(objects),))


def forget_objects(transaction: Transaction, objects: Sequence[str]) -> None:
    """These objects were deleted."""
    transaction.execute("DELETE FROM pack WHERE object = ANY(%s)", (list(objects),))
    transaction.execute("DELETE FROM garbage WHERE object = ANY(%s) AND doomed", (list(objects),))


def half_dead(queries: IQueries, objects: Sequence[str]) -> list[str]:
    """The packs among those given of which less than half is in use."""
    query = """
        SELECT k.object FROM pack k WHERE k.object = ANY(%s) AND k.size > 2 * (
            SELECT coalesce(sum(r.size), 0) FROM (SELECT DISTINCT start, size FROM part WHERE object = k.object) r
        )
    """
    return [name for (name,) in queries.rows(query, (list(objects),))]


def live_ranges(queries: IQueries, name: str) -> list[Range]:
    """The ranges of an object that are in use."""
    rows = queries.rows("SELECT DISTINCT start, size FROM part WHERE object = %s ORDER BY start, size", (name,))
    return [(start, size) for start, size in rows]


def needed(queries: IQueries, folder: str, count: int) -> Iterator[tuple[str, int]]:
    """The objects in a folder of the bucket that parts name, and how long each must be; read `count` at a time."""
    query = (
        "SELECT object, max(start + size) FROM part WHERE object > %s AND object < %s"
        " GROUP BY object ORDER BY object LIMIT %s"
    )
    after, end = folder, folder[:-1] + chr(ord(folder[-1]) + 1)
    while True:
        rows = queries.rows(query, (after, end, count))
        yield from rows
        if len(rows) < count:
            return
        after = rows[-1][0]


def redirect(transaction: Transaction, old: str, ranges: Sequence[Range], new: str, starts: Sequence[int]) -> None:
    """Have parts of one object be ranges of another one, which has the same bytes."""
    transaction.execute(
        "UPDATE part p SET object = %s, start = a.new FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[])"
        " AS a (start, size, new) WHERE p.object = %s AND p.start = a.start AND p.size = a.size",
        (new, [start for start, _ in ranges], [size for _, size in ranges], list(starts), old),
    )


def hold(transaction: Transaction) -> None:
    """From now on, objects that no part names are not looked for: somebody may still want what they were."""
    transaction.execute("INSERT INTO upkeep (task, at_us) VALUES (%s, now_us()) ON CONFLICT DO NOTHING", (_HELD,))


def release(transaction: Transaction) -> bool:
    """The opposite of `hold`: they are looked for at once. Whether they were not."""
    transaction.execute("DELETE FROM upkeep WHERE task = %s", (ORPHANS,))
    return transaction.execute("DELETE FROM upkeep WHERE task = %s", (_HELD,)) == 1


def is_held(queries: IQueries) -> bool:
    """Whether they are not looked for."""
    return queries.row("SELECT 1 FROM upkeep WHERE task = %s", (_HELD,)) is not None


def owners(queries: IQueries) -> list[str]:
    """The ids of this database among those with the same bucket: its own, and those of which it was recovered."""
    return [id for (id,) in queries.rows("SELECT id FROM owner")]


def own_id(transaction: Transaction) -> str:
    """The id of this database, which is made where it has none yet."""
    transaction.execute("INSERT INTO owner (id, own) VALUES (gen_random_uuid(), true) ON CONFLICT DO NOTHING")
    return str(transaction.row("SELECT id FROM owner WHERE own")[0])


def knows_any(queries: IQueries, objects: Sequence[str]) -> bool:
    """Whether any of these objects is one of this database."""
    query = (
        "SELECT EXISTS (SELECT 1 FROM part p JOIN unnest(%b::text[]) AS a (object) USING (object))"
        " OR EXISTS (SELECT 1 FROM garbage g JOIN unnest(%b::text[]) AS a (object) USING (object))"
    )
    return bool(queries.row(query, (list(objects), list(objects)))[0])


def keeps_most(queries: IQueries, objects: Sequence[str], count: int) -> bool:
    """Whether a bucket has at least half of the objects that parts name; `objects` are its first ones, by name.

    At most `count` of the named objects are looked at, the first ones up to the last of `objects`.
    """
    query = (
        "SELECT count(*), count(*) FILTER (WHERE n.object = ANY(%b::text[])) FROM ("
        "SELECT object FROM part WHERE object <= %s OR %s GROUP BY object ORDER BY object LIMIT %s) n"
    )
    is_whole = len(objects) < count
    needed, kept = queries.row(query, (list(objects), max(objects), is_whole, count))
    return bool(2 * kept >= needed)


def has_objects(queries: IQueries) -> bool:
    """Whether any content of this database has bytes in a bucket."""
    return bool(queries.row("SELECT EXISTS (SELECT 1 FROM part)")[0])


def due(database: Database, task: str, seconds: float) -> bool:
    """Whether a task of all servers was last begun so long ago; then it counts as begun, by this one."""

    def work(transaction: Transaction) -> bool:
        begun = transaction.execute(
            "INSERT INTO upkeep (task, at_us) VALUES (%s, now_us())"
            " ON CONFLICT (task) DO UPDATE SET at_us = now_us() WHERE upkeep.at_us < now_us() - %s",
            (task, int(seconds * SECOND_US)),
        )
        return begun == 1

    return database.transact(work)
