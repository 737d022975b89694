"""A database's URL opens the cluster store, and what is missing is said in one line, without a secret."""

from __future__ import annotations

from unittest import mock

from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database
from homeftp.endpoint import parse
from homeftp.errors import Busy, Forbidden, OperatorError
from homeftp.interfaces.store import StoreOptions
from homeftp.model import WriteRequest
from homeftp.store.cluster.factory import ClusterStoreFactory, open_cluster
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables.shares import make_share
from homeftp.store.factory import check_store, open_store
from tests.support import engines
from tests.support.clustercase import ClusterCase
from tests.support.clusters import Cluster, memory_bucket, new_database

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "topsecret", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
OPTIONS = StoreOptions(objects="s3://bucket")
JOURNAL = StoreOptions(objects="s3://bucket", journal=lambda transaction, changes: None)


class FactoryTests(ClusterCase):
    """Opening."""

    def test_opened(self) -> None:
        """The URL and the bucket are all that it takes, where the tables are made."""
        make_share(self.context.database, "main")
        with mock.patch.dict("os.environ", KEYS):
            store = open_store(self.cluster.url, OPTIONS)
            self.addCleanup(store.close)
            check_store(self.cluster.url, OPTIONS)
        self.assertIsInstance(store, ClusterStore)

    def test_foreign_bucket(self) -> None:
        """A store that is to be changed is not opened in the bucket of another database; nothing is stored there."""
        self.write("a.txt")
        self.store.maintain()
        other = self.other()
        refused = self.assertRaises(OperatorError, self.opened, other, JOURNAL)
        self.assertIn("another database", str(refused))
        before = self.objects()
        store = self.opened(other, OPTIONS)
        self.assertRaises(Forbidden, store.write_many, [(self.asked, b"content")])
        self.assertEqual(self.objects(), before)
        self.opened(self.cluster, JOURNAL).write_many([(self.asked, b"content")])  # the control
        self.assertEqual(len(self.objects()), len(before) + 1)

    def test_silent_bucket(self) -> None:
        """A bucket that does not answer does not keep a store from being opened; it is looked at before it is used."""
        self.write("a.txt")
        self.store.maintain()
        get, silent = self.cluster.bucket.get, [True]

        def get_or_fail(name: str, start: int, length: int) -> bytes:
            if silent:
                raise Busy("it does not answer")
            return get(name, start, length)

        self.patch(self.cluster.bucket, "get", get_or_fail)
        store = self.opened(self.other(), JOURNAL)
        self.assertRaises(Busy, store.write_many, [(self.asked, b"content")])
        silent.clear()
        self.assertRaises(Forbidden, store.write_many, [(self.asked, b"content")])

    asked = WriteRequest(endpoint=parse("b.txt"), size=7)

    def other(self) -> Cluster:
        """A store of another database, with the same bucket."""
        other = Cluster(self.cluster.bucket, new_database())
        other.context().database.close()
        return other

    def opened(self, cluster: Cluster, options: StoreOptions) -> ClusterStore:
        """A store, opened as a server does."""
        store = open_cluster(cluster.url, cluster.bucket, options, cluster.cluster)
        self.addCleanup(store.close)
        return store

    def test_incomplete(self) -> None:
        """Without a bucket, and with a password that all could read, it is refused."""
        for url, options, part in (
            (self.cluster.url, StoreOptions(), "--objects s3://BUCKET"),
            ("postgresql://ann:topsecret@localhost/x", OPTIONS, "PGPASSFILE"),
            (self.cluster.url, StoreOptions(objects="ftp://x"), "s3://BUCKET"),
        ):
            refused = self.assertRaises(OperatorError, ClusterStoreFactory().open, url, options)
            self.assertIn(part, str(refused))
            self.assertNotIn("topsecret", str(refused))

    def test_not_ready(self) -> None:
        """A database without tables, and one that is not there, are said to be."""
        refused = self.assertRaises(OperatorError, open_cluster, engines.empty_schema(), memory_bucket(), OPTIONS)
        self.assertIn("homeftp cluster init", str(refused))
        whole = Database.__init__

        def quick(database: Database, url: str, **options: object) -> None:
            whole(database, url, connections=1, timeouts=DatabaseTimeouts(operation=0.3))

        with mock.patch.object(Database, "__init__", quick):
            away = "postgresql:///x?host=%2Fnowhere"
            refused = self.assertRaises(OperatorError, open_cluster, away, memory_bucket(), OPTIONS)
        self.assertIn("cannot be reached", str(refused))

    def test_folder(self) -> None:
        """A folder has no bucket."""
        self.assertRaises(OperatorError, open_store, self.mktemp(), OPTIONS)
