"""One server as a member of a cluster."""

from __future__ import annotations

import os

from homeftp.cluster.dumps.manifest import list_dumps
from homeftp.cluster.migrations import migrate
from homeftp.cluster.shared import shared_database
from homeftp.config import Settings
from homeftp.server import cluster, clustermember
from homeftp.server.clustermember import ClusterMember
from homeftp.server.clusterschema import SCHEMA
from tests.support.clusters import memory_bucket
from tests.support.engines import empty_schema
from tests.support.folders import QuickCase


class ClusterMemberTests(QuickCase):
    """A member whose database has the tables."""

    def setUp(self) -> None:
        url = empty_schema()
        self.addCleanup(shared_database.cache_clear)
        self.addCleanup(shared_database(url).close)
        migrate(shared_database(url), SCHEMA)
        self.bucket = memory_bucket()
        self.patch(clustermember, "open_bucket", lambda url, environment: self.bucket)
        member = cluster.member_of(Settings(root=url, state=os.path.abspath(self.mktemp()), objects="s3://files"))
        assert isinstance(member, ClusterMember)
        self.member = member
        self.member.join()

    def test_store_id(self) -> None:
        """The store has an id, which stays."""
        first = self.member.store_id()
        self.assertEqual((len(first), self.member.store_id()), (32, first))

    def test_dumped(self) -> None:
        """Once a day one of the servers dumps the database into the bucket, and knows when."""
        self.assertEqual(self.member.dumped_at(), 0)
        for _ in range(2):
            self.member.dump_daily()
        self.assertEqual(len(list_dumps(self.bucket)), 1)
        self.assertGreater(self.member.dumped_at(), 0)

    def test_state(self) -> None:
        """Its metrics know the tables of the files, and its connections."""
        self.assertLessEqual(set(self.member.state().rows), set(clustermember.TABLES))
        self.assertGreater(self.member.accounts_usage().open, 0)
