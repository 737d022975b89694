"""What must be so in the engines of a cluster, whatever happened: asked of the database and the bucket themselves."""

from __future__ import annotations

from homeftp.cluster.database import Database
from homeftp.cluster.objects import Bucket

_UNREACHABLE = """
WITH RECURSIVE walk AS (
    SELECT id FROM node WHERE parent = -id
    UNION ALL
    SELECT n.id FROM walk w JOIN node n ON n.parent = w.id
)
SELECT count(*) FROM (SELECT id FROM node EXCEPT SELECT id FROM walk) unreached
"""

_BESIDE = """
SELECT count(*) FROM node WHERE parent = -id AND id NOT IN (SELECT root FROM share)
    AND id NOT IN (SELECT node FROM removed)
"""

_OWNERS = """
SELECT content FROM (
    SELECT content FROM node UNION ALL SELECT content FROM version UNION ALL SELECT content FROM upload
) o WHERE content IS NOT NULL GROUP BY content HAVING count(*) > 1
"""

_UNOWNED = """
SELECT content FROM part EXCEPT (
    SELECT content FROM node UNION ALL SELECT content FROM version UNION ALL SELECT content FROM upload
)
"""

_SHORT = """
SELECT o.content FROM (
    SELECT content, size FROM node WHERE NOT directory UNION ALL SELECT content, size FROM version
    UNION ALL SELECT content, arrived FROM upload
) o WHERE o.size <> (SELECT coalesce(sum(p.size), 0) FROM part p WHERE p.content = o.content)
"""


def faults(database: Database) -> list[str]:
    """What is wrong in the tables: each content has one owner and all of its bytes, and each node a path."""
    found = []
    for what, query in (("nodes that no path leads to", _UNREACHABLE), ("nodes beside the tree", _BESIDE)):
        (count,) = database.row(query)
        if count:
            found.append(f"{count} {what}")
    for what, query in (("with two owners", _OWNERS), ("without an owner", _UNOWNED), ("not whole", _SHORT)):
        rows = database.rows(query)
        if rows:
            found.append(f"contents {what}: {[number for (number,) in rows]}")
    return found


def missing_objects(database: Database, bucket: Bucket, share: str) -> list[str]:
    """The objects that files, versions and uploads of a share need, and that are not in its bucket."""
    there = {name for page in bucket.list() for name, _ in page}
    rows = database.rows(
        """WITH RECURSIVE walk AS (
            SELECT n.id, n.content FROM node n WHERE n.id = (SELECT root FROM share WHERE name = %s)
                OR n.id IN (SELECT r.node FROM removed r JOIN share s ON s.id = r.share WHERE s.name = %s)
            UNION ALL SELECT n.id, n.content FROM walk w JOIN node n ON n.parent = w.id
        ), owned AS (
            SELECT content FROM walk
            UNION SELECT v.content FROM version v JOIN share s ON s.id = v.share WHERE s.name = %s
            UNION SELECT u.content FROM upload u JOIN share s ON s.id = u.share WHERE s.name = %s
        ) SELECT DISTINCT p.object FROM part p JOIN owned USING (content)""",
        (share, share, share, share),
    )
    return sorted({name for (name,) in rows} - there)
