"""What the collector asks: which objects no part names, which packs are half dead, and whose turn it is."""

from __future__ import annotations

from homeftp.cluster.database import Transaction
from homeftp.store.cluster.base.rows import ContentPart
from homeftp.store.cluster.tables import collected, contents
from tests.support.clustercase import ClusterCase


class CollectedTests(ClusterCase):
    """Objects with names of this test's."""

    def test_objects(self) -> None:
        """From suspicion to the end."""
        database = self.context.database
        (number,) = database.row("SELECT nextval('number')")
        used, dead, fresh = (f"{number}-{each}" for each in ("used", "dead", "fresh"))

        def begin(transaction: Transaction) -> None:
            contents.insert(
                transaction, {number: [ContentPart(used, 0, 30), ContentPart(used, 0, 30), ContentPart(used, 50, 10)]}
            )
            contents.insert_packs(transaction, {used: 80, dead: 10})
            contents.suspect(transaction, [used, dead])

        database.transact(begin)
        self.assertEqual(collected.unnamed(database, [used, dead, fresh]), [fresh])
        self.assertEqual(collected.half_dead(database, [used, dead]), [dead])
        self.assertEqual(collected.live_ranges(database, used), [(0, 30), (50, 10)])

        def doom(transaction: Transaction) -> None:
            due = collected.lock_due(transaction, 2**60, 10**6)
            self.assertLessEqual({used, dead}, set(due))
            self.assertEqual(collected.unnamed_of(transaction, [used, dead]), [dead])
            collected.doom(transaction, [dead])
            collected.forget(transaction, [used])

        database.transact(doom)
        self.assertIn(dead, collected.doomed(database, 10**6))
        self.assertNotIn(used, collected.doomed(database, 10**6))

        def end(transaction: Transaction) -> None:
            collected.redirect(transaction, used, [(0, 30), (50, 10)], fresh, [0, 30])
            collected.forget_objects(transaction, [dead])

        database.transact(end)
        self.assertNotIn(dead, collected.doomed(database, 10**6))
        moved = [ContentPart(fresh, 0, 30), ContentPart(fresh, 0, 30), ContentPart(fresh, 30, 10)]
        self.assertEqual(contents.parts_of(database, [number])[number], moved)
        database.transact(lambda transaction: contents.drop(transaction, [number]))

    def test_due(self) -> None:
        """A task is begun by one server, and again when its time has come."""
        task = f"task of {self.context.share.id}"
        other = self.server().database
        self.assertTrue(collected.due(self.context.database, task, 1000))
        self.assertFalse(collected.due(other, task, 1000))
        self.cluster.execute("UPDATE upkeep SET at_us = at_us - 1001000000 WHERE task = %s", task)
        self.assertTrue(collected.due(other, task, 1000))
