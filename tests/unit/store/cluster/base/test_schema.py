"""The first step of the schema makes what the store needs, and all that is found by an index has one."""

from __future__ import annotations

from typing import Callable

from homeftp.cluster.database import Transaction
from homeftp.cluster.migrations import expect_current, states
from homeftp.endpoint import NO_FOLDERS
from homeftp.store.cluster.base.rows import LISTED
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.reading.listing import TreeReader
from homeftp.store.cluster.tables import contents
from homeftp.store.cluster.tables.names import lock, walk
from tests.support.clustercase import ClusterCase


class SchemaTests(ClusterCase):
    """The tables."""

    def test_made(self) -> None:
        """A database of this version is current."""
        (state,) = states(self.context.database, [STORE])
        self.assertEqual((state.made, state.problem), (len(STORE.steps), None))
        expect_current(self.context.database, [STORE])

    def scans(self, act: Callable[[Transaction], object]) -> int:
        """How often whole tables are read in an act."""
        query = "SELECT coalesce(sum(seq_scan), 0) FROM pg_stat_xact_user_tables WHERE relname IN ('node', 'part')"

        def work(transaction: Transaction) -> int:
            before = int(transaction.row(query)[0])
            act(transaction)
            return int(transaction.row(query)[0]) - before

        return self.context.database.transact(work)

    def test_indexes(self) -> None:
        """Files are found by an index, however many there are."""
        names = [("d", f"{number}.txt") for number in range(20)]
        self.write(*map("/".join, names))
        numbers = [node.content or 0 for node in walk(self.context.database, self.context.share.root, names).values()]
        acts: list[Callable[[Transaction], object]] = [
            lambda transaction: walk(transaction, self.context.share.root, names),
            lambda transaction: walk(transaction, self.context.share.root, names[:1]),
            lambda transaction: lock(transaction, [(self.context.share.root, "d")]),
            lambda transaction: contents.parts_of(transaction, numbers),
            lambda transaction: TreeReader(transaction, LISTED).tree(self.context.share.root, (), NO_FOLDERS),
        ]
        self.assertEqual([self.scans(act) for act in acts], [0] * len(acts))
        unindexed = self.scans(lambda transaction: transaction.rows("SELECT count(*) FROM node WHERE mode = 1"))
        self.assertGreater(unindexed, 0, "the control")
