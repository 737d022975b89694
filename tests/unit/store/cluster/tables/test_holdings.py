"""What a cluster holds, for its owner."""

from __future__ import annotations

from homeftp.store.cluster.tables.holdings import ClusterHoldings, read_status
from homeftp.workers.deadline import OPERATION_SECONDS
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

    def test_large(self) -> None:
        """Counting may take longer than a request: it has the time of maintenance, and reads tables in their order."""
        self.cluster.execute("ALTER TABLE pack RENAME TO packs")
        self.cluster.execute(
            "CREATE VIEW pack AS SELECT generate_series(1, (SELECT setting::integer / 1000 FROM pg_settings"
            " WHERE name = 'statement_timeout')) FROM pg_settings WHERE name = 'enable_seqscan' AND setting = 'on'"
        )
        self.assertGreater(read_status(self.context.database).packs, OPERATION_SECONDS * 10)
