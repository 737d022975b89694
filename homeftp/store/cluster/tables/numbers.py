"""The sequence `number`: what identifies nodes, contents, tags and uploads."""

from __future__ import annotations

from homeftp.cluster.database import IQueries


def allocate(queries: IQueries, count: int) -> tuple[int, list[int]]:
    """The time by the database's clock, microseconds since 1970, and numbers that nothing has, the lowest first."""
    query = "SELECT now_us(), array(SELECT nextval('number') FROM generate_series(1, %s))"
    now_us, numbers = queries.row(query, (count,))
    return int(now_us), list(numbers)
