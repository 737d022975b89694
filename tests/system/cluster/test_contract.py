"""The cluster store keeps the promises of a store over a real PostgreSQL and a real S3 server, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.trial.unittest import SynchronousTestCase

from homeftp.interfaces.store import IStore, StoreOptions
from homeftp.testing.contract import StoreContract
from homeftp.testing.contract.reading import ReadingContract
from homeftp.testing.contract.resuming import ResumingContract
from homeftp.testing.contract.writing import WritingContract
from tests.support.clusters import Cluster, real_bucket
from tests.support.needs import CEPH, LONG
from tests.unit.store.cluster.test_store import MakesClusters

if TYPE_CHECKING or LONG or CEPH:
    Promises = StoreContract
else:  # the others do not depend on what the bucket is

    class Promises(ReadingContract, WritingContract, ResumingContract):
        """What concerns bytes."""


class RealEnginesTests(MakesClusters, Promises, SynchronousTestCase):
    """The contract."""

    def make_store(self, options: StoreOptions) -> IStore:
        """A store, and a folder of a bucket, of its own."""
        self.cluster = Cluster(real_bucket())
        return self.cluster.open(options)
