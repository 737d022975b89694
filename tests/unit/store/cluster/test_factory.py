"""A database's URL opens the cluster store, and what is missing is said in one line, without a secret."""

from __future__ import annotations

from unittest import mock

from homeftp.cluster.connections import DatabaseTimeouts
from homeftp.cluster.database import Database
from homeftp.errors import OperatorError
from homeftp.interfaces.store import StoreOptions
from homeftp.store.cluster.factory import ClusterStoreFactory, open_cluster
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables.shares import make_share
from homeftp.store.factory import check_store, open_store
from tests.support import engines
from tests.support.clustercase import ClusterCase
from tests.support.clusters import memory_bucket

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "topsecret", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
OPTIONS = StoreOptions(objects="s3://bucket")


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
