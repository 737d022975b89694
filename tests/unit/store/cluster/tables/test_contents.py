"""Parts name objects, and whatever object loses a part is looked at later."""

from __future__ import annotations

from homeftp.cluster.database import Transaction
from homeftp.errors import Busy
from homeftp.model import SECOND_US
from homeftp.store.cluster.base.rows import ContentPart
from homeftp.store.cluster.tables import contents
from tests.support.clustercase import ClusterCase


class ContentsTests(ClusterCase):
    """A content of three parts."""

    def setUp(self) -> None:
        """Make it."""
        super().setUp()
        (self.number,) = self.context.database.row("SELECT nextval('number')")
        self.parts = [ContentPart(f"{self.number}-{each}", 0, 10) for each in range(3)]
        self.transact(lambda transaction: contents.insert(transaction, {self.number: self.parts}))
        self.addCleanup(self.transact, lambda transaction: contents.drop(transaction, [self.number]))

    def transact(self, work: object) -> None:
        """Do it."""
        self.context.database.transact(work)  # type: ignore[arg-type]

    def looked_at(self) -> list[str]:
        """The objects of the content that are going to be looked at."""
        query = "SELECT object FROM garbage WHERE object LIKE %s ORDER BY object"
        return [str(name) for (name,) in self.cluster.execute(query, f"{self.number}-%")]

    def found(self) -> list[ContentPart]:
        """Its parts."""
        return contents.parts_of(self.context.database, [self.number])[self.number]

    def test_cut(self) -> None:
        """A content is cut within a part: the parts behind it are dropped, and their objects looked at."""
        self.assertEqual(self.found(), self.parts)
        left = [self.parts[0], ContentPart(self.parts[1].object, 0, 4)]
        self.transact(lambda transaction: contents.cut(transaction, self.number, left))
        self.assertEqual((self.found(), self.looked_at()), (left, [self.parts[2].object]))

    def test_drop(self) -> None:
        """The objects of a dropped content are looked at, each once."""
        self.transact(lambda transaction: contents.insert(transaction, {self.number: [self.parts[0]]}, 3))
        self.transact(lambda transaction: contents.drop(transaction, [self.number]))
        self.assertEqual((self.found(), self.looked_at()), ([], [part.object for part in self.parts]))

    def test_claim(self) -> None:
        """Who names an object keeps the collector from it, unless that is removing it, or it is too late."""
        names = [part.object for part in self.parts]
        self.transact(lambda transaction: contents.suspect(transaction, names))
        now_us = contents.now_us(self.context.database)

        def claim(since_us: int) -> object:
            return lambda transaction: contents.claim(transaction, names, since_us=since_us, grace_seconds=100)

        self.assertRaises(Busy, self.transact, claim(now_us - 51 * SECOND_US))
        self.assertEqual(self.looked_at(), names)
        self.transact(claim(now_us - 49 * SECOND_US))
        self.assertEqual(self.looked_at(), [])
        self.transact(lambda transaction: contents.suspect(transaction, names[:1]))
        self.cluster.execute("UPDATE garbage SET doomed = true WHERE object = %s", names[0])
        self.assertRaises(Busy, self.transact, claim(now_us))
        self.cluster.execute("DELETE FROM garbage WHERE object = %s", names[0])

    def test_packs(self) -> None:
        """Packs are remembered with their sizes."""
        name = self.parts[0].object

        def work(transaction: Transaction) -> None:
            contents.insert_packs(transaction, {name: 30})
            contents.insert_packs(transaction, {})

        self.transact(work)
        self.assertEqual(self.cluster.execute("SELECT size FROM pack WHERE object = %s", name), [(30,)])
