"""One file is looked at without a job where the store can do that."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import Endpoint, parse
from homeftp.errors import Forbidden
from homeftp.files.jobs.batches import Batches
from homeftp.files.jobs.lookups import Lookups
from homeftp.files.jobs.revocation import PermanentLogin, RevocableJobs
from homeftp.interfaces import IOpenFile, IStore
from homeftp.interfaces.store import StoreOptions
from homeftp.model import Entry
from homeftp.store.memory import MemoryStore
from tests.support.filestores import request_for
from tests.support.immediatestore import COLD, ImmediateMemoryStore
from tests.support.queuedworkers import QueuedWorkers

HERE = parse("here.txt")


class LookupsTests(SynchronousTestCase):
    """A store that has one of two files at hand."""

    def setUp(self) -> None:
        self.workers = QueuedWorkers()

    def lookups(self, store: IStore) -> Lookups:
        store.write_many([(request_for("here.txt", b"here"), b"here"), (request_for("cold.txt", b"cold"), b"cold")])
        return Lookups(store, Batches(self.workers), RevocableJobs(self.workers, PermanentLogin()))

    def found(self, lookups: Lookups, endpoint: Endpoint) -> tuple[Deferred[Entry | None], Deferred[IOpenFile]]:
        return Deferred.fromCoroutine(lookups.stat(endpoint)), Deferred.fromCoroutine(lookups.open(endpoint))

    def test_at_once(self) -> None:
        """What the store has at hand takes no job."""
        entry, file = self.found(self.lookups(ImmediateMemoryStore(StoreOptions())), HERE)
        opened = self.successResultOf(file)
        self.assertEqual((opened.content, opened.entry), (b"here", self.successResultOf(entry)))
        self.assertEqual(self.workers.jobs, [])

    def test_new(self) -> None:
        """A name is known to be new where the store knows that at once, as long as access is not revoked."""
        lookups = self.lookups(ImmediateMemoryStore(StoreOptions()))
        self.assertEqual([lookups.is_new(each) for each in (parse("new.txt"), HERE, COLD)], [True, False, False])
        self.assertFalse(self.lookups(MemoryStore(StoreOptions())).is_new(parse("new.txt")))
        self.assertEqual(self.workers.jobs, [])

    def test_revoked(self) -> None:
        """Nothing is told once access is known to be revoked."""
        store = ImmediateMemoryStore(StoreOptions())
        self.lookups(store)
        login = PermanentLogin()
        login.revoked = True
        lookups = Lookups(store, Batches(self.workers), RevocableJobs(self.workers, login))
        self.failureResultOf(Deferred.fromCoroutine(lookups.stat(HERE)), Forbidden)
        self.assertRaises(Forbidden, lookups.is_new, HERE)

    def test_by_job(self) -> None:
        """Everything else takes one, as does everything in a store that answers nothing at once."""
        for store, endpoint in ((ImmediateMemoryStore(StoreOptions()), COLD), (MemoryStore(StoreOptions()), HERE)):
            entry, file = self.found(self.lookups(store), endpoint)
            self.assertNoResult(entry)
            self.assertNoResult(file)
            self.workers.work_all()
            self.assertEqual(self.successResultOf(entry), self.successResultOf(file).entry)

    def test_unwanted(self) -> None:
        """A file that arrives for a caller who has stopped waiting is closed."""
        lookups = self.lookups(MemoryStore(StoreOptions()))
        opening = Deferred.fromCoroutine(lookups.open(HERE))
        opening.addErrback(lambda _: None)
        opening.cancel()
        self.workers.work_all()
        self.assertEqual(self.workers.jobs, [])
