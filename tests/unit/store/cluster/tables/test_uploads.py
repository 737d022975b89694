"""What arrived of uploads is found by path and owner, and by what was declared."""

from __future__ import annotations

import attrs

from homeftp.cluster.database import Transaction
from homeftp.hashing.filehash import hash_bytes
from homeftp.model import Actor
from homeftp.store.cluster.tables import uploads
from homeftp.store.cluster.tables.uploads import UploadRow
from tests.support.clustercase import ClusterCase, request

HASH, PREFIX = hash_bytes(b"whole"), hash_bytes(b"who")
ROW = UploadRow(0, ("a.txt",), "ann", HASH, 5, 7, 0, 3, PREFIX, 0)


class UploadsTests(ClusterCase):
    """Rows."""

    def insert(self, row: UploadRow) -> UploadRow:
        """Add one with numbers of its own."""

        def work(transaction: Transaction) -> UploadRow:
            id, content = (transaction.row("SELECT nextval('number')")[0] for _ in range(2))
            made = attrs.evolve(row, id=id, content=content)
            uploads.insert(transaction, self.context.share.id, made)
            return made

        return self.context.database.transact(work)

    def test_found(self) -> None:
        """Each owner finds its own, by path; more of it may arrive until it is gone."""
        database, share = self.context.database, self.context.share.id
        row = self.insert(ROW)
        nameless = self.insert(attrs.evolve(ROW, owner=None, hash=None))
        (found,) = uploads.of_path(database, share, ("a.txt",), "ann")
        self.assertEqual(attrs.evolve(found, at_us=0), row)
        self.assertGreater(found.at_us, 0)
        self.assertEqual([each.id for each in uploads.of_path(database, share, ("a.txt",), None)], [nameless.id])
        self.assertEqual(uploads.of_path(database, share, ("b.txt",), "ann"), [])

        def work(transaction: Transaction) -> None:
            self.assertEqual(uploads.advance(transaction, row.id, 4, hash_bytes(b"whol")), row.arrived)
            self.assertEqual([each.arrived for each in uploads.of_owner(transaction, share, "ann")], [4])
            self.assertEqual(len(uploads.of_paths(transaction, share, [("a.txt",), ("b.txt",)])), 2)
            self.assertEqual(uploads.older(transaction, share, 10, 10), [])
            self.assertEqual(len(uploads.older(transaction, share, 2**60, 10)), 2)
            self.assertEqual(uploads.delete(transaction, [row.id, row.id + 10**9]), {row.id: 4})
            self.assertIsNone(uploads.advance(transaction, row.id, 5, HASH))

        database.transact(work)

    def test_fits(self) -> None:
        """By the hash where both have one, else by size and time together, and for the same path and owner only."""
        self.assertTrue(ROW.fits(HASH, None, None))
        self.assertFalse(ROW.fits(PREFIX, 5, 7))
        self.assertTrue(ROW.fits(None, 5, 7))
        for known in ((None, 5), (5, None), (5, 8), (None, None)):
            self.assertFalse(ROW.fits(None, *known))
        asked = request("a.txt", size=5, hash=HASH, actor=Actor("ann"))
        self.assertTrue(uploads.request_fits(ROW, asked))
        for other in (request("b.txt", hash=HASH, actor=Actor("ann")), request("a.txt", hash=HASH, actor=Actor("bob"))):
            self.assertFalse(uploads.request_fits(ROW, other))
