"""One server as a member of a cluster."""

from __future__ import annotations

import contextlib
import os

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from homeftp.audit.log import Audit
from homeftp.audit.table import AuditTable, AuditTableReader
from homeftp.cluster.database import Database
from homeftp.cluster.dumps.manifest import list_dumps
from homeftp.cluster.migrations import migrate
from homeftp.cluster.shared import shared_database, shared_tables
from homeftp.config import Settings
from homeftp.crypto.secretfiles import private_folder
from homeftp.crypto.sshhostkey import read_host_key
from homeftp.endpoint import parse
from homeftp.errors import OperatorError
from homeftp.model import SERVER, Change
from homeftp.server import cluster, clustermember
from homeftp.server.clustermember import ClusterMember
from homeftp.server.clusterschema import SCHEMA
from homeftp.server.otherservers import read_change
from homeftp.server.service import HomeFTPService
from homeftp.server.sftp.frontend import SftpFrontEnd
from homeftp.server.sftp.ssh.hostkey import open_host_key
from homeftp.store.cluster import factory
from homeftp.store.cluster.base.context import ClusterOptions
from homeftp.store.cluster.tables.shares import make_share
from tests.support.clusters import memory_bucket
from tests.support.engines import empty_schema
from tests.support.folders import QuickCase


class ClusterMemberTests(QuickCase):
    """A member whose database has the tables."""

    def setUp(self) -> None:
        url = self.url = empty_schema()
        self.addCleanup(shared_database.cache_clear)
        self.addCleanup(shared_tables.cache_clear)
        self.database = shared_database(url)
        self.addCleanup(self.database.close)
        migrate(self.database, SCHEMA)
        self.bucket = memory_bucket()
        self.patch(clustermember, "open_bucket", lambda url, environment: self.bucket)
        member = cluster.member_of(Settings(root=url, state=os.path.abspath(self.mktemp()), objects="s3://files"))
        assert isinstance(member, ClusterMember)
        self.member = member
        self.member.join()

    def test_host_key(self) -> None:
        """All servers of a cluster that speak SFTP show the same key, that of the first one."""
        first, second, without = self.one_more(sftp=True), self.one_more(sftp=True), self.one_more(sftp=False)
        shown = [open_host_key(folder).public().blob() for folder in (first, second)]
        self.assertEqual(shown[0], shown[1])
        self.assertIsNone(read_host_key(without))

    def test_known_host_key(self) -> None:
        """A server that had a key before it joined gives it to the others, also while it speaks no SFTP."""
        folder = private_folder(os.path.abspath(self.mktemp()))
        own = open_host_key(folder).public().blob()
        self.one_more(sftp=False, state=folder)
        self.assertEqual(open_host_key(self.one_more(sftp=True)).public().blob(), own)
        self.assertEqual(open_host_key(folder).public().blob(), own)

    def test_other_host_key(self) -> None:
        """A server that had a key of its own in the cluster shows that of the others from its next start on."""
        shared = open_host_key(self.one_more(sftp=True)).public().blob()
        folder = private_folder(os.path.abspath(self.mktemp()))
        self.assertNotEqual(open_host_key(folder).public().blob(), shared)
        self.one_more(sftp=True, state=folder)
        self.assertEqual(open_host_key(folder).public().blob(), shared)

    def test_wrong_host_key(self) -> None:
        """What the database has in place of a key is refused, and the server keeps its own."""
        folder = self.one_more(sftp=True)
        own = open_host_key(folder).public().blob()
        self.database.transact(lambda transaction: transaction.execute("UPDATE identity SET ssh_key = 'nonsense'"))
        self.assertRaises(OperatorError, self.one_more, sftp=True, state=folder)
        self.assertEqual(open_host_key(folder).public().blob(), own)

    def one_more(self, *, sftp: bool, state: str | None = None) -> str:
        """Start one more server of the cluster; its state folder."""
        listen = ("tcp:0:interface=127.0.0.1",) if sftp else ()
        state = state or os.path.abspath(self.mktemp())
        member = cluster.member_of(Settings(root=self.url, state=state, objects="s3://files", sftp=listen))
        assert isinstance(member, ClusterMember)
        member.join()
        return state

    def test_store_id(self) -> None:
        """The store has an id, which stays."""
        first = self.member.store_id()
        assert first is not None
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


class FirstStartTests(TestCase):
    """Whole servers of a cluster, each with a state folder that is new."""

    def setUp(self) -> None:
        self.url = empty_schema()
        bucket = memory_bucket()
        for module in (clustermember, factory):
            self.patch(module, "open_bucket", lambda url, environment: bucket)
        self.addCleanup(shared_database.cache_clear)
        migrate(shared_database(self.url), SCHEMA)
        self.addCleanup(shared_database(self.url).close)
        with contextlib.closing(Database(self.url, connections=1)) as database:
            make_share(database, ClusterOptions().share)

    def serve(self) -> str:
        """Start one more server; the last line of its banner about SFTP, with the fingerprint of its key."""
        state, listen = os.path.abspath(self.mktemp()), ("tcp:0:interface=127.0.0.1",)
        settings = Settings(
            root=self.url, state=state, objects="s3://files", listen=listen, sftp=listen, announce=False
        )
        server = HomeFTPService(settings, reactor)
        (front_end,) = [each for each in server._server.front_ends if isinstance(each, SftpFrontEnd)]
        server.startService()
        self.addCleanup(server.stopService)
        return front_end.lines()[-1]

    def test_host_key(self) -> None:
        """A server shows the key that the servers share from its first start on."""
        self.assertEqual(self.serve(), self.serve())
