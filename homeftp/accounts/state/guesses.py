"""Guesses of secrets, counted once for all servers of a cluster, by the clock of its database."""

from __future__ import annotations

from typing import Awaitable, Callable, Protocol, TypeVar

import attrs

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.migrations import SchemaPart
from homeftp.errors import Busy

T = TypeVar("T")

_STEP = """
CREATE TABLE guesses (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    address text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX guesses_address ON guesses (kind, address, at);
CREATE INDEX guesses_at ON guesses (at);
"""

GUESSES = SchemaPart("guesses", (_STEP,), left=("guesses",))
"""One row for each guess that still counts."""

_FORGOTTEN_AT_ONCE = 100
"""Guesses that do not count any more, and that each new one removes at most."""

_OWN = "kind = %s AND address = %s"


class _Runs(Protocol):
    """Runs blocking work."""

    def __call__(self, job: Callable[[str], T], address: str, /) -> Awaitable[T]: ...


@attrs.frozen(kw_only=True)
class ClusterGuesses:
    """A `GuessLimit`: `most` of one `kind` from one address within `seconds`.

    `group` says which addresses count as one. Where the database does not answer no guess is allowed: `Busy` (51).
    """

    database: Callable[[], Database]
    run: _Runs
    kind: str
    most: int
    seconds: float
    group: Callable[[str], str]
    too_many: Callable[[float], Busy]
    """The refusal, by the seconds after which another guess may be made."""

    async def count(self, address: str) -> int:
        """Count one guess; gives how many count by now. Raises `Busy` (51), with the time to wait, after too many."""
        return await self.run(self._count, self.group(address))

    async def uncount(self, address: str) -> None:
        """The last guess was right: do not count it."""
        await self.run(self._uncount, self.group(address))

    # -- in a worker ---------------------------------------------------------------

    def _count(self, address: str) -> int:
        own = self.kind, address

        def work(transaction: Transaction) -> int:
            transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s || %s, 0))", own)
            count, left = transaction.row(
                "SELECT count(*), coalesce(extract(epoch FROM min(at) - clock_timestamp()) + %s, 0)::float8"
                f" FROM guesses WHERE {_OWN} AND at > clock_timestamp() - make_interval(secs => %s)",
                (self.seconds, *own, self.seconds),
            )
            if count >= self.most:
                raise self.too_many(left)
            transaction.execute("INSERT INTO guesses (kind, address) VALUES (%s, %s)", own)
            transaction.execute(
                "DELETE FROM guesses WHERE id IN (SELECT id FROM guesses WHERE kind = %s"
                " AND at <= clock_timestamp() - make_interval(secs => %s)"
                f" LIMIT {_FORGOTTEN_AT_ONCE} FOR UPDATE SKIP LOCKED)",
                (self.kind, self.seconds),
            )
            return int(count) + 1

        return self.database().transact(work)

    def _uncount(self, address: str) -> None:
        last = f"SELECT id FROM guesses WHERE {_OWN} ORDER BY at DESC LIMIT 1"
        self.database().transact(
            lambda transaction: transaction.execute(f"DELETE FROM guesses WHERE id = ({last})", (self.kind, address))
        )
