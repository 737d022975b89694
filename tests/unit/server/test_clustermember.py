"""One server as a member of a cluster."""

from __future__ import annotations

import os

from homeftp.audit.log import Audit
from homeftp.audit.table import AuditTable, AuditTableReader
from homeftp.cluster.dumps.manifest import list_dumps
from homeftp.cluster.migrations import migrate
from homeftp.cluster.shared import shared_database
from homeftp.config import Settings
from homeftp.endpoint import parse
from homeftp.model import SERVER, Change
from homeftp.server import cluster, clustermember
from homeftp.server.clustermember import ClusterMember
from homeftp.server.clusterschema import SCHEMA
from homeftp.server.otherservers import read_change
from tests.support.clusters import memory_bucket
from tests.support.engines import empty_schema
from tests.support.folders import QuickCase


class ClusterMemberTests(QuickCase):
    """A member whose database has the tables."""

    def setUp(self) -> None:
        url = empty_schema()
        self.addCleanup(shared_database.cache_clear)
        self.database = shared_database(url)
        self.addCleanup(self.database.close)
        migrate(self.database, SCHEMA)
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

    def test_journal(self) -> None:
        """Properties go along with what is moved, in the transaction that records it."""
        properties, audit = self.member.properties(), Audit("", sink=AuditTable(self.database))
        properties.change(parse("a"), {("urn:x", "one"): "1"}, "ann")
        journal = self.member.journal(audit)
        move = Change("move", "file", parse("a"), SERVER, parse("b"))
        self.database.transact(lambda transaction: journal(transaction, [move]))
        self.assertEqual((properties.of(parse("a")), properties.of(parse("b"))), ({}, {("urn:x", "one"): "1"}))
        (line,) = AuditTableReader(self.database).lines()
        self.assertEqual(read_change(line), move)

    def test_state(self) -> None:
        """Its metrics know the tables of the files, and its connections."""
        self.assertLessEqual(set(self.member.state().rows), set(clustermember.TABLES))
        self.assertGreater(self.member.accounts_usage().open, 0)
