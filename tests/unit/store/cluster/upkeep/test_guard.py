"""A bucket that is replaced, or emptied, under a running server, damages nothing and takes nothing."""

from __future__ import annotations

import uuid

from twisted.internet.task import Clock

from homeftp.endpoint import parse
from homeftp.errors import Busy, Damaged, Forbidden
from homeftp.store.cluster.upkeep.guard import LOOK_SECONDS, guard_bucket
from homeftp.store.cluster.upkeep.ownership import OWNER, expect_own
from tests.support.clustercase import ClusterCase
from tests.support.clusters import empty_bucket


class GuardTests(ClusterCase):
    """A server whose bucket was the right one when it started."""

    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.bucket = self.cluster.bucket
        guard_bucket(self.context.database, self.bucket, self.clock.seconds)
        self.write("a.txt", "b.txt")
        self.clock.advance(LOOK_SECONDS)

    def fill(self, kept: dict[str, bytes]) -> None:
        """Let it be as it was."""
        self.bucket.delete(sorted(self.objects()))
        for name, content in kept.items():
            self.bucket.create(name, content)

    def verify(self) -> int:
        """Verify everything; how much is damaged."""
        return sum(len(step.damages) for step in self.store.verify(parse("")))

    def assert_refused(self) -> None:
        """Nothing is damaged, nothing is stored, and the health says so."""
        refused = self.assertRaises(Busy, self.verify)
        self.assertIn("homeftp cluster init", refused.message)
        self.assertRaises(Busy, self.content, "a.txt")
        self.assertRaises(Busy, self.store.open_many, [parse("a.txt")], 1000)
        self.assertRaises(Busy, self.store.probe)
        self.assertRaises(Forbidden, self.write, "c.txt")
        self.assertEqual((list(self.store.damaged()), self.objects()), ([], set()))

    def test_emptied(self) -> None:
        """Nothing is damaged and nothing is taken until the owner is there again."""
        kept = empty_bucket(self.bucket)
        self.assert_refused()
        self.fill(kept)
        self.clock.advance(LOOK_SECONDS)
        self.store.probe()
        self.write("c.txt")
        self.assertEqual((self.verify(), self.content("a.txt")), (0, b"content"))

    def test_missing(self) -> None:
        """The control: what is missing in a bucket of this database's is damaged."""
        self.bucket.delete(sorted(self.objects()))
        self.assertRaises(Damaged, self.content, "a.txt")
        self.assertEqual(self.verify(), 2)

    def test_at_once(self) -> None:
        """What was missing right after a good look is not taken for damaged."""
        self.write("c.txt")
        empty_bucket(self.bucket)
        self.assert_not_damaged()

    def assert_not_damaged(self) -> None:
        """A verification is refused, and marks nothing."""
        self.assertRaises(Busy, self.verify)
        self.assertEqual(list(self.store.damaged()), [])

    def test_stored_since(self) -> None:
        """An empty bucket does not become this database's by what was put there before it was looked at again."""
        self.write("c.txt")
        empty_bucket(self.bucket)
        for number in range(9):  # while the look before it holds: the bucket has most objects of the database then
            self.write(f"new {number}.txt")
        self.clock.advance(LOOK_SECONDS)
        self.assertRaises(Forbidden, self.write, "e.txt")
        self.assert_not_damaged()

    def test_foreign(self) -> None:
        """Nothing is damaged and nothing is stored where another database has the bucket that answers."""
        empty_bucket(self.bucket)
        self.bucket.create(OWNER, str(uuid.uuid4()).encode())
        self.assert_not_damaged()
        self.assertRaises(Forbidden, self.write, "c.txt")

    def test_lost(self) -> None:
        """Where the owner of the database says that the bucket was lost, another one is used, and lacks what it had."""
        empty_bucket(self.bucket)
        self.assert_not_damaged()
        expect_own(self.context.database, self.bucket, anew=True)
        self.clock.advance(LOOK_SECONDS)
        self.write("c.txt", content=b"new")
        self.assertEqual(self.verify(), 2)

    def test_started_without(self) -> None:
        """A server that started while no bucket answered, and finds a wrong one, damages nothing."""
        empty_bucket(self.bucket)
        guard_bucket(self.context.database, self.bucket, self.clock.seconds)
        self.assert_refused()

    def test_cost(self) -> None:
        """Many small files cost one look in a few seconds."""
        looks: list[str] = []
        get = self.bucket.get

        def counted(name: str, start: int, length: int) -> bytes:
            looks.append(name)
            return get(name, start, length)

        self.patch(self.bucket, "get", counted)
        for number in range(50):
            self.write(f"{number}.txt")
            self.clock.advance(LOOK_SECONDS / 20)
        self.assertIn(len(looks), (3, 4))
        self.assertEqual(set(looks), {OWNER})
