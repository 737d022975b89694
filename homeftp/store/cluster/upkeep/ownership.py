"""The owner of a bucket: the database whose servers remove objects there. To those of another one, all are orphans.

An object says which database that is. It has no name that `Bucket.new_name` gives, so no collector takes it away.
"""

from __future__ import annotations

from homeftp.cluster.database import Database
from homeftp.cluster.migrations import states
from homeftp.cluster.objects import Bucket, ObjectMissing
from homeftp.errors import Forbidden
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.tables import collected

OWNER = "owner"
"""The name of that object."""

_LENGTH = 36
"""Characters of an id."""


_FOREIGN = (
    "the bucket is that of another database, whose files would be lost if this one removed what it does not name: give "
    f"each database a bucket of its own, or a prefix. If the other is lost, remove the object {OWNER} from the bucket"
)


def find_foreign(database: Database, bucket: Bucket) -> str | None:
    """Why nothing may be removed from a bucket; None where it is this database's, or may become it.

    Raises `Busy` (51).
    """
    if states(database, [STORE])[0].problem is not None:
        return None  # it has no files yet
    return None if _holder(bucket) in (None, *collected.owners(database)) else _FOREIGN


def expect_own(database: Database, bucket: Bucket) -> None:
    """Let a bucket be this database's: one without an owner, or that of a database which this one was recovered from.

    Raises `Forbidden` (33) where it is another's, and `Busy` (51).
    """
    own, holder = database.transact(collected.own_id), _holder(bucket)
    if holder not in (None, *collected.owners(database)):
        raise Forbidden(_FOREIGN)
    if holder != own:
        bucket.delete([OWNER])
        bucket.put(OWNER, own.encode("ascii"))


def _holder(bucket: Bucket) -> str | None:
    try:
        return bucket.get(OWNER, 0, _LENGTH).decode("ascii", "replace")
    except ObjectMissing:
        return None
