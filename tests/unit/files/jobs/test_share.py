"""What all logins of one account share."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import parse
from homeftp.files.jobs.batches import StatItem
from homeftp.files.jobs.share import HASHED_AT_ONCE, AccountResources
from homeftp.store.memory import MemoryStore
from tests.support.queuedworkers import QueuedWorkers


class AccountResourcesTests(SynchronousTestCase):
    """One account."""

    def test_parts(self) -> None:
        """Its batches run in its queue, and only so many of its files are hashed in turns."""
        workers = QueuedWorkers()
        share = AccountResources("ann", workers)
        running = share.batches.stats.run((MemoryStore(), StatItem(parse("a"))))
        self.assertEqual(workers.work(), 1)
        self.assertEqual(self.successResultOf(running), (None, None))
        held = [share.hashing.acquire() for _ in range(HASHED_AT_ONCE + 1)]
        for each in held[:-1]:
            self.successResultOf(each)
        self.assertNoResult(held[-1])
        self.assertEqual((share.listing.tokens, AccountResources("bob", workers, 2).listing.tokens), (4, 2))
