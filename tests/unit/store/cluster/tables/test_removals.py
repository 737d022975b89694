"""Directories that are being removed are found by every path that they concern."""

from __future__ import annotations

from homeftp.cluster.database import Transaction
from homeftp.store.cluster.tables import removals
from homeftp.store.cluster.tables.removals import Removal
from tests.support.clustercase import ClusterCase


class RemovalsTests(ClusterCase):
    """Rows."""

    def test_overlapping(self) -> None:
        """At, above and beneath a path, and not beside it."""
        database, share = self.context.database, self.context.share.id
        rows = [Removal(-1, ("d", "e"), 1), Removal(-2, ("d x",), 2), Removal(-3, ("d",), 3)]

        def insert(transaction: Transaction) -> None:
            for row in rows:
                removals.insert(transaction, share, row)

        database.transact(insert)

        def found(*names: str) -> list[int]:
            return [row.node for row in removals.overlapping(database, share, names)]

        self.assertEqual(found(), [-1, -2, -3])
        self.assertEqual(found("d"), [-1, -3])
        self.assertEqual(found("d", "e", "f"), [-1, -3])
        self.assertEqual(found("d", "f"), [-3])
        self.assertEqual(found("e"), [])

        def end(transaction: Transaction) -> None:
            for row in rows:
                self.assertTrue(removals.lock(transaction, row.node))
                removals.delete(transaction, row.node)
                self.assertFalse(removals.lock(transaction, row.node))

        database.transact(end)
