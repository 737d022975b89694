"""Small calls of many requests as one call of the store."""

from __future__ import annotations

from typing import Any, Sequence
from unittest import mock

from msgspec import structs
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from homeftp.endpoint import MAX_PARTS, ROOT, parse
from homeftp.errors import Changed, FiletypeNotAllowed, Forbidden, NotFound
from homeftp.files.jobs.batches import (
    PARTS_PER_ITEM,
    Batches,
    StatItem,
    WriteItem,
    by_store,
    open_many,
    stat_many,
    write_many,
)
from homeftp.files.jobs.groupcommits import GroupCommits
from homeftp.files.jobs.revocation import RevocableJobs
from homeftp.interfaces import IStore
from homeftp.interfaces.immediate import GRANTED_SECONDS
from homeftp.interfaces.store import StoreOptions
from homeftp.model import ABSENT, Actor, Change, Entry, ResumePoint
from homeftp.store.memory import MemoryStore
from homeftp.store.policy.authorized import AuthorizedStore
from homeftp.store.policy.rights import Rights
from homeftp.workers import InlineWorkers
from homeftp.workers.batcher import ITEMS_SHARED
from tests.support.filestores import request_for
from tests.support.miscountingstore import MiscountingStore
from tests.support.queuedworkers import QueuedWorkers, RevocableAccess

ANN, BOB = Actor("ann"), Actor("bob")


class ByStoreTests(SynchronousTestCase):
    """`by_store`."""

    def test_groups(self) -> None:
        """Each store is called once, equal stores are one, and results have the order of the items."""
        shared = MemoryStore()
        first, same, other = (AuthorizedStore(shared, parse(home), Rights()) for home in ("a", "a", "b"))
        calls: list[Sequence[int]] = []

        def job(store: IStore, items: Sequence[int]) -> list[str]:
            calls.append(items)
            return [f"{store.home} {item}" for item in items]  # type: ignore[attr-defined]

        results = by_store(job, [(first, 1), (other, 2), (same, 3), (other, 4), (first, 5)])
        self.assertEqual(results, ["a 1", "b 2", "a 3", "b 4", "a 5"])
        self.assertEqual(calls, [[1, 3, 5], [2, 4]])
        self.assertEqual(by_store(job, [(other, 6), (other, 7)]), ["b 6", "b 7"])

    def test_failing_store(self) -> None:
        """A store that raises fails its own items; the others have theirs."""
        good, bad = MemoryStore(), MemoryStore()

        def job(store: IStore, items: Sequence[int]) -> list[int | Exception]:
            if store is bad:
                raise OSError("the disk is gone")
            return [*items]

        results = by_store(job, [(good, 1), (bad, 2), (good, 3), (bad, 4)])
        self.assertEqual([results[0], results[2]], [1, 3])
        self.assertEqual([type(results[number]) for number in (1, 3)], [OSError, OSError])

    def test_not_hashable(self) -> None:
        """A backend need not be hashable: what accounts see of it is grouped by equality."""

        class NotHashable(MemoryStore):
            __hash__ = None  # type: ignore[assignment]

        backend = NotHashable()
        ann, same, bob = (AuthorizedStore(backend, parse(home), Rights()) for home in ("a", "a", "b"))
        calls: list[Sequence[int]] = []

        def job(store: IStore, items: Sequence[int]) -> Sequence[int]:
            calls.append(items)
            return items

        results = by_store(job, [(ann, 1), (bob, 2), (same, 3)])
        self.assertEqual(results, [1, 2, 3])
        self.assertEqual(calls, [[1, 3], [2]])


class WatchedAccess(RevocableAccess):
    """A login that counts how often it is looked up."""

    looks = 0

    def is_valid(self) -> bool:
        self.looks += 1
        return super().is_valid()


class StoreTestCase(SynchronousTestCase):
    """A store that takes text files only, with one file."""

    def setUp(self) -> None:
        self.changes: list[Change] = []
        self.store = MemoryStore(StoreOptions(filetypes=(".txt",), record_changes=self.changes.extend))
        self.store.write_many([(request_for("a.txt", b"content"), b"content")])
        self.changes.clear()


class StatTests(StoreTestCase):
    """`stat_many`."""

    def test_results(self) -> None:
        """Each item has its own outcome: an entry, None, or a refusal."""
        items = [StatItem(parse(name)) for name in ("a.txt", "b.txt", "c.jpg")]
        found, absent, refused = stat_many(self.store, items)
        assert not isinstance(found, Exception) and found[0] is not None
        self.assertEqual((found[0].size, found[1]), (7, None))
        self.assertEqual(absent, (None, None))
        self.assertIsInstance(refused, FiletypeNotAllowed)

    def test_resume_point(self) -> None:
        """An item with a description tells how much of that content arrived earlier; others look nothing up."""
        upload = self.store.upload(request_for("b.txt", b"x" * 100))
        upload.write(b"x" * 60)
        upload.suspend()
        content = request_for("b.txt", b"x" * 100)
        results = stat_many(self.store, [StatItem(content.endpoint, content.hash, 100), StatItem(content.endpoint)])
        resumed, plain = results
        assert not isinstance(resumed, Exception)
        self.assertIsInstance(resumed[1], ResumePoint)
        self.assertEqual(plain, (None, None))


class OpenTests(StoreTestCase):
    """`open_many`."""

    def test_results(self) -> None:
        """A small file comes with its content; one that is absent fails alone."""
        found, absent = open_many(self.store, [parse("a.txt"), parse("b.txt")])
        assert not isinstance(found, Exception)
        self.assertEqual(found.content, b"content")
        self.assertIsInstance(absent, NotFound)


class WriteTests(StoreTestCase):
    """`write_many`."""

    commits = GroupCommits()

    def item(
        self,
        name: str,
        actor: Actor = ANN,
        *,
        revoked: bool = False,
        closed: bool = False,
        precondition: str | None = None,
    ) -> WriteItem:
        """One file of content "new"."""
        login = RevocableAccess()
        login.revoked, login.closed = revoked, closed
        jobs = RevocableJobs(InlineWorkers(), login)
        return WriteItem(request_for(name, b"new", precondition=precondition, actor=actor), b"new", jobs)

    def test_actors(self) -> None:
        """Each change is recorded as made by its own actor, though all are written together."""
        write_many(self.commits, self.store, [self.item("x.txt"), self.item("y.txt", BOB), self.item("z.txt")])
        recorded = [(str(change.endpoint), change.actor) for change in self.changes]
        self.assertEqual(recorded, [("x.txt", ANN), ("y.txt", BOB), ("z.txt", ANN)])

    def test_outcomes(self) -> None:
        """A refused file, and one whose login was revoked, leave the others be; results are in order."""
        items = [
            self.item("x.txt", BOB, revoked=True),
            self.item("a.txt", precondition=ABSENT),
            self.item("y.txt"),
        ]
        revoked, changed, written = write_many(self.commits, self.store, items)
        self.assertIsInstance(revoked, Forbidden)
        self.assertIsInstance(changed, Changed)
        self.assertEqual(structs.asdict(written)["size"], 3)  # type: ignore[arg-type]
        (page,) = self.store.list(ROOT, recursive=False)
        self.assertEqual([entry.name for entry in page.entries], ["a.txt", "y.txt"])
        self.assertEqual(self.store.open(parse("a.txt")).read(0, 100), b"content")

    def test_disconnected(self) -> None:
        """A file whose client has disconnected before its job began is not written; the others are."""
        gone, written = write_many(self.commits, self.store, [self.item("x.txt", closed=True), self.item("y.txt")])
        self.assertIsInstance(gone, ConnectionLost)
        self.assertIsInstance(written, Entry)
        self.assertEqual([str(change.endpoint) for change in self.changes], ["y.txt"])

    def change(self, name: str, *, revoked: bool = False) -> WriteItem:
        """A new time of one file."""
        item = self.item(name, revoked=revoked)
        return item._replace(request=structs.replace(item.request, mtime_us=1), content=None)

    def test_metadata(self) -> None:
        """Metadata is set behind the files of a batch, in one call; each result is that of its own item."""
        items = [self.change("x.txt"), self.item("x.txt"), self.change("none.txt"), self.change("a.txt", revoked=True)]
        changed, written, absent, revoked = write_many(self.commits, self.store, items)
        assert isinstance(changed, Entry) and isinstance(written, Entry)
        self.assertEqual((changed.mtime_us, changed.size), (1, 3))
        self.assertIsInstance(absent, NotFound)
        self.assertIsInstance(revoked, Forbidden)
        self.assertEqual(
            [(each.what, str(each.endpoint)) for each in self.changes], [("add", "x.txt"), ("metadata", "x.txt")]
        )

    def test_failing_kind(self) -> None:
        """Where the store cannot set metadata at all, the files of the batch are written, and reported so."""
        with mock.patch.object(MemoryStore, "set_metadata_many", side_effect=OSError("failed")):
            changed, written = write_many(self.commits, self.store, [self.change("a.txt"), self.item("x.txt")])
        self.assertIsInstance(changed, OSError)
        self.assertIsInstance(written, Entry)

    def test_slow(self) -> None:
        """Behind a write that took long access is looked up again, for what is asked next. (Control: a quick one.)"""
        for seconds, looks in ((0.0, 1), (GRANTED_SECONDS, 2)):
            login = WatchedAccess()
            jobs = RevocableJobs(InlineWorkers(), login)
            item = WriteItem(request_for(f"{seconds}.txt", b"new", actor=ANN), b"new", jobs)
            times = iter(seconds * number for number in range(9))
            (written,) = write_many(GroupCommits(lambda times=times: next(times)), self.store, [item])  # type: ignore[misc]
            self.assertIsInstance(written, Entry)
            self.assertEqual(login.looks, looks)

    def test_all_revoked(self) -> None:
        """The store is not called where nothing is left to write."""
        (result,) = write_many(self.commits, self.store, [self.item("x.txt", revoked=True)])
        self.assertIsInstance(result, Forbidden)
        self.assertEqual(self.changes, [])


class DeepTests(SynchronousTestCase):
    """Small files in deep folders, each of which may have to be made."""

    def jobs(self, parts: int, files: int, shared: bool = True) -> int:
        """In how many jobs so many files are stored, while other accounts are served or not."""
        workers = QueuedWorkers()
        workers.shared = shared
        batches, jobs, store = Batches(workers), RevocableJobs(workers, RevocableAccess()), MemoryStore()
        for number in range(files):
            request = request_for("/".join([f"d{number}", *["d"] * (parts - 1)]), b"new")
            batches.writes.run((store, WriteItem(request, b"new", jobs)))
        rounds = 0
        while workers.work():
            rounds += 1
        return rounds

    def test_deep(self) -> None:
        """Few of them are one job, so that nobody who makes a folder waits for hundreds of others."""
        self.assertEqual(self.jobs(parts=MAX_PARTS, files=5), 5)
        self.assertEqual(self.jobs(parts=2, files=1 + 2 * ITEMS_SHARED), 3, "the control")

    def test_deep_alone(self) -> None:
        """So it is for an account that is alone: another may come meanwhile, and wait for all of the job."""
        self.assertEqual(self.jobs(parts=MAX_PARTS, files=5, shared=False), 5)
        self.assertEqual(self.jobs(parts=PARTS_PER_ITEM - 1, files=5, shared=False), 2, "the control")


class MiscountTests(SynchronousTestCase):
    """A store that gives more or fewer results than it was asked for."""

    def outcomes(self, error: int) -> tuple[MiscountingStore, list[Deferred[Any]]]:
        """What several callers get of each batch: the first alone, the others together."""
        store = MiscountingStore(error)
        workers = QueuedWorkers()
        batches = Batches(workers)
        jobs = RevocableJobs(workers, RevocableAccess())
        running: list[Deferred[Any]] = []
        for name in ("a.txt", "b.txt", "c.txt"):
            request = request_for(name, b"new")
            running.append(batches.stats.run((store, StatItem(request.endpoint))))
            running.append(batches.opens.run((store, request.endpoint)))
            running.append(batches.writes.run((store, WriteItem(request, b"new", jobs))))
        workers.work_all()
        return store, running

    def test_miscount(self) -> None:
        """Every caller gets an error, and what was opened is closed."""
        for error in (-1, 1):
            store, running = self.outcomes(error)
            for each in running:
                self.failureResultOf(each, RuntimeError)
            self.assertEqual(store.still_open, [])

    def test_miscount_control(self) -> None:
        """The control: the right number of results reaches the callers, and the files stay open for them."""
        store, running = self.outcomes(0)
        for each in running:
            self.successResultOf(each)
        self.assertEqual(len(store.still_open), 3)
