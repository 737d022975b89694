"""The cluster store as the backend of `postgresql:` URLs."""

from __future__ import annotations

import contextlib
import os

from zope.interface import implementer

from homeftp.cluster.database import Database
from homeftp.cluster.faults import unreachable
from homeftp.cluster.migrations import expect_current
from homeftp.cluster.objects import Bucket, open_bucket
from homeftp.cluster.shared import shared_breaker, shared_tables
from homeftp.errors import Busy, Forbidden, OperatorError
from homeftp.interfaces.store import StoreOptions
from homeftp.interfaces.storefactory import IStoreFactory
from homeftp.store.cluster.base.context import ClusterContext, ClusterOptions
from homeftp.store.cluster.base.schema import STORE
from homeftp.store.cluster.store import ClusterStore
from homeftp.store.cluster.tables.shares import find_share
from homeftp.store.cluster.upkeep.guard import guard_bucket
from homeftp.store.policy.changelog import ChangeLog


@implementer(IStoreFactory)
class ClusterStoreFactory:
    """Opens shares of a database whose bytes are in a bucket."""

    scheme = "postgresql"

    def check(self, url: str, options: StoreOptions) -> None:
        """Raise `OperatorError` where the database or the bucket cannot be used."""
        with contextlib.closing(self.open(url, options)):
            return

    def open(self, url: str, options: StoreOptions) -> ClusterStore:
        """The store in a database; raises `OperatorError`."""
        if options.objects is None:
            raise OperatorError("a database needs a bucket for the bytes of files: add --objects s3://BUCKET")
        return open_cluster(url, open_bucket(options.objects, os.environ), options)


def open_cluster(
    url: str, bucket: Bucket, options: StoreOptions, cluster: ClusterOptions | None = None
) -> ClusterStore:
    """The store in a database, with its bytes in a bucket; raises `OperatorError`."""
    return ClusterStore(open_context(url, bucket, options, cluster))


def open_context(
    url: str, bucket: Bucket, options: StoreOptions, cluster: ClusterOptions | None = None
) -> ClusterContext:
    """The engines of a store, and its share; raises `OperatorError`. The database is to be closed.

    A store whose changes are recorded in a journal, as those of a server, is opened only in a bucket that is the
    database's, where that answers. Nothing is put into another one by any store.
    """
    cluster = cluster or ClusterOptions()
    database = Database(url, connections=cluster.connections, breaker=shared_breaker(url), tables=shared_tables(url))
    try:
        expect_current(database, [STORE])
        share = find_share(database, cluster.share)
        _expect_own(database, bucket, at_once=options.journal is not None)
    except Busy as error:
        database.close()
        raise unreachable(error) from error
    except BaseException:
        database.close()
        raise
    log = ChangeLog(options.record_changes)
    return ClusterContext(database, bucket, share, options, cluster, log, options.journal)


def _expect_own(database: Database, bucket: Bucket, *, at_once: bool) -> None:
    guard = guard_bucket(database, bucket)
    if at_once:
        try:
            guard.look()
        except Busy:
            return  # it is looked at before the first object is put
        except Forbidden as refusal:
            raise OperatorError(refusal.message) from None
