"""A cluster store knows what its owner decided."""

from __future__ import annotations

from homeftp.config import Retention
from homeftp.interfaces.store import StoreOptions
from tests.support.clustercase import ClusterCase


class ContextTests(ClusterCase):
    """`ClusterContext`."""

    def test_options(self) -> None:
        """The limits and the retention are the owner's."""
        self.assertTrue(self.context.keeps_versions)
        none = self.server(StoreOptions(retention=Retention(seconds=0), file_size=5))
        self.assertEqual((none.keeps_versions, none.limits.file_size), (False, 5))
