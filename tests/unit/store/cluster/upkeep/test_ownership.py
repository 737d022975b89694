"""No server removes anything from the bucket of another database."""

from __future__ import annotations

from homeftp.config import HOUR
from homeftp.errors import Forbidden
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.upkeep import garbage
from homeftp.store.cluster.upkeep.ownership import OWNER, expect_own, find_foreign
from tests.support.clustercase import ClusterCase
from tests.support.clusters import Cluster, new_database

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
