"""The owner of a bucket: the database whose servers may store and remove objects there.

The servers of another database would take all of these objects for orphans.

An object says which database that is. It has no name that `Bucket.new_name` gives, so no collector takes it away.
"""

from __future__ import annotations

from homeftp.cluster.database import Database
from homeftp.cluster.migrations import states
from homeftp.cluster.objects import Bucket, ObjectMissing, is_object_name
from homeftp.errors import Forbidden
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.tables import collected

OWNER = "owner"
"""The name of that object."""

_LENGTH = 36
"""Characters of an id."""

_SAMPLE = 1000
"""Objects of a bucket that are looked for in the database: a page of its listing."""

_FOREIGN = (
    "the bucket belongs to another database, and servers of both would remove each other's files: give each database a "
    f"bucket, or a prefix in one, of its own. If the other database is lost, remove the object {OWNER} from the bucket"
)

_UNKNOWN = (
    f"the bucket has objects that this database does not know, and no object {OWNER} that says whose they are: give "
    "each database a bucket, or a prefix in one, of its own, or remove these objects if nothing needs them"
)

_EMPTY = (
    "the bucket has none of the files of this database: is its URL right? If the bucket was lost, let homeftp use this "
    "one with: homeftp cluster init"
)

_LOST = (
    "the bucket no longer says that it belongs to this database: was it emptied, or does another one answer at its "
    "address? Make the right bucket answer again. If it was lost, let homeftp use this one with: homeftp cluster init"
)

_LACKING = (
    "the bucket does not say that it belongs to this database, and lacks most of its files: is its URL right? If the "
    "files were lost, let homeftp use this bucket with: homeftp cluster init"
)


def find_foreign(database: Database, bucket: Bucket) -> str | None:
    """Why a bucket does not belong to this database, and may not without `init`; None where it does, or may.

    Changes nothing. Raises `Busy` (51).
    """
    (state,) = states(database, [STORE])
    if state.made == 0:
        return _FOREIGN if _holder(bucket) is not None else None
    if state.problem is not None:
        return None  # an older version made the tables: it did not know whose a bucket is
    return _why_not(database, bucket, _holder(bucket), anew=False)


def is_claimed(bucket: Bucket) -> bool:
    """Whether a bucket says which database it belongs to. Raises `Busy` (51)."""
    return _holder(bucket) is not None


def expect_own(database: Database, bucket: Bucket, *, anew: bool = False) -> None:
    """Make a bucket this database's if it has no owner, or its owner is a database which this one was recovered from.

    `anew`: also a bucket that is empty or lacks most of the database's files, because the operator says so. Raises
    `Forbidden` (33) where it may not become this database's, and `Busy` (51).
    """
    holder = _holder(bucket)
    why = _why_not(database, bucket, holder, anew=anew)
    if why is not None:
        raise Forbidden(why)
    own = database.transact(collected.own_id)
    if holder == own:
        return
    if holder is not None:
        is_own = bucket.replace(OWNER, holder.encode("ascii"), own.encode("ascii"))
    else:
        bucket.create(OWNER, own.encode("ascii"))
        is_own = _holder(bucket) == own
    if not is_own:  # another database has claimed it at the same time
        raise Forbidden(_FOREIGN)


def expect_still_own(database: Database, bucket: Bucket) -> None:
    """Raise `Forbidden` (33) where a bucket that belonged to this database no longer does; raises `Busy` (51).

    It is not claimed again: objects of this database may be there that were put a moment ago, after it was lost.
    """
    holder = _holder(bucket)
    if holder is None:
        raise Forbidden(_LOST)
    if holder not in collected.owners(database):
        raise Forbidden(_FOREIGN)


def _why_not(database: Database, bucket: Bucket, holder: str | None, *, anew: bool) -> str | None:
    if holder is not None:
        return None if holder in collected.owners(database) else _FOREIGN
    there = _some_objects(bucket)
    if there and not collected.knows_any(database, there):
        return _UNKNOWN
    if there:
        return None if anew or collected.keeps_most(database, there, _SAMPLE) else _LACKING
    return None if anew or not collected.has_objects(database) else _EMPTY


def _some_objects(bucket: Bucket) -> list[str]:
    """The first names of objects that homeftp gave."""
    found: list[str] = []
    for page in bucket.list():
        found += [name for name, _ in page if is_object_name(name)]
        if len(found) >= _SAMPLE:
            break
    return found[:_SAMPLE]


def _holder(bucket: Bucket) -> str | None:
    try:
        return bucket.get(OWNER, 0, _LENGTH).decode("ascii", "replace")
    except ObjectMissing:
        return None
