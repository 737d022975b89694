"""The guard of a bucket: whether it is still this database's is looked at again and again while a server runs.

A bucket may be emptied under a running server, or another one answer at its address. Then every object is missing there
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
"""Time for which one look is relied upon where objects are put: one GET of 36 bytes in that time costs nothing beside
them, also where ten thousand small files come within it. What is put in that time after the bucket was lost is lost."""


@attrs.define(eq=False)
class OwnerGuard:
    """Looks at the owner of a bucket. Safe in several threads: at worst each looks once."""

    _database: Database
    _bucket: Bucket
    _monotonic: Callable[[], float]
    _is_known: bool = attrs.field(default=False, init=False)
    """Whether the bucket was this database's at some look."""
    _good_at: float = attrs.field(default=float("-inf"), init=False)
    """When the last look was begun that found it so."""
    _refused_at: float = attrs.field(default=float("-inf"), init=False)
    _refusal: str = attrs.field(default="", init=False)

    def look(self) -> None:
        """Look now. The first time a bucket may become this database's, and later it has to be.

        Raises `Forbidden` (33) where it is not, and `Busy` (51).
        """
        at = self._monotonic()
        try:
            (expect_still_own if self._is_known else expect_own)(self._database, self._bucket)
        except Forbidden as refusal:
            self._good_at, self._refused_at, self._refusal = float("-inf"), at, refusal.message
            raise
        self._is_known, self._good_at, self._refused_at = True, at, float("-inf")

    def before_put(self) -> None:
        """Look, unless the last look was good, and not long ago; raises as `look` does."""
        if self._monotonic() - self._good_at >= LOOK_SECONDS:
            self.look()

    def on_missing(self) -> None:
        """Raise `Busy` (51) where the bucket is not this database's, so that what is missing there is no damage.

        A look that was good says nothing of what is missing since; one that was not holds for a while.
        """
        if self._monotonic() - self._refused_at < LOOK_SECONDS:
            raise Busy(self._refusal)
        try:
            self.look()
        except Forbidden as refusal:
            raise Busy(refusal.message) from None


def guard_bucket(database: Database, bucket: Bucket, monotonic: Callable[[], float] = time.monotonic) -> OwnerGuard:
    """Let nothing be put into a bucket that is not this database's, and nothing that is missing there be damaged."""
    guard = OwnerGuard(database, bucket, monotonic)
    bucket.guard(guard.before_put, guard.on_missing)
    return guard
