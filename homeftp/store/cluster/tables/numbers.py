"""The sequence `number`: what identifies nodes, contents, tags and uploads.

A replica that takes over may go on at a number that was given before, for something that it lacks. So the bits above
those of the sequence are the timeline on which the database writes, which is another one after each takeover.
"""

from __future__ import annotations

from homeftp.cluster.connections import TIMELINE
from homeftp.cluster.database import IQueries

_BITS = 52
"""The bits that are the sequence's: a recovered one goes on at the microseconds since 1970."""

_TIMELINES = 2**11
"""Timelines until numbers of the first one may come again: a number has 63 bits."""

_ALLOCATE = f"""
SELECT now_us(), array(SELECT (mod(timeline, {_TIMELINES}) << {_BITS}) + nextval('number') FROM generate_series(1, %s))
FROM (SELECT {TIMELINE} AS timeline OFFSET 0) AS log
"""


def allocate(queries: IQueries, count: int) -> tuple[int, list[int]]:
    """The time by the database's clock, microseconds since 1970, and numbers that nothing has, the lowest first."""
    now_us, numbers = queries.row(_ALLOCATE, (count,))
    return int(now_us), list(numbers)
