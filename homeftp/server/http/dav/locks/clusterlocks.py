"""The locks of a cluster: in its database, so that each server keeps those that were made at another one.

They last by the clock of the database, whichever server made them, and outlive it.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Sequence

from twisted.logger import Logger
from zope.interface import implementer

from homeftp.cluster.database import Database, IQueries, Transaction
from homeftp.cluster.migrations import SchemaPart
from homeftp.endpoint import ROOT, Endpoint
from homeftp.errors import Refusal
from homeftp.interfaces import IWorkers
from homeftp.server.http.dav.locks.interface import ILocks
from homeftp.server.http.dav.locks.lockset import (
    MOST_LOCKS,
    MOST_OF_ACCOUNT,
    Key,
    Lock,
    LockSet,
    bounded,
    key_of,
    too_many,
)

_STEP = """
CREATE TABLE webdav_lock (
    token text PRIMARY KEY,
    account text NOT NULL,
    endpoint text NOT NULL,
    is_deep boolean NOT NULL,
    is_exclusive boolean NOT NULL,
    owner text NOT NULL,
    is_folder boolean NOT NULL,
    seconds integer NOT NULL,
    place text COLLATE "C" NOT NULL,
    depth integer NOT NULL,
    ends timestamptz NOT NULL
);
CREATE INDEX webdav_lock_place ON webdav_lock (place);
"""

LOCKS = SchemaPart("webdav locks", (_STEP,), left=("webdav_lock",))
"""One row for each lock. `place` finds those around an endpoint, `depth` is how many names that has."""

_ADDING = 0x6461766C  # "davl"
"""The advisory lock of those who add a lock: what they have looked for does not appear before they have added it."""

_PLACE_CHARACTERS = 500
"""Characters of a place: a row of an index has less than 2,704 bytes. What begins alike is told apart by `LockSet`."""

_LAST = "\U0010ffff"
"""Behind every place."""

_COLUMNS = ("token", "account", "endpoint", "is_deep", "is_exclusive", "owner", "is_folder", "seconds")

_VALID = f"SELECT {', '.join(_COLUMNS)} FROM webdav_lock WHERE ends > clock_timestamp()"

_END = "clock_timestamp() + make_interval(secs => %s)"


def _place(key: Key) -> str:
    """A text that the places of everything beneath begin with, as far as they are longer."""
    return "".join(f"{name}/" for name in key)[:_PLACE_CHARACTERS]


def _behind(place: str) -> str:
    """A text behind all places that begin with a place, and before those that come after them."""
    if not place:
        return _LAST
    return f"{place[:-1]}0" if len(place) < _PLACE_CHARACTERS else place


def _near(queries: IQueries, key: Key, deep: bool) -> LockSet:
    """The locks around an endpoint of that key."""
    above = [_place(key[:length]) for length in range(len(key) + 1)]
    rows = queries.rows(
        f"{_VALID} AND place = ANY(%s) UNION ALL {_VALID} AND place > %s AND place < %s AND (%s OR depth <= %s)",
        (above, above[-1], _behind(above[-1]), deep, len(key) + 1),
    )
    return LockSet(map(_lock, rows))


def _lock(row: Sequence[Any]) -> Lock:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Lock(**{**values, "endpoint": ROOT.at(values["endpoint"])})


@implementer(ILocks)
class ClusterLocks:
    """All locks of a cluster, asked for in `workers`; the database is connected when it is first used."""

    _log = Logger()

    def __init__(self, workers: IWorkers, database: Callable[[], Database]) -> None:
        self._workers = workers
        self._database = database

    def of(self, account: str) -> ClusterLocks:
        """The same locks, asked for in the turn of an account."""
        return ClusterLocks(self._workers.of(account), self._database)

    async def near(self, endpoint: Endpoint, *, deep: bool = False) -> LockSet:
        """The locks at an endpoint, above it, and directly in it; with `deep` all that are beneath it."""
        return await self._workers.run_unbounded(lambda: _near(self._database(), key_of(endpoint), deep))

    async def add(self, lock: Lock) -> None:
        """Keep a new lock. Raises `LockConflict`, and `Busy` (51) where there are too many."""
        await self._workers.run_unbounded(self._add, lock)

    async def refresh(self, lock: Lock, seconds: int | None) -> bool:
        """Let a lock last for so long from now on; False where it is not there any more."""
        lock.seconds = bounded(seconds)
        statement = f"UPDATE webdav_lock SET seconds = %s, ends = {_END} WHERE token = %s AND ends > clock_timestamp()"
        values = lock.seconds, lock.seconds, lock.token
        found = await self._workers.run_unbounded(self._change, statement, values)
        return bool(found)

    async def remove(self, lock: Lock) -> None:
        """End a lock. May be called twice."""
        await self._end([lock])

    async def removed(self, locks: Iterable[Lock]) -> None:
        """End the locks of what is gone."""
        try:
            await self._end(locks)
        except Refusal as refusal:
            self._log.warn("locks of what was removed last until their time is over: {refusal}", refusal=refusal)

    async def _end(self, locks: Iterable[Lock]) -> None:
        tokens = [lock.token for lock in locks]
        if tokens:
            statement = "DELETE FROM webdav_lock WHERE token = ANY(%s)"
            await self._workers.run_unbounded(self._change, statement, (tokens,))

    # -- in a worker ---------------------------------------------------------------

    def _add(self, lock: Lock) -> None:
        def work(transaction: Transaction) -> None:
            transaction.execute("SELECT pg_advisory_xact_lock(%s)", (_ADDING,))
            transaction.execute("DELETE FROM webdav_lock WHERE ends <= clock_timestamp()")
            _near(transaction, lock.key, lock.is_deep).admit(lock)
            number, own = transaction.row(
                "SELECT count(*), count(*) FILTER (WHERE account = %s) FROM webdav_lock", (lock.account,)
            )
            if number >= MOST_LOCKS or own >= MOST_OF_ACCOUNT:
                raise too_many()
            fields = {**{name: getattr(lock, name) for name in _COLUMNS}, "endpoint": lock.endpoint.whole}
            transaction.execute(
                f"INSERT INTO webdav_lock ({', '.join(fields)}, place, depth, ends)"
                f" VALUES ({'%s, ' * len(fields)}%s, %s, {_END})",
                (*fields.values(), _place(lock.key), len(lock.key), lock.seconds),
            )

        self._database().transact(work)

    def _change(self, statement: str, values: Sequence[object]) -> int:
        return self._database().transact(lambda transaction: transaction.execute(statement, values))
