"""Cluster stores for tests: over the database server of this process, and a bucket in memory or in its S3 server."""

from __future__ import annotations

import contextlib
import functools
import itertools

from obstore.store import MemoryStore as BucketInMemory

from homeftp.cluster.database import Database, Transaction
from homeftp.cluster.objects import Bucket, open_bucket
from homeftp.interfaces.store import StoreOptions
from homeftp.store.cluster.base.context import ClusterContext, ClusterOptions
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables.shares import make_share
from homeftp.store.cluster.upkeep.ownership import expect_own
from homeftp.store.policy.changelog import ChangeLog
from tests.support.kepttables import PATIENT, kept_database, kept_tables
from tests.support.objectserver import object_server

_NUMBERS = itertools.count(1)


def new_database() -> str:
    """A URL by which a test has the tables of the store for itself; it keeps them."""
    return kept_tables(STORE).take()


@functools.lru_cache(maxsize=1)
def database_url() -> str:
    """The URL of a database that tests share: each has its own store in it."""
    return new_database()


def memory_bucket() -> Bucket:
    """A bucket in the memory of this process, which never waits."""
    return Bucket(BucketInMemory(), pause=lambda seconds: None)


def empty_bucket(bucket: Bucket) -> dict[str, bytes]:
    """Remove all objects of a bucket; their contents, by their names."""
    sizes = {name: size for page in bucket.list() for name, size in page}
    removed = {name: bucket.get(name, 0, size) for name, size in sizes.items()}
    bucket.delete(sorted(removed))
    return removed


def real_bucket_url() -> str:
    """The URL of an empty part of a bucket in the S3 server of this process."""
    return f"{object_server().bucket('tests')}/{next(_NUMBERS)}"


def real_bucket(url: str | None = None) -> Bucket:
    """The bucket at such a URL, or at a new one."""
    return open_bucket(url or real_bucket_url(), object_server().environment())


class Cluster:
    """One store, which any number of servers have open."""

    def __init__(
        self, bucket: Bucket | None = None, url: str | None = None, *, kept: bool = False, **options: object
    ) -> None:
        """`url`: of a database, where it is not the shared one; `kept`: whether other tests use its tables afterwards.

        `options`: those of `ClusterOptions`.
        """
        self.bucket = memory_bucket() if bucket is None else bucket
        self._kept = kept or url is None
        self.url = database_url() if url is None else url
        self.cluster = ClusterOptions(share=f"share {next(_NUMBERS)}", **options)  # type: ignore[arg-type]
        if url is None:  # it has the files of other tests, which are not in this bucket
            with contextlib.closing(self._connect(1)) as database:
                expect_own(database, self.bucket, anew=True)

    def open(self, options: StoreOptions | None = None) -> ClusterStore:
        """One more server."""
        return ClusterStore(self.context(options))

    def context(self, options: StoreOptions | None = None) -> ClusterContext:
        """What one more server has open."""
        options = options or StoreOptions()
        database = self._connect(self.cluster.connections)
        share = make_share(database, self.cluster.share)
        return ClusterContext(database, self.bucket, share, options, self.cluster, ChangeLog(options.record_changes))

    def damage(self, path: str, content: bytes) -> None:
        """Have the bucket keep another content of that size for a file of one part."""
        (row,) = self.execute(
            """WITH RECURSIVE walk AS (
                SELECT n.id, n.content, 1 AS depth FROM share s JOIN node n ON n.id = s.root WHERE s.name = %s
                UNION ALL SELECT n.id, n.content, w.depth + 1 FROM walk w JOIN node n
                ON n.parent = w.id AND n.name = (%s::text[])[w.depth]
            ) SELECT p.object, p.start, p.size FROM walk w JOIN part p USING (content) WHERE w.depth = %s""",
            self.cluster.share,
            path.split("/"),
            len(path.split("/")) + 1,
        )
        object, start, size = str(row[0]), int(str(row[1])), int(str(row[2]))
        assert size == len(content)
        (whole,) = (each for page in self.bucket.list() for name, each in page if name == object)
        kept = self.bucket.get(object, 0, whole)
        self.bucket.put(object, kept[:start] + content + kept[start + size :])

    def execute(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """Run a statement, as an owner with psql might; the rows that it gives."""

        def work(transaction: Transaction) -> list[tuple[object, ...]]:
            gives = query.lstrip().startswith("SELECT") or query.lstrip().startswith("WITH RECURSIVE")
            return transaction.rows(query, parameters) if gives else [(transaction.execute(query, parameters),)]

        with contextlib.closing(self._connect(1)) as database:
            return database.transact(work)

    def _connect(self, connections: int) -> Database:
        if self._kept:
            return kept_database(self.url, connections)
        return Database(self.url, connections=connections, timeouts=PATIENT)
