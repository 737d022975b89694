"""What a cluster holds, for its owner."""

from __future__ import annotations

from homeftp.store.cluster.tables.holdings import ClusterHoldings, read_status
from tests.support.clustercase import ClusterCase


class StatusTests(ClusterCase):
    """The counts."""

    def test_empty(self) -> None:
        """A new cluster holds nothing: its root is no folder of anybody's."""
        self.assertEqual(read_status(self.context.database), ClusterHoldings(0, 0, 0, 0, 0, 0, 0, 0))

    def test_counted(self) -> None:
        """Files, folders, versions and packs are counted, with their bytes."""
        self.write("a/b", "a/c", content=b"12345")
        self.write("a/b", content=b"123")
        found = read_status(self.context.database)
        self.assertEqual((found.files, found.file_bytes, found.directories), (2, 8, 1))
        self.assertEqual((found.versions, found.version_bytes), (1, 5))
        self.assertGreater(found.packs, 0)
