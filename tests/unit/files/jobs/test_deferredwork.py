"""What a change leaves to do: part by part, before its result."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from homeftp.config import Limits
from homeftp.endpoint import ROOT, parse
from homeftp.errors import NotFound
from homeftp.files.budget import MemoryBudget
from homeftp.files.factory import FilesFactory
from homeftp.files.jobs.deferredwork import with_deferred
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.interfaces.deferredwork import IDeferringStore
from homeftp.interfaces.store import StoreOptions
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import Rights
from tests.support.filestores import request_for
from tests.support.queuedworkers import QueuedWorkers, RevocableAccess


@implementer(IDeferringStore)
class DeferringStore(MemoryStore):
    """A store whose changes leave so many parts of something to do."""

    left = 0

    def do_deferred(self) -> bool:
        """Do a part."""
        self.left -= 1
        return self.left > 0


class SettledWorkTests(SynchronousTestCase):
    """`settled`, and the change that needs it."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()
        self.login = RevocableAccess()
        self.store = DeferringStore(StoreOptions())

    def with_deferred(self, change: Deferred[str], store: Any = None) -> Deferred[str]:
        """The change, with this store."""
        return with_deferred(change, store or self.store, RevocableJobs(self.workers, self.login))

    def test_parts(self) -> None:
        """Each part is a job of its own, and the result comes after the last one."""
        self.store.left = 3
        done = self.with_deferred(succeed("moved"))
        for left in (2, 1, 0):
            self.assertNoResult(done)
            self.assertEqual((self.workers.work(), self.store.left), (1, left))
        self.assertEqual(self.successResultOf(done), "moved")

    def test_revoked(self) -> None:
        """What is left to do is done, whoever may do something now."""
        self.store.left = 2
        self.login.revoked = True
        done = self.with_deferred(succeed("moved"))
        self.workers.work_all()
        self.assertEqual((self.successResultOf(done), self.store.left), ("moved", 0))

    def test_refused(self) -> None:
        """A change that was refused has left nothing to do."""
        self.failureResultOf(self.with_deferred(fail(NotFound("nothing is there"))), NotFound)
        self.assertEqual(self.workers.jobs, [])

    def test_other_stores(self) -> None:
        """A store that leaves nothing to do is asked for nothing."""
        done = self.with_deferred(succeed("moved"), MemoryStore(StoreOptions()))
        self.assertEqual(self.successResultOf(done), "moved")
        account = AuthorizedStore(MemoryStore(StoreOptions()), ROOT, Rights())
        done = self.with_deferred(succeed("moved"), account)
        self.assertEqual(self.workers.work(), 1)
        self.assertEqual(self.successResultOf(done), "moved")

    def test_move(self) -> None:
        """The files of an account answer a move when nothing is left to do."""
        self.store.write_many([(request_for("d/a.txt", b"content"), b"content")])
        account = AuthorizedStore(self.store, ROOT, Rights())
        factory = FilesFactory(self.workers, MemoryBudget(), listings=Limits().account_listings)
        self.store.left = 2
        moving = factory.files(account).move(parse("d"), parse("e"))
        while self.store.stat(parse("e/a.txt")) is None:
            self.assertNoResult(moving)
            self.assertGreater(self.workers.work(), 0)
        self.assertNoResult(moving)
        self.workers.work_all()
        self.assertEqual((self.successResultOf(moving).kind, self.store.left), ("directory", 0))
