"""The resources that the logins of one account share: its queue in the pool, its batches, its hashings and listings."""

from __future__ import annotations

import attrs
from twisted.internet.defer import DeferredSemaphore

from homeftp.config import Limits
from homeftp.files.jobs.batches import Batches
from homeftp.files.jobs.groupcommits import GroupCommits
from homeftp.interfaces import IWorkers

HASHED_AT_ONCE = 16
"""Files of one account that are hashed in turns: each holds a descriptor, and the disk has to seek between them."""


SEARCHES_AT_ONCE = 2
"""Searches of the audit log for one account that are under way: they run in turns, and each has a file of it open."""


@attrs.frozen(eq=False)
class AccountResources:
    """One account's part of the server."""

    account: str | None
    """None: the server itself."""
    workers: IWorkers
    _listings: int = Limits().account_listings
    commits: GroupCommits = attrs.field(factory=GroupCommits)
    """Counts what is written together, for the whole server."""
    batches: Batches = attrs.field(init=False)
    hashing: DeferredSemaphore = attrs.field(init=False, factory=lambda: DeferredSemaphore(HASHED_AT_ONCE))
    """Held while a file is opened and hashed for this account; not while its hashing is somebody else's."""

    searching: DeferredSemaphore = attrs.field(init=False, factory=lambda: DeferredSemaphore(SEARCHES_AT_ONCE))
    """Held by each search of the audit log."""

    listing: DeferredSemaphore = attrs.field(init=False)
    """Held by each listing, and each recursive removal, that is under way."""

    @listing.default
    def _limit_listings(self) -> DeferredSemaphore:
        return DeferredSemaphore(self._listings)

    @batches.default
    def _make_batches(self) -> Batches:
        return Batches(self.workers, self.commits)
