"""The tables `part`, `pack` and `garbage`: where the bytes of a content are, and which objects no file names any more.

An object may have parts of several contents: copies share it, and so does a file that was changed with its version. So
nothing counts references: an object of which no part is left is garbage. The rules that keep the collector from an
object that is being named are in docs/decisions/cluster; `claim` is the writers' side of them.
"""

from __future__ import annotations

from typing import Iterable, Mapping, Sequence

from homeftp.cluster.database import IQueries, Transaction
from homeftp.errors import Busy
from homeftp.model import SECOND_US
from homeftp.store.cluster.base.rows import ContentPart

_PARTS = "SELECT content, object, start, size FROM part WHERE content = ANY(%s) ORDER BY content, seq"

_INSERT = """
INSERT INTO part (content, seq, object, start, size)
SELECT * FROM unnest(%b::bigint[], %b::integer[], %b::text[], %b::bigint[], %b::bigint[])
"""

_GONE = """
WITH gone AS (DELETE FROM part WHERE {} RETURNING object)
INSERT INTO garbage (object, since_us) SELECT object, now_us() FROM (SELECT DISTINCT object FROM gone ORDER BY object) a
{}
"""

_AGAIN = "ON CONFLICT (object) DO UPDATE SET since_us = excluded.since_us WHERE NOT garbage.doomed"
"""The grace period begins when the last name of an object goes, and each time that may be the last."""

_DROP = _GONE.format("content = ANY(%s)", _AGAIN)
_CUT = _GONE.format("content = %s AND seq >= %s", _AGAIN)

_CLAIM = """
WITH named AS (DELETE FROM garbage WHERE object = ANY(%s) RETURNING doomed)
SELECT coalesce(bool_or(doomed), false), now_us() FROM named
"""
"""The time is taken once all rows are locked: an aggregate has read them by then."""


def now_us(queries: IQueries) -> int:
    """The time by the database's clock: microseconds since 1970."""
    return int(queries.row("SELECT now_us()")[0])


def parts_of(queries: IQueries, contents: Sequence[int]) -> dict[int, list[ContentPart]]:
    """The parts of contents, in their order."""
    found: dict[int, list[ContentPart]] = {content: [] for content in contents}
    for content, *row in queries.rows(_PARTS, (list(contents),)) if contents else ():
        found[content].append(ContentPart(*row))
    return found


def parts(queries: IQueries, content: int | None) -> list[ContentPart]:
    """The parts of one content; None is that of an empty file."""
    return [] if content is None else parts_of(queries, [content])[content]


def insert(transaction: Transaction, parts: Mapping[int, Sequence[ContentPart]], first: int = 0) -> None:
    """Say where the bytes of contents are; `first` is the number of the first part."""
    rows = [
        (content, seq, part.object, part.start, part.size)
        for content, each in parts.items()
        for seq, part in enumerate(each, first)
    ]
    if rows:
        transaction.execute(_INSERT, [list(column) for column in zip(*rows, strict=True)])


def claim(transaction: Transaction, objects: Iterable[str], *, since_us: int, grace_seconds: float) -> None:
    """Before parts of objects are inserted: keep the collector from them. Raises `Busy` (51) where that is too late.

    `since_us` is a time by the database's clock before they were written. An object that no part names yet may be
    collected a grace period after that; a writer that is slower than half of it is refused here.
    """
    names = sorted(set(objects))
    if not names:
        return
    doomed, now_us = transaction.row(_CLAIM, (names,))
    if doomed or now_us - since_us > grace_seconds / 2 * SECOND_US:
        raise Busy("storing it took too long, and what arrived was removed: send it again; nothing was changed")


def cut(transaction: Transaction, content: int, left: Sequence[ContentPart]) -> None:
    """Have a content end with the last of these parts, which may be shorter than it was."""
    transaction.execute(_CUT, (content, len(left)))
    if left:
        last = (left[-1].size, content, len(left) - 1)
        transaction.execute("UPDATE part SET size = %s WHERE content = %s AND seq = %s", last)


def drop(transaction: Transaction, contents: Sequence[int]) -> None:
    """Forget contents. Their objects are looked at by the collector, a grace period later."""
    if contents:
        transaction.execute(_DROP, (list(contents),))


def suspect(transaction: Transaction, objects: Iterable[str]) -> None:
    """Have the collector look at objects, a grace period later."""
    names = sorted(set(objects))
    if names:
        transaction.execute(
            f"INSERT INTO garbage (object, since_us) SELECT unnest(%b::text[]), now_us() {_AGAIN}",
            (names,),
        )


def insert_packs(transaction: Transaction, sizes: Mapping[str, int]) -> None:
    """Remember which objects are packs, and their bytes: they are rewritten when half of them is dead."""
    if sizes:
        transaction.execute(
            "INSERT INTO pack (object, size) SELECT * FROM unnest(%b::text[], %b::bigint[])",
            (list(sizes), list(sizes.values())),
        )
