"""The guard of a bucket: while a server runs, it looks again and again whether the bucket is still its database's.

A bucket may be emptied under a running server, or another one may answer at its address. Then every object is missing
although nothing is damaged, and what is put there is lost once the right bucket answers again.
"""

from __future__ import annotations

import time
from typing import Callable

import attrs

from homeftp.cluster.database import Database
from homeftp.cluster.objects import Bucket
from homeftp.errors import Busy, Forbidden
from homeftp.store.cluster.upkeep.ownership import expect_own, expect_still_own

LOOK_SECONDS = 5.0
"""How long objects are put without another look. One GET of 36 bytes in that time costs little beside the objects. What
is put in that time after the bucket was lost is lost."""


@attrs.define(eq=False)
class OwnerGuard:
    """Looks at the owner of a bucket. Safe in several threads: at worst each looks once."""

    _database: Database
    _bucket: Bucket
    _monotonic: Callable[[], float]
    _is_known: bool = attrs.field(default=False, init=False)
    """Whether a look has found that the bucket belongs to this database."""
    _good_at: float = attrs.field(default=float("-inf"), init=False)
    """When the last look began that found this."""
    _refused_at: float = attrs.field(default=float("-inf"), init=False)
    _refusal: str = attrs.field(default="", init=False)

    def look(self) -> None:
        """Look now. At the first look the bucket may become this database's; later it has to belong to it.

        Raises `Forbidden` (33) where it does not, and `Busy` (51).
        """
        at = self._monotonic()
        try:
            (expect_still_own if self._is_known else expect_own)(self._database, self._bucket)
        except Forbidden as refusal:
            self._good_at, self._refused_at, self._refusal = float("-inf"), at, refusal.message
            raise
        self._is_known, self._good_at, self._refused_at = True, at, float("-inf")

    def before_put(self) -> None:
        """Look, unless a good look was less than `LOOK_SECONDS` ago; raises as `look` does."""
        if self._monotonic() - self._good_at >= LOOK_SECONDS:
            self.look()

    def on_missing(self) -> None:
        """Raise `Busy` (51) where the bucket does not belong to this database: then a missing object is no damage.

        A good look proves nothing later, so this looks again; a bad one counts for `LOOK_SECONDS`.
        """
        if self._monotonic() - self._refused_at < LOOK_SECONDS:
            raise Busy(self._refusal)
        try:
            self.look()
        except Forbidden as refusal:
            raise Busy(refusal.message) from None


def guard_bucket(database: Database, bucket: Bucket, monotonic: Callable[[], float] = time.monotonic) -> OwnerGuard:
    """Let the bucket refuse objects, and take missing ones for no damage, while it does not belong to this database."""
    guard = OwnerGuard(database, bucket, monotonic)
    bucket.guard(guard.before_put, guard.on_missing)
    return guard
