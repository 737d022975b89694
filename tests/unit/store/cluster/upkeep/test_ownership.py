"""No server removes anything from the bucket of another database."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any, Callable, Sequence
from unittest import mock

import attrs
import obstore
from obstore.store import MemoryStore as BucketInMemory

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.objects import Bucket
from homeftp.config import HOUR
from homeftp.endpoint import parse
from homeftp.errors import Forbidden
from homeftp.history.changes import VersionId
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.upkeep import garbage
from homeftp.store.cluster.upkeep.ownership import OWNER, expect_own, find_foreign
from tests.support.clustercase import ClusterCase, request
from tests.support.clusters import Cluster, memory_bucket, new_database

GRACE = 2 * HOUR


class OwnershipTests(ClusterCase):
    """Two databases, by mistake with the same bucket."""

    cluster_options = {"grace_seconds": GRACE}  # noqa: RUF012 (read only)

    def setUp(self) -> None:
        """A file in one of them, whose servers have collected before."""
        super().setUp()
        self.write("a.txt")
        self.store.maintain()
        self.other = Cluster(self.cluster.bucket, new_database(), grace_seconds=GRACE)
        self.foreign = self.other.context()
        self.addCleanup(self.foreign.database.close)

    def test_foreign(self) -> None:
        """Nothing of the other database's files is taken for an orphan."""
        for _ in range(2):
            self.assertRaises(Forbidden, ClusterStore(self.foreign).maintain)
            self.other.execute("UPDATE garbage SET since_us = 0")
        self.assertEqual(self.content("a.txt"), b"content")
        self.assertIsNotNone(find_foreign(self.foreign.database, self.cluster.bucket))
        self.assertIsNone(find_foreign(self.context.database, self.cluster.bucket))
        self.store.maintain()

    def test_unguarded(self) -> None:
        """The control: without a look at the owner they are, and go."""
        garbage.find_orphans(self.foreign)
        self.patch(garbage, "expect_own", lambda database, bucket: None)
        self.other.execute("UPDATE garbage SET since_us = 0")
        garbage.collect(self.foreign)
        self.assertEqual(self.objects(), set())

    def test_recovered(self) -> None:
        """A database with the id of the owner among those before it takes the bucket over; the other one loses it."""
        ((id,),) = self.cluster.execute("SELECT id FROM owner WHERE own")
        self.other.execute("INSERT INTO owner (id) VALUES (%s)", id)
        expect_own(self.foreign.database, self.cluster.bucket)
        self.assertRaises(Forbidden, self.store.maintain)
        expect_own(self.foreign.database, self.cluster.bucket)
        self.cluster.bucket.delete([OWNER])
        self.store.maintain()

    def test_taken_over(self) -> None:
        """A server that runs while a recovered database takes its bucket over stores nothing more there."""
        self.test_recovered()
        ((id,),) = self.other.execute("SELECT id FROM owner WHERE own")
        self.cluster.bucket.delete([OWNER])
        self.cluster.bucket.put(OWNER, str(id).encode())
        before = self.objects()
        self.write("b.txt")  # the control: it has not looked again yet
        self.assertNotEqual(self.objects(), before)
        before = self.objects()
        self.assertRaises(Forbidden, self.store.maintain)
        for _ in range(2):
            self.assertRaises(Forbidden, self.write, "c.txt")
        self.assertEqual(self.objects(), before)
        self.cluster.bucket.delete([OWNER])
        self.write("c.txt")
        self.assertEqual(self.content("c.txt"), b"content")

    def test_taken_over_at_once(self) -> None:
        """Of two recovered databases that take a bucket over at once one is refused, wherever the other one is."""
        second = Cluster(self.cluster.bucket, new_database()).context().database
        self.addCleanup(second.close)
        ((id,),) = self.cluster.execute("SELECT id FROM owner WHERE own")
        for database in (self.foreign.database, second):
            database.transact(partial(self.recover_from, id))
        for at in range(20):
            store = BucketInMemory()
            slow, quick = (Bucket(store, pause=lambda seconds: None) for _ in range(2))
            quick.put(OWNER, str(id).encode())
            asked: list[str] = []
            accepted: list[bool] = []

            def other(quick: Bucket = quick, accepted: list[bool] = accepted) -> None:
                accepted.append(self.is_accepted(self.foreign.database, quick))

            calls = [self.before(slow, name, asked, at, other) for name in ("get", "replace", "delete", "create")]
            calls.append(self.before(obstore, "put", asked, at, other))
            with contextlib.ExitStack() as stack:
                for each in calls:
                    stack.enter_context(each)
                slow_is = self.is_accepted(second, slow)
            if not accepted:
                break
            self.assertEqual(accepted, [not slow_is], asked)
            self.assertEqual(self.is_accepted(self.foreign.database, quick), accepted[0])
        self.assertEqual((slow_is, at), (True, 4), "the control: alone it is accepted")

    def is_accepted(self, database: Database, bucket: Bucket) -> bool:
        """Whether the bucket is, or becomes, that database's."""
        try:
            expect_own(database, bucket)
        except Forbidden:
            return False
        return True

    def before(self, of: object, name: str, asked: list[str], at: int, act: Callable[[], None]) -> Any:
        """While this is patched, do something right before that call of all."""
        whole = getattr(of, name)

        def called(*arguments: Any, **options: Any) -> object:
            asked.append(name)
            if len(asked) - 1 == at:
                act()
            return whole(*arguments, **options)

        return mock.patch.object(of, name, called)

    def recover_from(self, id: object, transaction: Transaction) -> None:
        """The database is one that was recovered from a dump of the other one."""
        transaction.execute("INSERT INTO owner (id) VALUES (%s)", (id,))

    def collect_beside_another(self, taking_over: bool) -> list[int]:
        """Collect three removed files, one in each step. Another database may take the bucket over after the first.

        How many objects each step removed.
        """
        self.patch(garbage, "AT_ONCE", 1)
        for name in ("1.txt", "2.txt", "3.txt"):
            self.write(name)
            self.forget(name)
        self.cluster.execute("UPDATE garbage SET since_us = 0")
        ((id,),) = self.cluster.execute("SELECT id FROM owner WHERE own")
        self.other.execute("INSERT INTO owner (id) VALUES (%s)", id)
        delete, removed = self.cluster.bucket.delete, list[int]()

        def delete_step(names: Sequence[str]) -> None:
            delete(names)
            if OWNER in names:
                return
            removed.append(len(names))
            if taking_over and len(removed) == 1:
                expect_own(self.foreign.database, self.cluster.bucket)

        self.patch(self.cluster.bucket, "delete", delete_step)
        if taking_over:
            self.assertRaises(Forbidden, garbage.collect, self.context)
        else:
            garbage.collect(self.context)
        return removed

    def forget(self, path: str) -> None:
        """Remove a file, and what it left."""
        history = self.store.history()
        assert history is not None
        list(self.store.remove(parse(path), None, False))
        history.remove_versions([VersionId(parse(path), each.at_us) for each in self.kept(path)])

    def test_taken_over_meanwhile(self) -> None:
        """A collection ends with the step in which a recovered database takes the bucket over."""
        self.assertEqual(self.collect_beside_another(True), [1])
        self.assertRaises(Forbidden, self.write, "c.txt")

    def test_collected_whole(self) -> None:
        """The control: a collection goes on to its end where no other database takes the bucket over."""
        self.assertEqual(self.collect_beside_another(False), [1, 1, 1])

    def test_unknown_objects(self) -> None:
        """A bucket that does not say whose it is, and has objects that a database does not know, is not that one's."""
        self.cluster.bucket.delete([OWNER])
        self.assertIn("does not know", find_foreign(self.foreign.database, self.cluster.bucket) or "")
        self.assertRaises(Forbidden, expect_own, self.foreign.database, self.cluster.bucket)
        self.assertIsNone(find_foreign(self.context.database, self.cluster.bucket))
        expect_own(self.context.database, self.cluster.bucket)  # the control
        self.assertRaises(Forbidden, expect_own, self.foreign.database, self.cluster.bucket)

    def test_empty(self) -> None:
        """An empty bucket is not that of a database with files, unless its owner says so; one without any takes it."""
        empty = memory_bucket()
        self.assertIn("none of the files", find_foreign(self.context.database, empty) or "")
        self.assertRaises(Forbidden, expect_own, self.context.database, empty)
        self.assertEqual(list(empty.list()), [])
        expect_own(self.context.database, empty, anew=True)
        expect_own(self.context.database, empty)
        expect_own(self.foreign.database, memory_bucket())

    def test_emptied(self) -> None:
        """Maintenance takes no empty bucket for that of a database with files: nothing is put there after it."""
        empty = memory_bucket()
        store = ClusterStore(attrs.evolve(self.context, bucket=empty))
        self.assertRaises(Forbidden, store.maintain)
        self.assertRaises(Forbidden, store.write_many, [(request("b.txt", size=1), b"b")])
        self.assertEqual([name for page in empty.list() for name, _ in page], [])
        expect_own(self.context.database, empty, anew=True)  # the control: its owner said so
        store.maintain()
        store.write_many([(request("b.txt", size=1), b"b")])
        self.assertEqual(len([name for page in empty.list() for name, _ in page]), 2)

    def test_lacking(self) -> None:
        """A bucket with few of a database's files, which came after a loss, is not its own; with half of them it is."""
        self.write("b.txt")
        self.write("c.txt")
        lost = {name: self.cluster.bucket.get(name, 0, len(b"content")) for name in self.objects()}
        self.cluster.bucket.delete([OWNER, *lost])
        self.write("d.txt")
        self.assertIn("lacks most", find_foreign(self.context.database, self.cluster.bucket) or "")
        self.assertRaises(Forbidden, expect_own, self.context.database, self.cluster.bucket)
        self.assertRaises(Forbidden, self.store.maintain)
        name = min(lost)
        self.cluster.bucket.create(name, lost[name])
        expect_own(self.context.database, self.cluster.bucket)
        self.cluster.bucket.delete([OWNER, name])
        expect_own(self.context.database, self.cluster.bucket, anew=True)

    def test_at_once(self) -> None:
        """Of two databases that find the same bucket without an owner one gets it, and the other one is refused."""
        empty = memory_bucket()
        look, others = empty.get, [self.foreign.database]

        def get(name: str, start: int, length: int) -> bytes:
            try:
                return look(name, start, length)
            finally:
                if others:  # the other one is quicker
                    expect_own(others.pop(), empty)

        self.patch(empty, "get", get)
        self.assertRaises(Forbidden, expect_own, self.context.database, empty, anew=True)
        expect_own(self.foreign.database, empty)
