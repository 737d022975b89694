"""The collector removes what no file names, never what one does, and writers that are too late are refused."""

from __future__ import annotations

from typing import Sequence

import attrs
from msgspec import structs

from homeftp.config import HOUR
from homeftp.endpoint import parse
from homeftp.errors import Busy
from homeftp.history.changes import VersionId
from homeftp.model import SECOND_US, Entry
from homeftp.store.cluster.base.context import ClusterContext
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables import collected, contents
from homeftp.store.cluster.upkeep import garbage
from homeftp.store.cluster.upkeep.ownership import expect_own
from homeftp.store.cluster.writes import packs
from homeftp.store.cluster.writes.committer import ClusterCommitter
from homeftp.store.cluster.writes.packs import StoredContents
from homeftp.store.cluster.writes.transactions import change
from tests.support.clustercase import ClusterCase, request

GRACE = 2 * HOUR


class GarbageCase(ClusterCase):
    """Objects stay for two hours."""

    cluster_options = {"grace_seconds": GRACE}  # noqa: RUF012 (read only)

    def setUp(self) -> None:
        """The bucket is the database's, as `homeftp cluster init` leaves it."""
        super().setUp()
        expect_own(self.context.database, self.cluster.bucket)

    def discard(self, *paths: str) -> None:
        """Remove files, and the versions of them."""
        history = self.store.history()
        assert history is not None
        for path in paths:
            for _ in self.store.remove(parse(path), None, False):
                continue
            history.remove_versions([VersionId(parse(path), each.at_us) for each in self.kept(path)])

    def collect(self) -> None:
        """Collect, and list the bucket."""
        garbage.collect(self.context)
        garbage.find_orphans(self.context)

    def commit(self, path: str, stored: StoredContents) -> Entry:
        """Name a content that is in the bucket already."""

        def work(committer: ClusterCommitter) -> Entry:
            committer.workspace.offer(stored.objects, stored.since_us)
            size = sum(part.size for part in stored.parts[0])

            def name() -> int | None:
                return committer.workspace.add_content(stored.parts[0])

            return committer.put(request(path), size, "sha256:" + "0" * 64, name).entry()

        return change(self.context, [parse(path)], work)

    def fail_once(self, name: str) -> object:
        """The method of the bucket, ended once."""
        whole = getattr(self.cluster.bucket, name)
        calls: list[object] = []

        def ended(*arguments: object) -> object:
            calls.append(arguments)
            if len(calls) == 1:
                raise KeyboardInterrupt
            return whole(*arguments)

        return ended


class CollectTests(GarbageCase):
    """What goes and what stays."""

    def test_dropped(self) -> None:
        """The object of a content that was dropped goes a grace period later, and not before."""
        self.write("a.txt")
        self.write("b.txt")
        self.discard("a.txt")
        self.collect()
        self.later(GRACE - 60)
        self.collect()
        self.assertEqual(len(self.objects()), 2, "a backup of the database may still name it")
        self.later(61)
        self.collect()
        self.assertEqual(len(self.objects()), 1)
        self.assertEqual(self.content("b.txt"), b"content")
        self.assert_sound()

    def test_at_once(self) -> None:
        """Two servers may collect at once: each object goes, and what is named stays."""
        self.write("a.txt")
        self.write("b.txt")
        self.discard("a.txt")
        self.collect()
        self.later(GRACE + 1)
        other, delete = self.server(), self.cluster.bucket.delete
        removed: list[int] = []

        def delete_both(names: Sequence[str]) -> None:
            if not removed:
                removed.append(0)
                removed.append(garbage.collect(other))
            delete(names)

        self.patch(self.cluster.bucket, "delete", delete_both)
        removed.append(garbage.collect(self.context))
        self.assertEqual((removed, len(self.objects())), ([0, 1, 1], 1))
        self.assertEqual(self.content("b.txt"), b"content")
        self.assert_sound()

    def test_orphans(self) -> None:
        """An object that was never named is found by listing, and goes a grace period later."""
        self.write("a.txt")
        self.cluster.bucket.put(self.cluster.bucket.new_name(), b"a server ended here")
        self.collect()
        self.collect()
        self.assertEqual(len(self.objects()), 2)
        self.later(GRACE + 1)
        self.collect()
        self.assertEqual(len(self.objects()), 1)
        self.assert_sound()

    def test_shared(self) -> None:
        """An object that a copy names stays, whatever becomes of the file that it came from."""
        self.write("a.txt")
        list(self.store.copy(parse("a.txt"), parse("b.txt"), source_precondition=None, target_precondition=None))
        self.discard("a.txt")
        self.later(GRACE + 1)
        self.collect()
        self.assertEqual(self.content("b.txt"), b"content")
        self.assertEqual(
            self.cluster.execute("SELECT count(*) FROM garbage WHERE object = %s", *self.objects()), [(0,)]
        )

    def test_last_name(self) -> None:
        """The grace period of an object begins when the last of its names goes, and not the first."""
        self.write("a.txt")
        list(self.store.copy(parse("a.txt"), parse("b.txt"), source_precondition=None, target_precondition=None))
        self.discard("a.txt")
        self.later(GRACE - 60)
        reading = self.store.open(parse("b.txt"))
        self.discard("b.txt")
        self.later(61)
        self.collect()
        self.assertEqual(reading.read(0, 7), b"content", "and a backup of this time names it")
        self.later(GRACE)
        self.collect()
        self.assertEqual(self.objects(), set())

    def test_foreign_objects(self) -> None:
        """What somebody else keeps in the bucket stays: only a name as homeftp gives it can be an orphan's."""
        foreign = {"backup.sql", "ab/photo.jpg", "AB/" + "0" * 30, "other/ab/" + "0" * 30, "ab/" + "0" * 31}
        for name in foreign:
            self.cluster.bucket.put(name, b"not of this store")
        self.cluster.bucket.put(self.cluster.bucket.new_name(), b"the control: an orphan")
        self.collect()
        self.later(GRACE + 1)
        self.collect()
        self.assertEqual(self.objects(), foreign)

    def test_listed_once(self) -> None:
        """Of several servers one lists the bucket in a week."""
        self.cluster.execute("DELETE FROM upkeep")
        garbage.collect(self.context)
        self.cluster.bucket.put(self.cluster.bucket.new_name(), b"orphan")
        garbage.collect(self.server())
        self.later(GRACE + 1)
        garbage.collect(self.context)
        self.assertEqual(len(self.objects()), 1)

    def test_held(self) -> None:
        """After a recovery no orphan is looked for until the owner says so, and after that it stays a grace period."""
        self.context.database.transact(collected.hold)
        self.write("a.txt", "b.txt")
        self.write("c.txt")
        self.cluster.bucket.put(self.cluster.bucket.new_name(), b"written after the dump")
        self.discard("c.txt")
        for _ in range(2):
            garbage.collect(self.context)
            self.later(GRACE + 1)
        self.assertEqual(len(self.objects()), 2, "what is dropped in the recovered database goes as always")
        self.assertTrue(self.context.database.transact(collected.release))
        self.assertFalse(self.context.database.transact(collected.release))
        garbage.collect(self.context)
        self.later(GRACE - 60)
        garbage.collect(self.context)
        self.assertEqual(len(self.objects()), 2)
        self.later(61)
        garbage.collect(self.context)
        self.assertEqual(len(self.objects()), 1)
        self.assert_sound()

    def test_packs(self) -> None:
        """Files that were written together are one object; when less than half of it is in use, it is replaced."""
        names = [f"{number}.txt" for number in range(10)]
        self.write(*names)
        (pack,) = self.objects()
        self.discard(*names[:5])
        self.later(GRACE + 1)
        self.collect()
        self.assertEqual(self.objects(), {pack}, "the control: half of it is in use")
        reading = self.store.open(parse(names[7]))
        self.discard(*names[5:7])
        self.later(GRACE + 1)
        self.collect()
        self.assertEqual(len(self.objects()), 2)
        self.assertEqual([self.content(name) for name in names[7:]], [b"content"] * 3)
        self.assertEqual(reading.read(0, 7), b"content", "who reads the old one goes on reading it")
        self.later(GRACE + 1)
        self.collect()
        self.assertEqual(len(self.objects() - {pack}), 1)
        self.assertNotIn(pack, self.objects())
        self.assertEqual([self.content(name) for name in names[7:]], [b"content"] * 3)
        self.assert_sound()

    def test_packs_after_kill(self) -> None:
        """A pack that a server was about to replace when it was killed is replaced a grace period later."""
        names = [f"{number}.txt" for number in range(10)]
        self.write(*names)
        (pack,) = self.objects()
        self.discard(*names[:7])
        self.later(GRACE + 1)
        self.patch(self.cluster.bucket, "get_many", self.fail_once("get_many"))
        self.assertRaises(KeyboardInterrupt, garbage.collect, self.context)
        for _ in range(2):
            self.later(GRACE + 1)
            garbage.collect(self.server())
        self.assertEqual(len(self.objects()), 1)
        self.assertNotIn(pack, self.objects())
        self.assertEqual([self.content(name) for name in names[7:]], [b"content"] * 3)
        self.assert_sound()

    def test_refused(self) -> None:
        """What was written for files that were then refused is garbage."""
        self.write("a.txt")
        for result in self.store.write_many([(request("a.txt", size=3, precondition="absent"), b"new")]):
            self.assertIsInstance(result, Exception)
        self.later(GRACE + 1)
        garbage.collect(self.context)
        self.assertEqual(len(self.objects()), 1)
        self.assertEqual(self.content("a.txt"), b"content")


class WriterTests(GarbageCase):
    """Writers that are slower than the collector."""

    def test_named_meanwhile(self) -> None:
        """What a listing has found is named by its writer all the same, and stays for good."""
        stored = packs.store(self.context, [b"content"])
        self.collect()
        self.assertEqual(len(self.cluster.execute("SELECT 1 FROM garbage WHERE object = %s", *self.objects())), 1)
        self.commit("a.txt", stored)
        self.later(GRACE + 1)
        self.collect()
        self.assertEqual(self.content("a.txt"), b"content")
        self.assert_sound()

    def test_too_late(self) -> None:
        """A writer whose object is being removed is refused, and so is one that took too long before that."""
        stored = packs.store(self.context, [b"content"])
        self.collect()
        self.later(GRACE + 1)
        self.collect()
        self.assertEqual(self.objects(), set())
        late = StoredContents(stored.parts, stored.objects, stored.since_us - int((GRACE / 2 + 1) * SECOND_US))
        self.assertRaises(Busy, self.commit, "a.txt", late)
        doomed = packs.store(self.context, [b"content"])
        self.context.database.transact(lambda transaction: contents.suspect(transaction, doomed.objects))
        self.cluster.execute("UPDATE garbage SET doomed = true")
        self.assertRaises(Busy, self.commit, "a.txt", doomed)
        self.assertEqual(self.names(), [])
        self.assertEqual(self.names(), [])
        self.assert_sound()

    def test_without_grace(self) -> None:
        """The control: a collector that waits for nothing takes a file's bytes away, and that is noticed."""
        hasty = ClusterStore(self.hasty())
        stored = packs.store(self.context, [b"content"])
        garbage.find_orphans(self.context)
        # the writer has looked, and the collector has: neither sees what the other one is about to do
        self.patch(contents, "claim", lambda *arguments, **options: None)
        hasty.maintain()
        self.commit("a.txt", stored)
        self.assertRaises(self.failureException, self.assert_sound)

    def hasty(self) -> ClusterContext:
        """A server whose owner has set no grace period."""
        return attrs.evolve(self.server(), cluster=structs.replace(self.cluster.cluster, grace_seconds=0))

    def test_killed(self) -> None:
        """A collector that ends after it has doomed an object, or deleted it, is followed by another one."""
        self.write("a.txt")
        self.discard("a.txt")
        self.later(GRACE + 1)
        self.patch(self.cluster.bucket, "delete", self.fail_once("delete"))
        self.assertRaises(KeyboardInterrupt, garbage.collect, self.context)
        self.assertEqual(len(self.objects()), 1)
        garbage.collect(self.server())
        self.assertEqual(self.objects(), set())
        self.assert_sound()
